package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// answering is an upstream that answers over TLS with whatever bytes a test wants.
type answering struct {
	listener net.Listener
	working  sync.WaitGroup

	mu   sync.Mutex
	seen map[string]int // requests by order
	open map[*visit]bool
}

// visit is one connection to it.
type visit struct {
	*tls.Conn
	server *answering
	in     *bufio.Reader
	over   chan struct{} // closed when the server hangs up
}

// answerWith serves connections with a script; a connection ends with its script.
func (w *world) answerWith(script func(*visit)) *answering {
	w.t.Helper()
	certificate := testpki.Must(w.ca.Server("127.0.0.1"))
	s := &answering{listener: testListener(w.t), seen: map[string]int{}, open: map[*visit]bool{}}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.working.Go(func() {
		for {
			raw, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.serve(tls.Server(raw, config), script)
		}
	})
	w.t.Cleanup(s.close)
	w.values.Upstream = s.listener.Addr().String()
	return s
}

func (s *answering) serve(c *tls.Conn, script func(*visit)) {
	x := &visit{c, s, bufio.NewReader(c), make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[x] = true
	s.working.Go(func() {
		script(x)
		_ = x.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, x)
	})
}

func (s *answering) close() {
	_ = s.listener.Close()
	s.hangUp()
	s.working.Wait()
}

// hangUp closes the open connections.
func (s *answering) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.open {
		_ = x.NetConn().Close() // without a farewell, for which a peer that does not read would have to be waited for
		close(x.over)
		delete(s.open, x)
	}
}

// orders counts what was asked, by order.
func (s *answering) orders() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// head reads the head of a request. The body is still to come.
func (x *visit) head() (*http.Request, error) { return http.ReadRequest(x.in) }

// request reads a request and returns its order. It is false at the end of the connection.
func (x *visit) request() (order string, ok bool) {
	r, err := x.head()
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false
	}
	order = orderIn(r.URL.RequestURI() + " " + string(body))
	x.saw(order)
	return order, true
}

func (x *visit) saw(order string) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.server.seen[order]++
}

func (x *visit) send(text string) { _, _ = io.WriteString(x, text) } // the gateway may have gone

// reset ends the connection by RST.
func (x *visit) reset() {
	raw := x.NetConn().(*net.TCPConn)
	_ = raw.SetLinger(0)
	_ = raw.Close()
}

// confirmation is an answer that names the order it is about.
func confirmation(order string) string {
	body := `{"order_id":"` + order + `"}`
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// TestAnsweredTwice has a provider that sends each answer twice. No call takes another one's answer for its own, though
// all share one connection. (A second answer that comes only after the next request has gone out cannot be distinguished from that
// one's own: HTTP/1.1 has nothing that does.)
func TestAnsweredTwice(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*visit, string){
		"as it is": func(x *visit, order string) { x.send(confirmation(order) + confirmation(order)) },
		"within the excess of a body": func(x *visit, order string) {
			x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" + confirmation(order))
		},
		"behind an empty answer": func(x *visit, order string) {
			x.send("HTTP/1.1 204 No Content\r\n\r\n" + confirmation(order))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{})
			upstream := w.answerWith(func(x *visit) {
				for {
					order, ok := x.request()
					if !ok {
						return
					}
					again(x, order)
				}
			})
			p := w.configure(replaceOnce(t, standard+unlimited, "timeout: 20s", "timeout: 20s, max_connections: 1")).start()
			answers := w.callAll(p, 10)
			p.stop()
			ownAnswers(t, answers)
			checkOnce(t, upstream.orders(), w.ordersOnRecord())
		})
	}
}

// ownAnswers has no call answered with what belongs to another one.
func ownAnswers(t *testing.T, answers map[string]answer) {
	t.Helper()
	answered := 0
	for order, got := range answers {
		if named := orderIn(got.body); named != "" && named != order {
			t.Errorf("order %s was answered with what belongs to %s", order, named)
		}
		if got.status < 300 {
			answered++
		}
	}
	if answered == 0 {
		t.Error("no call was answered: the test says nothing")
	}
	t.Logf("%d of %d calls were answered", answered, len(answers))
}

