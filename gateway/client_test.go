package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// reply is an answer as the caller got it.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// problem is the gateway's own answer.
type problem struct {
	ErrorCode string   `json:"error_code"`
	ErrorMsg  string   `json:"error_msg"`
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Instance  string   `json:"instance"`
	Choices   []string `json:"choices"`
}

// code is the gateway's error code; empty for the upstream's answers.
func (r *reply) code() string {
	var p problem
	if r.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(r.body), &p) != nil {
		return ""
	}
	return p.ErrorCode
}

// raw is a connection on which requests are written byte for byte.
type raw struct {
	t      testing.TB
	conn   net.Conn
	reader *bufio.Reader
}

func (f *fixture) dial(t testing.TB) *raw {
	t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return newRaw(t, c)
}

func newRaw(t testing.TB, c net.Conn) *raw {
	_ = c.SetDeadline(time.Now().Add(patience))
	return &raw{t, c, bufio.NewReader(c)}
}

func (r *raw) write(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.conn, text); err != nil {
		r.t.Fatalf("writing: %v", err)
	}
}

// read reads one answer; nil if the connection ended before one.
func (r *raw) read(method string) *reply {
	response, err := http.ReadResponse(r.reader, &http.Request{Method: method})
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &reply{response.StatusCode, response.Header, string(body), err}
}

// answer is read for a method other than HEAD, for tests that cannot go on without one.
func (r *raw) answer() *reply {
	r.t.Helper()
	got := r.read("GET")
	if got == nil {
		r.t.Fatal("the connection was closed without an answer")
	}
	return got
}

// exchange sends one raw request on a connection of its own.
func (f *fixture) exchange(t testing.TB, text string) *reply {
	t.Helper()
	c := f.dial(t)
	defer c.conn.Close()
	c.write(text)
	method, _, _ := strings.Cut(text, " ")
	return c.read(method)
}

// plain writes a request with a length.
func plain(method, target, body string, header ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: gateway.test\r\n", method, target)
	if body != "" || method == "POST" || method == "PUT" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	for _, line := range header {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// signed is a request with a virtual key, as an SDK would make it.
type signed struct {
	caller       string
	method       string
	target       string // on the wire
	body         string
	host         string // "gateway.test" if empty
	date         time.Time
	header       []string // further lines, not signed
	signHeader   []string // further lines, signed
	payloadHash  string   // of the body if empty
	withoutHost  bool     // do not sign host, as the Go SDK does
	secret       string   // the caller's if empty
	tamper       func(text string) string
	authenticate func(authorization string) string
}

func (s signed) text(t testing.TB) string {
	t.Helper()
	if s.host == "" {
		s.host = "gateway.test"
	}
	if s.date.IsZero() {
		s.date = time.Now()
	}
	if s.payloadHash == "" {
		s.payloadHash = signing.HashHex([]byte(s.body))
	}
	if s.secret == "" {
		s.secret = callerSecrets[s.caller]
	}
	var headers []signing.Header
	if !s.withoutHost {
		headers = append(headers, signing.Header{Name: "host", Value: s.host})
	}
	for _, line := range s.signHeader {
		name, value, _ := strings.Cut(line, ": ")
		headers = append(headers, signing.Header{Name: strings.ToLower(name), Value: value})
	}
	slices.SortFunc(headers, func(a, b signing.Header) int { return strings.Compare(a.Name, b.Name) })
	path, query, _ := strings.Cut(s.target, "?")
	added, err := signing.SDK.NewKey(accessKeyOf(s.caller), secret.New(s.secret)).Sign(s.date, signing.Request{
		Method: s.method, Path: signing.CanonicalPath(must(gateway.ParsePath(path))), Query: must(signing.ParseQuery(query)).Canonical(),
		Headers: headers, PayloadHash: s.payloadHash,
	}, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	if last := &added[len(added)-1]; s.authenticate != nil {
		last.Value = s.authenticate(last.Value)
	}
	var lines []string
	for _, h := range added {
		lines = append(lines, h.Name+": "+h.Value)
	}
	lines = append(lines, s.signHeader...)
	text := strings.Replace(plain(s.method, s.target, s.body, append(lines, s.header...)...), "Host: gateway.test", "Host: "+s.host, 1)
	if s.tamper != nil {
		return s.tamper(text)
	}
	return text
}

// call sends a signed request and wants an answer.
func (f *fixture) call(t testing.TB, s signed) *reply {
	t.Helper()
	got := f.exchange(t, s.text(t))
	if got == nil {
		t.Fatal("the connection was closed without an answer")
	}
	return got
}

// send sends an unsigned request and wants an answer.
func (f *fixture) send(t testing.TB, text string) *reply {
	t.Helper()
	got := f.exchange(t, text)
	if got == nil {
		t.Fatalf("the connection was closed without an answer to %.200q", text)
	}
	return got
}

// wantCode checks that the gateway refused with this code, in the status that the code stands for.
func (r *reply) wantCode(t testing.TB, code string) {
	t.Helper()
	i := slices.IndexFunc(gateway.Codes(), func(c gateway.Code) bool { return c.Number == code })
	if i < 0 {
		t.Fatalf("no code %s", code)
	}
	if r.code() != code || r.status != gateway.Codes()[i].Status {
		t.Errorf("answer %d %s, want %d %s", r.status, r.body, gateway.Codes()[i].Status, code)
	}
}

// Calls that many tests make.
const (
	payTarget  = "/v3/orders/customer-orders/pay"
	payBody    = `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`
	readTarget = "/v2/accounts/customer-accounts/balances"
)

func pay() string  { return plain("POST", payTarget, payBody) }
func look() string { return plain("GET", readTarget, "") }

// problem reads the gateway's own answer.
func (r *reply) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if strings.Contains(p.ErrorMsg, "<no value>") || strings.Contains(" "+p.ErrorMsg, " error.") {
		t.Errorf("a message is missing, or lacks a value: %s", p.ErrorMsg)
	}
	return p
}

// closeWrite ends what the caller sends and leaves the way back open.
func closeWrite(t testing.TB, r *raw) {
	t.Helper()
	if err := r.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}
