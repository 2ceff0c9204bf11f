package chaos

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// provider is the billing API. The simulator checks signatures and acts; the provider keeps what arrived, and fails.
type provider struct {
	address   string
	authority *testpki.CA
	foreign   tls.Certificate // of an authority that no gateway trusts

	generation int // of the cloud keys

	mu          sync.Mutex
	certificate tls.Certificate
	shown       *tls.Certificate // instead of certificate, if set
	accepted    []bsssim.Account
	simulator   *bsssim.Server
	served      int // by this simulator
	mood        mood
	random      *rand.Rand
	arrivals    []arrival
}

// arrival is a request as it came to the provider.
type arrival struct {
	at             time.Time
	operation, act string
	accessKey      string
	status         int // as the simulator answered; 0: it was not asked
	refusal        string
}

// mood is how the provider behaves.
type mood int

const (
	faultless mood = iota
	serverError
	throttled
	badGateway  // it acts, and something before it fails
	resetAnswer // it acts, and the connection is reset
	cutAnswer   // it acts, and the connection is closed in the middle of the answer
	unanswered  // it neither acts nor answers, and closes the connection
	slow
)

// moodShare is the share of requests that a mood affects.
const moodShare = 0.4

// renewal is after how many requests the simulator is replaced: its memory is bounded, and the test's own counts go on.
const renewal = 20_000

func newProvider(t *testing.T, random *rand.Rand) *provider {
	t.Helper()
	p := &provider{authority: testpki.Must(testpki.New()), random: random}
	p.foreign = testpki.Must(testpki.Must(testpki.New()).Server("127.0.0.1"))
	p.certificate = testpki.Must(p.authority.Server("127.0.0.1"))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: p.choose, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	server := &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0)} // handshakes fail on purpose
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return p
}

func (p *provider) choose(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown != nil {
		return p.shown, nil
	}
	own := p.certificate
	return &own, nil
}

// show has new connections see another certificate; nil: the provider's own.
func (p *provider) show(c *tls.Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = c
}

// renew has the provider have a certificate of another authority.
func (p *provider) renew(authority *testpki.CA) error {
	certificate, err := authority.Server("127.0.0.1")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.authority, p.certificate = authority, certificate
	return err
}

func (p *provider) be(m mood) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mood = m
}

// accept has the provider accept these keys only.
func (p *provider) accept(accounts []bsssim.Account) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted = accounts
	return p.replaceSimulator()
}

// replaceSimulator begins with a simulator that has seen nothing. It pays an order as often as it is asked to, so that nothing but the
// gateways keeps an act from being done twice.
func (p *provider) replaceSimulator() error {
	p.simulator, p.served = bsssim.New(bsssim.Config{Accounts: p.accepted, Unthrottled: true, PayAgain: true}), 0
	for _, customer := range []string{"c-17", "c-18"} {
		if err := p.simulator.Deposit(customer, "100000000"); err != nil {
			return err
		}
	}
	return nil
}

var (
	actPattern = regexp.MustCompile(`CS-([a-z]+)-[0-9]+-X`)
	keyPattern = regexp.MustCompile(`Access=([^,]+),`)
)

// ServeHTTP has the simulator answer, and fails as the mood is.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := p.draw()
	body, err := io.ReadAll(r.Body)
	if err != nil { // it was cut off on the way: no request
		panic(http.ErrAbortHandler)
	}
	a := newArrival(r, body)
	switch m {
	case unanswered:
		p.add(a)
		panic(http.ErrAbortHandler)
	case serverError, throttled:
		p.add(a)
		refuse(w, m)
		return
	case slow:
		time.Sleep(500 * time.Millisecond)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := p.act(&a, r)
	p.add(a)
	p.answer(w, m, answer)
}

// draw is the mood towards one request.
func (p *provider) draw() mood {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random.Float64() >= moodShare {
		return faultless
	}
	return p.mood
}

func newArrival(r *http.Request, body []byte) arrival {
	a := arrival{at: time.Now(), act: actPattern.FindString(r.RequestURI + " " + string(body))}
	if key := keyPattern.FindStringSubmatch(r.Header.Get("Authorization")); key != nil {
		a.accessKey = key[1]
	}
	a.operation = operationOf(r.Method, r.URL.Path)
	return a
}

// act has the simulator act on a request. Orders are there when they are asked for.
func (p *provider) act(a *arrival, r *http.Request) *httptest.ResponseRecorder {
	p.mu.Lock()
	if p.served++; p.served > renewal {
		_ = p.replaceSimulator() // the same customers as before
	}
	simulator := p.simulator
	p.mu.Unlock()
	if customer := customerOf(a.act); customer != "" {
		_ = simulator.AddOrder(bsssim.Order{ID: a.act, Customer: customer, Amount: "1"}) // fails if it is there
	}
	answer := httptest.NewRecorder()
	simulator.ServeHTTP(answer, r)
	if a.status = answer.Code; a.status >= 400 {
		a.refusal = answer.Body.String()
	}
	return answer
}

func (p *provider) add(a arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = append(p.arrivals, a)
}

func refuse(w http.ResponseWriter, m mood) {
	status, code := http.StatusInternalServerError, "CBC.0999"
	if m == throttled {
		status, code = http.StatusTooManyRequests, "APIG.0308"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error_code":%q,"error_msg":"not now"}`, code)
}

// answer passes on what the simulator answered, or a part of it.
func (p *provider) answer(w http.ResponseWriter, m mood, answer *httptest.ResponseRecorder) {
	switch m {
	case badGateway:
		http.Error(w, "<html><body>502 Bad Gateway</body></html>", http.StatusBadGateway)
		return
	case resetAnswer, cutAnswer:
		breakOff(w, answer, m == resetAnswer)
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the gateway may have gone
}

// breakOff sends a part of an answer, and ends the connection.
func breakOff(w http.ResponseWriter, answer *httptest.ResponseRecorder, reset bool) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // it is HTTP/1.1, or the gateway does what it must not
	}
	text := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", answer.Code, answer.Body.Len()+100, answer.Body)
	_, _ = io.WriteString(connection, text[:len(text)-len(text)/3])
	if reset {
		_ = connection.(*tls.Conn).NetConn().(*net.TCPConn).SetLinger(0)
		_ = connection.(*tls.Conn).NetConn().Close()
		return
	}
	_ = connection.Close()
}