// TestBrokenAnswers has a provider that reads each request whole and answers as no server should. Whether the call had its
// effect is known from a whole answer only.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	var script atomic.Pointer[func(*visit)]
	upstream := w.answerWith(func(x *visit) {
		if _, ok := x.request(); ok {
			(*script.Load())(x)
		}
	})
	p := w.configure(standard + unlimited).start()
	rest := p.rest()
	outcomes := map[string]string{}
	for number, c := range []struct {
		name          string
		script        func(*visit)
		reads, writes string // outcomes; a call that ends as unknown is answered so
	}{
		{"nothing", func(*visit) {}, logfile.Unknown, logfile.Unknown},
		{"a reset", (*visit).reset, logfile.Unknown, logfile.Unknown},
		{"another protocol", says("SSH-2.0-OpenSSH_9.6\r\n"), logfile.Unknown, logfile.Unknown},
		{"no status", says("HTTP/1.1 \r\n\r\n"), logfile.Unknown, logfile.Unknown},
		{"half a header", says("HTTP/1.1 200 OK\r\nContent-Le"), logfile.Unknown, logfile.Unknown},
		{"an endless header", endless("HTTP/1.1 200 OK\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n"), logfile.Unknown, logfile.Unknown},
		{"endless interim answers", endless("", "HTTP/1.1 103 Early Hints\r\nX-More: "+strings.Repeat("x", 1000)+"\r\n\r\n"), logfile.Unknown, logfile.Unknown},
		{"an interim answer only", says("HTTP/1.1 100 Continue\r\n\r\n"), logfile.Unknown, logfile.Unknown},
		{"another protocol by upgrade", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), logfile.Unknown, logfile.Unknown},
		{"two lengths", says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), logfile.Unknown, logfile.Unknown},
		{"a negative length", says("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"), logfile.Unknown, logfile.Unknown},
		{"half a body", says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"order_id"), logfile.Unknown, logfile.Unknown},
		{"half a body, and a reset", func(x *visit) {
			x.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"order_id")
			x.reset()
		}, logfile.Unknown, logfile.Unknown},
		{"half of the chunks", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), logfile.Unknown, logfile.Unknown},
		{"broken chunks", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), logfile.Unknown, logfile.Unknown},
		{"half a body without length", says("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n{\"order_id"), logfile.Succeeded, logfile.Unknown},
		{"more than announced", says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{} and so on"), logfile.Succeeded, logfile.Succeeded},
		{"an interim answer first", says("HTTP/1.1 103 Early Hints\r\n\r\n" + confirmation("")), logfile.Succeeded, logfile.Succeeded},
	} {
		script.Store(&c.script)
		for kind := range orderKinds {
			want := c.writes
			if orderKinds[kind].method == "GET" {
				want = c.reads
			}
			order := orderName(number, kind)
			outcomes[order] = want
			got := send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, order))
			if meaning := got.meaning(); meaning != want || want == logfile.Unknown && got.status != http.StatusBadGateway {
				t.Errorf("%s to %s: got %d %s, want %s", c.name, orderKinds[kind].method, got.status, got.body, want)
			}
		}
	}
	w.returnsTo(p, upstream.hangUp, rest, 1)
	p.stop()
	w.sawEach(upstream, outcomes)
}

// sawEach has the upstream have seen each order once, and the log have its outcome.
func (w *world) sawEach(upstream *answering, outcomes map[string]string) {
	w.t.Helper()
	arrived, recorded := upstream.orders(), w.ordersOnRecord()
	checkOnce(w.t, arrived, recorded)
	for order, want := range outcomes {
		if arrived[order] != 1 {
			w.t.Errorf("order %s arrived %d times", order, arrived[order])
		}
		if h := recorded[order]; h == nil || h.outcome == nil || h.outcome.Outcome != want {
			w.t.Errorf("order %s is on record as %+v, want %s", order, h, want)
		}
	}
}

func says(text string) func(*visit) { return func(x *visit) { x.send(text) } }

// endless repeats a text until the gateway has had enough.
func endless(begin, text string) func(*visit) {
	return func(x *visit) {
		_, err := io.WriteString(x, begin)
		for err == nil {
			_, err = io.WriteString(x, text)
		}
	}
}

