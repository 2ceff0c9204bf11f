package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// raw is a gateway before two upstreams that look at bytes: one that gets signed calls over TLS, and an internal app to which
// more headers are passed. No keys are needed, so that a test case is what a hostile caller would send.
const raw = `
listeners:
  - {name: bss, address: "127.0.0.1:0", caller: shop, upstreams: [bss]}
  - {name: app, address: "127.0.0.1:0", caller: shop, upstreams: [app]}
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example], upstreams: [bss],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem, client_certificate: required}}
  - {name: https-app, address: "127.0.0.1:0", hosts: [gateway.example], upstreams: [app],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem, client_certificate: required}}
upstreams:
  bss:
    url: "https://{{.Upstream}}"
    sign: true
    tls: {ca: ca.pem}
    endpoints: [{name: Echo, method: "*", path: "/echo/{path...}", effect: write, class: customer}]
  app:
    url: "http://{{.App}}"
    endpoints: [{name: App, method: "*", path: "/echo/{path...}", effect: write}]
credentials:
  customer: {class: customer, upstream: bss, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{certificate: {uri: "spiffe://corp.example/shop"}}]
    grants:
      - {operations: [Echo], upstream: bss, credential: customer}
      - {operations: [App], upstream: app}
limits: {published: false}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: info, format: json}
bounds: {headers: 16KiB, body: 64KiB, drain: 20s}
`

// rawWorld is a world with that gateway running.
type rawWorld struct {
	*world
	*process
	upstreams map[string]*rawUpstream // by name
	arrived   map[string][]rawRequest // what was taken from them
	shop      tls.Certificate
	quiet     int // goroutines of the gateway before its first call
}

func newRawWorld(t testing.TB, config string) *rawWorld {
	t.Helper()
	return newRawWorldOf(t, config, binary)
}

// newRawWorldOf is that of another binary.
func newRawWorldOf(t testing.TB, config, binary string) *rawWorld {
	t.Helper()
	w := newWorld(t, bsssim.Config{})
	w.binary = binary
	bss, app := newRawUpstream(t, w.ca), newRawUpstream(t, nil)
	w.values.Upstream, w.values.App = bss.address(), app.address()
	shop := w.issue("shop", shopIdentity)
	raw := &rawWorld{
		world: w, process: w.configure(config).start(), shop: shop,
		upstreams: map[string]*rawUpstream{"bss": bss, "app": app}, arrived: map[string][]rawRequest{},
	}
	raw.quiet = raw.goroutines()
	return raw
}

// goroutines is how many the gateway has.
func (p *process) goroutines() int { return int(p.gauge("go_goroutines")) }

// gauge returns the value of a metric without labels.
func (p *process) gauge(name string) float64 {
	p.t.Helper()
	_, text := p.admin("/metrics")
	_, rest, _ := strings.Cut(text, "\n"+name+" ")
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		p.t.Fatalf("the metrics say %s %q", name, number)
	}
	return n
}

// calm reports whether the gateway has no more goroutines than before its first call, but for two for each connection to an
// upstream that it keeps, and a few for the question itself.
func (w *rawWorld) calm() bool {
	kept := 0
	for _, u := range w.upstreams {
		u.mu.Lock()
		kept += len(u.conns)
		u.mu.Unlock()
	}
	return w.goroutines() <= w.quiet+2*kept+5
}

// finish stops the gateway and holds everything that arrived against the records.
func (w *rawWorld) finish() {
	t := w.world.t
	t.Helper()
	w.stop()
	for name, u := range w.upstreams {
		w.matchRecords(name, append(w.arrived[name], u.take()...))
		u.sound()
	}
	for _, line := range []string{"panic in a call", "signing failed"} {
		if strings.Contains(w.log(), line) {
			t.Errorf("the gateway logged %q", line)
		}
	}
}

// rawCase is one case of testdata/http.
type rawCase struct {
	name   string
	sent   string
	cut    bool     // the caller ends its side when it has sent everything
	only   string   // the one upstream that it is for; empty: both
	wants  []string // the answers in order: a status of the HTTP server, a code, or 200 and the request upstream
	passed []string // header lines of the last request upstream
	kept   []string // names of headers that it does not have

	lenient *rawCase // what net/http makes of it; nil: the same
}

// readCases reads a file of cases. Each begins with "== NAME". The bytes to send follow, in lines whose ends do not count,
// with the escapes of Go; $Host stands for the line of a good Host, {x*3} for xxx. After a line "--" comes one line for
// each answer. Further lines there: "cut", "only UPSTREAM", "+ HEADER LINE" and "- HEADER NAME". After a line "-- net/http" comes what that
// makes of it, where it repairs what our engine refuses.
func readCases(t testing.TB, path string) []*rawCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*rawCase
	for _, part := range strings.Split("\n"+string(text), "\n== ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		sent, wants, ok := strings.Cut("\n"+rest, "\n--")
		if !ok {
			t.Fatalf("%s: case %q has no line --", path, name)
		}
		wants, lenient, repaired := strings.Cut(wants, "\n-- net/http\n")
		c := &rawCase{name: name, sent: unescape(t, strings.ReplaceAll(sent, "\n", ""))}
		c.wantAll(wants)
		if repaired {
			c.lenient = &rawCase{name: name, sent: c.sent, cut: c.cut, only: c.only}
			c.lenient.wantAll(lenient)
		}
		cases = append(cases, c)
	}
	return cases
}

