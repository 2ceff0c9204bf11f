package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/internal/testpki"
)

// rawRequest is one request as the upstream received it.
type rawRequest struct {
	method, target string
	header         []string // lines without their ends, in order
	body           string
}

func (r *rawRequest) String() string {
	text := r.method + " " + r.target
	if r.body != "" {
		text += " " + strconv.Quote(r.body)
	}
	return text
}

// values returns the values of a header, by its name in any case.
func (r *rawRequest) values(name string) []string {
	var values []string
	for _, line := range r.header {
		if n, v, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

// identity is what a record of the same call must say, or have a keyed hash of.
func (r *rawRequest) identity(key *mac.Key) string {
	path, query, _ := strings.Cut(r.target, "?")
	return fmt.Sprintf("%s %s %s %d %s", r.method, path, key.Text(query), len(r.body), key.Text(r.body))
}

const rawOK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// rawUpstream takes requests apart by itself, byte for byte, and takes nothing that is unclear: net/http would repair, or
// hide, what must not have been sent.
type rawUpstream struct {
	t        testing.TB
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	dialed int // connections that were ever taken
	seen   []rawRequest
	faults []string                                    // bytes that no gateway may send
	answer func(c net.Conn, r *rawRequest) (keep bool) // changed by answering
	early  func(c net.Conn) (keep bool)                // is called after the header, before the body is read
}

// newRawUpstream listens on loopback, with TLS if there is a CA.
func newRawUpstream(t testing.TB, ca *testpki.CA) *rawUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if ca != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{testpki.Must(ca.Server("127.0.0.1"))}, MinVersion: tls.VersionTLS12})
	}
	u := &rawUpstream{t: t, listener: listener, conns: map[net.Conn]bool{}, answer: saying(rawOK)}
	u.serving.Go(u.accept)
	t.Cleanup(u.close)
	return u
}

func (u *rawUpstream) address() string { return u.listener.Addr().String() }

// saying answers with a fixed text, which may be broken; the connection stays open.
func saying(text string) func(net.Conn, *rawRequest) bool {
	return func(c net.Conn, _ *rawRequest) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	}
}

// sayingLast is the same, and closes the connection.
func sayingLast(text string) func(net.Conn, *rawRequest) bool {
	return func(c net.Conn, r *rawRequest) bool {
		saying(text)(c, r)
		return false
	}
}

func (u *rawUpstream) answering(answer func(net.Conn, *rawRequest) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer, u.early = answer, nil
}

func (u *rawUpstream) answeringEarly(early func(net.Conn) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.early = early
}

func (u *rawUpstream) accept() {
	for {
		c, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[c] = true
		u.dialed++
		u.mu.Unlock()
		u.serving.Go(func() { u.serve(c) })
	}
}

func (u *rawUpstream) close() {
	_ = u.listener.Close()
	u.mu.Lock()
	for c := range u.conns {
		_ = c.Close()
	}
	u.mu.Unlock()
	u.serving.Wait()
}

func (u *rawUpstream) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		u.mu.Lock()
		delete(u.conns, c)
		u.mu.Unlock()
	}()
	for reader := bufio.NewReaderSize(c, 1<<20); u.serveOne(c, reader); {
	}
}

func (u *rawUpstream) serveOne(c net.Conn, reader *bufio.Reader) (keep bool) {
	if _, err := reader.Peek(1); err != nil {
		return false
	}
	r, err := u.read(c, reader)
	if err == nil && reader.Buffered() > 0 {
		rest, _ := reader.Peek(reader.Buffered())
		err = fmt.Errorf("%s is followed by %.200q before its answer", r, rest)
	}
	u.mu.Lock()
	if err != nil {
		u.faults = append(u.faults, err.Error())
	} else {
		u.seen = append(u.seen, *r)
	}
	answer := u.answer
	u.mu.Unlock()
	return err == nil && answer(c, r)
}