// TestEndlessAnswer has a provider whose answer never ends. Once the caller has left, the gateway lets go of it.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	body := endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n")
	upstream := w.answerWith(func(x *visit) {
		if _, ok := x.request(); ok {
			body(x)
		}
	})
	p := w.configure(replaceOnce(t, standard+unlimited, "timeout: 20s", "timeout: 1h")).start()
	rest := p.rest()
	outcomes := map[string]string{}
	for kind := range orderKinds {
		response, err := new(http.Transport).RoundTrip(p.orderRequest(kind, orderName(kind)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, response.Body, 2<<20); err != nil {
			t.Errorf("%s: the answer ends: %v", orderKinds[kind].method, err)
		}
		_ = response.Body.Close()
		outcomes[orderName(kind)] = response.Header.Get("Tollgate-Outcome")
		if want := map[bool]string{true: logfile.Succeeded, false: logfile.Unknown}[kind == 0]; outcomes[orderName(kind)] != want {
			t.Errorf("%s: got %s, want %s", orderKinds[kind].method, outcomes[orderName(kind)], want)
		}
	}
	w.returnsTo(p, func() {}, rest, 0)
	p.stop()
	w.sawEach(upstream, outcomes)
}

// TestNeverAnswered has a provider that answers one request, and then takes requests and says nothing until the gateway
// stops waiting. Without that one the keys were on trial, and one of the calls had to wait for the others.
func TestNeverAnswered(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, bsssim.Config{})
	const answered = "CS-answered"
	upstream := w.answerWith(func(x *visit) {
		order, _ := x.request()
		if order == answered {
			x.send(confirmation(order))
			_, _ = x.request()
		}
		_, _ = x.in.ReadByte() // until the gateway leaves
	})
	p := w.configure(replaceOnce(t, standard+unlimited, "timeout: 20s", "timeout: 3s")).start()
	if got := send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(0, answered)); got.status != http.StatusOK {
		t.Fatalf("the first call: got %d %s", got.status, got.body)
	}
	outcomes := map[string]string{answered: logfile.Succeeded}
	var calling sync.WaitGroup
	for kind := range orderKinds {
		outcomes[orderName(kind)] = logfile.Unknown
		calling.Go(func() {
			got, err := ask(&http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, orderName(kind)))
			if err != nil || got.status != http.StatusGatewayTimeout || got.code != "TG.7004" || got.header.Get("Retry-After") != "" {
				t.Errorf("%s: got %d %s (%v), want 504 TG.7004 without Retry-After", orderKinds[kind].method, got.status, got.body, err)
			}
		})
	}
	calling.Wait()
	p.stop()
	w.sawEach(upstream, outcomes)
}

// early are calls with large bodies that name their order in the path.
const early = `endpoints: [{name: Early, method: "*", path: "/early/{order}", effect: spend, class: customer}]`

// TestAnsweredEarly has a provider that answers before it has read the body, and then resets or closes the connection,
// reads on, or stops reading. The answer may be lost with that; what the caller gets and what is on record agree all the same.
func TestAnsweredEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	var then atomic.Pointer[func(*visit, io.Reader)]
	upstream := w.answerWith(func(x *visit) {
		if r, err := x.head(); err == nil {
			x.saw(orderIn(r.URL.RequestURI()))
			x.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
			(*then.Load())(x, r.Body)
		}
	})
	p := w.configure(replaceOnce(t, standard+unlimited, "catalog: cn, ", "catalog: cn, "+early+", ")).start()
	rest := p.rest()
	meanings := map[string]string{}
	body := strings.Repeat("x", 2<<20)
	for number, next := range []func(*visit, io.Reader){
		func(x *visit, _ io.Reader) { x.reset() },
		func(x *visit, _ io.Reader) { _ = x.Close() },
		func(x *visit, body io.Reader) { _, _ = io.Copy(io.Discard, body) },
		func(x *visit, _ io.Reader) { <-x.over },
	} {
		then.Store(&next)
		for kind, method := range []string{"POST", "DELETE"} {
			order := orderName(number, kind)
			got := send(t, &http.Transport{DisableKeepAlives: true}, request(t, method, "http://"+p.address("plain")+"/early/"+order, body))
			if meanings[order] = got.meaning(); meanings[order] != logfile.Succeeded && meanings[order] != logfile.Unknown {
				t.Errorf("%s: got %d %s", method, got.status, got.body)
			}
		}
	}
	w.returnsTo(p, upstream.hangUp, rest, 1)
	p.stop()
	w.sawEach(upstream, meanings)
}