func (c *rawCase) wantAll(text string) {
	for line := range strings.Lines(text) {
		c.want(strings.TrimSpace(line))
	}
}

func (c *rawCase) want(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || word == "#":
	case word == "cut":
		c.cut = true
	case word == "only":
		c.only = rest
	case word == "+":
		c.passed = append(c.passed, rest)
	case word == "-":
		c.kept = append(c.kept, rest)
	default:
		c.wants = append(c.wants, line)
	}
}

var repeated = regexp.MustCompile(`\{([^{}*]+)\*(\d+)\}`)

func unescape(t testing.TB, text string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "$Host", `Host: 127.0.0.1\r\n`)
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for repeated.MatchString(text) { // the innermost first
		text = repeated.ReplaceAllStringFunc(text, func(match string) string {
			parts := repeated.FindStringSubmatch(match)
			n, _ := strconv.Atoi(parts[2])
			return strings.Repeat(parts[1], n)
		})
	}
	return text
}

// TestRawRequests sends each case of the corpus byte for byte. What it says reaches the upstream, and nothing else does.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	newRawWorld(t, raw).runCorpus(t, false)
}

// TestRawRequestsOverNetHTTP does it with a gateway that has net/http for HTTP/1.1, too: what our engine takes, that takes alike.
func TestRawRequestsOverNetHTTP(t *testing.T) {
	t.Parallel()
	newRawWorldOf(t, raw, overNetHTTP(t)).runCorpus(t, true)
}

func (w *rawWorld) runCorpus(t *testing.T, lenient bool) {
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		for _, c := range readCases(t, file) {
			if lenient && c.lenient != nil {
				c = c.lenient
			}
			for _, upstream := range []string{"bss", "app"} {
				if c.only == "" || c.only == upstream {
					t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+c.name+"/"+upstream, func(t *testing.T) { w.runCase(t, c, upstream) })
				}
			}
		}
	}
	w.finish()
}

func (w *rawWorld) runCase(t *testing.T, c *rawCase, upstream string) {
	answers := exchangeRaw(t, w.address(upstream), c.sent, len(c.wants), c.cut)
	arrived := w.upstreams[upstream].take()
	w.arrived[upstream] = append(w.arrived[upstream], arrived...)
	var got []string
	next := 0
	for _, a := range answers {
		switch {
		case a.code != "":
			got = append(got, a.code)
		case a.status == http.StatusOK && next < len(arrived):
			got = append(got, "200 "+arrived[next].String())
			next++
		default:
			got = append(got, strconv.Itoa(a.status))
		}
	}
	for _, r := range arrived[next:] {
		got = append(got, "unanswered "+r.String())
	}
	if !slices.Equal(got, c.wants) {
		t.Errorf("got\n\t%.600s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.wants, "\n\t"))
	}
	if len(arrived) > 0 {
		c.checkHeader(t, &arrived[len(arrived)-1])
	}
	w.upstreams[upstream].sound()
}

func (c *rawCase) checkHeader(t *testing.T, r *rawRequest) {
	t.Helper()
	for _, line := range c.passed {
		if !slices.Contains(r.header, line) {
			t.Errorf("%q is not among what reached the upstream: %q", line, r.header)
		}
	}
	for _, name := range c.kept {
		if values := r.values(name); len(values) > 0 {
			t.Errorf("%s: %q reached the upstream", name, values)
		}
	}
}

// exchangeRaw sends bytes on a connection of their own and returns all answers until the connection's end. The caller ends its
// side once it has the answers that it expects, or at once if it cuts.
func exchangeRaw(t testing.TB, address, sent string, expected int, cut bool) []answer {
	t.Helper()
	c := dial(t, address)
	defer c.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(c, sent) // the gateway need not read everything
	}()
	end := func() {
		<-written
		_ = c.CloseWrite()
	}
	if cut {
		end()
	}
	var answers []answer
	for reader := bufio.NewReader(c); ; {
		if len(answers) == expected && !cut {
			end()
		}
		a, err := readAnswer(reader, methodOf(sent))
		if err != nil {
			_ = c.Close() // a writer that is stuck ends with it
			<-written
			return answers
		}
		answers = append(answers, a)
	}
}

func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func methodOf(sent string) string {
	method, _, _ := strings.Cut(sent, " ")
	return method
}

// readAnswer reads one final answer; those on the way are read over.
func readAnswer(reader *bufio.Reader, method string) (answer, error) {
	for {
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return answer{}, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return answer{}, fmt.Errorf("after status %d: %w", response.StatusCode, err)
		}
		if response.StatusCode >= 200 {
			return answer{response.StatusCode, response.Header, string(body), problemCode(body)}, nil
		}
	}
}

var shopIdentity = testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}
