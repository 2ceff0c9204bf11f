package accept

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// net/http waits half a second before it closes a connection of which it has not read everything.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

type testPKI struct {
	ca     *testpki.CA
	server tls.Certificate
}

var pki = sync.OnceValue(func() *testPKI {
	ca := testpki.Must(testpki.New())
	return &testPKI{ca, testpki.Must(ca.Server("tollgate.test"))}
})

func serverTLS(t testing.TB, custom *tlspolicy.Config, s tlspolicy.Server) *tls.Config {
	t.Helper()
	policy, err := tlspolicy.Named(tlspolicy.Default)
	if custom != nil {
		policy, err = tlspolicy.New("narrow", *custom)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pki().server, nil }
	return policy.Server(s)
}

func clientTLS(change func(*tls.Config)) *tls.Config {
	config := &tls.Config{RootCAs: pki().ca.Pool(), ServerName: "tollgate.test", MinVersion: tls.VersionTLS10}
	if change != nil {
		change(config)
	}
	return config
}

// refusals collects the arguments of Config.Refused.
type refusals chan Refusal

func (r refusals) next(t *testing.T) Refusal {
	t.Helper()
	select {
	case got := <-r:
		return got
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was refused")
		return Refusal{}
	}
}

// start listens on loopback; the test closes it.
func start(t *testing.T, c Config) (net.Listener, refusals) {
	t.Helper()
	refused := make(refusals, 1024)
	c.Refused = func(r Refusal) { refused <- r }
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(inner, c)
	t.Cleanup(func() { _ = l.Close() })
	return l, refused
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a hang becomes a failure
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestHTTP(t *testing.T) {
	narrow := &tlspolicy.Config{Versions: []string{"1.2"}, CipherSuites: []string{"ECDHE-ECDSA-AES256-GCM-SHA384"}}
	for name, c := range map[string]struct {
		custom *tlspolicy.Config
		h2     bool // what the client wants
		proto  string
	}{
		"h2":               {nil, true, "HTTP/2.0"},
		"h1":               {nil, false, "HTTP/1.1"},
		"h2 not by policy": {narrow, true, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			handler := func(w http.ResponseWriter, r *http.Request) {
				if state := ConnectionOf(r.Context()).TLS; state == nil || !state.HandshakeComplete {
					t.Error("the handler sees no TLS")
				}
				_, _ = io.WriteString(w, r.Proto)
			}
			secure := Config{TLS: serverTLS(t, c.custom, tlspolicy.Server{})}
			server, _, _ := newServer(t, ServerConfig{Listener: secure, Handler: http.HandlerFunc(handler)})
			serve(t, server)
			transport := &http.Transport{TLSClientConfig: clientTLS(nil), ForceAttemptHTTP2: c.h2}
			for range 3 {
				response, err := (&http.Client{Transport: transport}).Get("https://" + server.listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if string(body) != c.proto || err != nil {
					t.Errorf("%q, %v; want %s", body, err, c.proto)
				}
			}
			transport.CloseIdleConnections()
			if err := server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	others, err := testpki.New()
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := others.Client("unknown")
	if err != nil {
		t.Fatal(err)
	}
	l, refused := start(t, Config{TLS: serverTLS(t, &tlspolicy.Config{Groups: []string{"X25519"}},
		tlspolicy.Server{ClientCAs: pki().ca.Pool(), RequireClientCert: true})})
	shake := func(change func(*tls.Config)) func(net.Conn) {
		return func(conn net.Conn) {
			secured := tls.Client(conn, clientTLS(change))
			if secured.Handshake() == nil {
				_, _ = secured.Read(make([]byte, 1)) // of TLS 1.3 clients only the read sees the refusal
			}
		}
	}
	for name, c := range map[string]struct {
		peer   func(net.Conn)
		reason Reason
		offer  bool
	}{
		"version": {shake(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), ReasonVersion, true},
		"suite": {shake(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}), ReasonSuite, true},
		"suite of another key": {shake(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}), ReasonSuite, true},
		"group":          {shake(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }), ReasonGroup, true},
		"group in 1.2":   {shake(func(c *tls.Config) { c.CurvePreferences, c.MaxVersion = []tls.CurveID{tls.CurveP384}, tls.VersionTLS12 }), ReasonGroup, true},
		"no certificate": {shake(nil), ReasonCertificate, true},
		"bad certificate": {shake(func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &unknown, nil }
		}), ReasonCertificate, true},
		"distrust": {shake(func(c *tls.Config) { c.ServerName = "other.test" }), ReasonPeerAlert, true},
		"leaves":   {func(conn net.Conn) { _, _ = conn.Write([]byte{22}); _ = conn.Close() }, ReasonPeerClosed, false},
		"not TLS":  {func(conn net.Conn) { _, _ = conn.Write([]byte("\x00\x01\x02\x03\x04\x05\x06\x07")) }, ReasonNotTLS, false},
	} {
		conn := dial(t, l)
		c.peer(conn)
		got := refused.next(t)
		_ = conn.Close()
		if got.Reason != c.reason || got.Err == nil {
			t.Errorf("%s: reason %q (%v), want %q", name, got.Reason, got.Err, c.reason)
		}
		if (len(got.Offer.Suites) > 0) != c.offer {
			t.Errorf("%s: offer %v", name, got.Offer)
		}
		if got.Source.String() != "127.0.0.1" || got.Remote != conn.LocalAddr().String() || !slices.Contains(Reasons(), got.Reason) {
			t.Errorf("%s: source %q, remote %q, reason %q", name, got.Source, got.Remote, got.Reason)
		}
	}
}

func TestPlainHTTPIsAnswered(t *testing.T) {
	l, refused := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{})})
	conn := dial(t, l)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 400 ") {
		t.Errorf("answer %q, %v", line, err)
	}
	if got := refused.next(t); got.Reason != ReasonNotTLS {
		t.Errorf("reason %q", got.Reason)
	}
}

func TestReasonOfForeignErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Reason
	}{
		{context.DeadlineExceeded, ReasonTimeout},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindSuite, Found: "x"}, ReasonSuite},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindKey, Found: "x"}, ReasonCertificate},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindSignature, Found: "x"}, ReasonCertificate},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindAuthority, Why: "x"}, ReasonCertificate},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindExpired, Why: "x"}, ReasonCertificate},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindRevoked, Why: "x"}, ReasonRevoked},
		{&tlspolicy.NotAllowed{Kind: tlspolicy.KindStatus, Why: "x"}, ReasonRevoked},
		{errors.New("something new"), ReasonOther},
	} {
		if got := reasonOf(c.err, tlspolicy.Hello{}); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