var (
	rawLine   = regexp.MustCompile(`^([A-Z0-9-]+) (/[!-~]*) HTTP/1\.1$`)
	rawHeader = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^`|~-]+: ?[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$") // no underscore; bytes beyond ASCII may be any (RFC 9110, section 5.5)
	rawLength = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
)

var errBroken = errors.New("broken off by the upstream")

// read takes one request. Its one framing is Content-Length.
func (u *rawUpstream) read(c net.Conn, reader *bufio.Reader) (*rawRequest, error) {
	line, err := rawText(reader)
	if err != nil {
		return nil, err
	}
	parts := rawLine.FindStringSubmatch(line)
	if parts == nil {
		return nil, fmt.Errorf("request line %.300q", line)
	}
	r := &rawRequest{method: parts[1], target: parts[2]}
	for {
		if line, err = rawText(reader); err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		if !rawHeader.MatchString(line) {
			return nil, fmt.Errorf("header line %.300q", line)
		}
		r.header = append(r.header, line)
	}
	if err := r.checkFraming(); err != nil {
		return nil, err
	}
	u.mu.Lock()
	early := u.early
	u.mu.Unlock()
	if early != nil && !early(c) {
		return nil, errBroken
	}
	return r, r.readBody(reader)
}

// rawText reads a line that ends as it should.
func rawText(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%.300q and then %w", line, err)
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		return "", fmt.Errorf("line %.300q", line)
	}
	return text, nil
}

func (r *rawRequest) checkFraming() error {
	lengths, hosts := r.values("Content-Length"), r.values("Host")
	switch {
	case len(hosts) != 1:
		return fmt.Errorf("hosts %q", hosts)
	case len(lengths) > 1 || len(lengths) == 1 && !rawLength.MatchString(lengths[0]):
		return fmt.Errorf("lengths %q", lengths)
	case len(lengths) == 0 && (r.method == "POST" || r.method == "PUT" || r.method == "PATCH"):
		return fmt.Errorf("%s without a length", r)
	}
	for _, name := range []string{"Transfer-Encoding", "Te", "Trailer", "Upgrade", "Connection", "Keep-Alive", "Expect", "Proxy-Connection", "Proxy-Authorization"} {
		if values := r.values(name); len(values) > 0 {
			return fmt.Errorf("%s: %q", name, values)
		}
	}
	return nil
}

func (r *rawRequest) readBody(reader *bufio.Reader) error {
	lengths := r.values("Content-Length")
	if len(lengths) == 0 {
		return nil
	}
	length, err := strconv.Atoi(lengths[0])
	if err != nil {
		return err
	}
	var body bytes.Buffer
	_, err = io.CopyN(&body, reader, int64(length))
	r.body = body.String()
	return err
}

// take returns what arrived since it was last called.
func (u *rawUpstream) take() []rawRequest {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = nil
	return seen
}

// sound checks that everything which arrived was well-formed.
func (u *rawUpstream) sound() {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, fault := range u.faults {
		u.t.Errorf("the upstream got %s", fault)
	}
	u.faults = nil
}

// matchRecords holds what arrived at an upstream against the intents that have not the outcome not_sent: the same calls,
// the same bytes, the same number.
func (w *world) matchRecords(upstream string, arrived []rawRequest) {
	w.t.Helper()
	var got, want []string
	key, err := mac.Load(w.file("audit/hash.key"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range arrived {
		got = append(got, arrived[i].identity(key))
	}
	records, unsent := w.records(), map[string]bool{}
	for _, r := range records {
		if r.Outcome == logfile.NotSent {
			unsent[r.Call] = true
		}
	}
	for _, r := range records {
		if r.Kind == logfile.KindIntent && r.Upstream == upstream && !unsent[r.Call] {
			query, body := cmp.Or(r.QueryMAC, key.Text(r.Query)), cmp.Or(r.BodyMAC, key.Of(r.BodyHash))
			want = append(want, fmt.Sprintf("%s %s %s %d %s", r.Method, r.Path, query, r.BodyBytes, body))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%d requests arrived at %s, %d are on record; they differ from %s", len(got), upstream, len(want), firstDifference(got, want))
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%.300q on, which is %.300q on record", got[i], want[i])
		}
	}
	return "the last on"
}
