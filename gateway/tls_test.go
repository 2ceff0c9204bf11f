package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// secured is a fixture behind TLS, as the product sets it up.
type secured struct {
	*fixture
	ca *testpki.CA
}

func startTLS(t *testing.T, settings ...adjustment) *secured {
	t.Helper()
	f := prepare(t, settings...)
	f.listener.Local = false
	ca := must(testpki.New())
	certificate := must(ca.Server("gateway.test", "intl.test"))
	policy := must(tlspolicy.Named("huawei-high"))
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = inner.Addr().String()
	f.serve(t, inner, policy.Server(tlspolicy.Server{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }, ClientCAs: ca.Pool(),
	}))
	return &secured{f, ca}
}

// client speaks HTTP/1.1 or HTTP/2 to the gateway, with the certificates given.
func (s *secured) client(t *testing.T, http2 bool, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	policy := must(tlspolicy.Named("huawei-high"))
	config := policy.Client(tlspolicy.Client{ServerName: "gateway.test", RootCAs: s.ca.Pool()})
	config.Certificates = certificates
	transport := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols), ExpectContinueTimeout: patience}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.address)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func do(t *testing.T, client *http.Client, r *http.Request) *reply {
	t.Helper()
	got, err := try(client, r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// try is do for goroutines, which cannot end a test.
func try(client *http.Client, r *http.Request) (*reply, error) {
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &reply{response.StatusCode, response.Header, string(body), err}, nil
}

func request(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://gateway.test"+target, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// both runs a test over HTTP/1.1 and HTTP/2.
func both(t *testing.T, run func(t *testing.T, http2 bool)) {
	t.Run("HTTP/1.1", func(t *testing.T) { run(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { run(t, true) })
}

// A client certificate names the caller, and the record says so, with the evidence of both connections.
func TestCertificateCaller(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		client := s.client(t, http2, must(s.ca.Client("any", certURI)))
		got := do(t, client, request(t, "POST", "/echo/a%20b/c?y=2&x=1", strings.NewReader("body")))
		if got.status != 200 {
			t.Fatalf("answer %d %s", got.status, got.body)
		}
		a := s.origin.only(t)
		if a.line != "POST /echo/a%20b/c?x=1&y=2 HTTP/1.1" || a.body != "body" {
			t.Errorf("upstream got %q %q", a.line, a.body)
		}
		a.checkFraming(t, s.upstream["bss"].Host)
		a.checkSignature(t, "partner-main")
		r := s.log.only(t, logfile.KindIntent)
		if r.Caller != certCaller || r.IdentifiedBy != "certificate" || r.Identity != certURI {
			t.Errorf("recorded %q by %q %q", r.Caller, r.IdentifiedBy, r.Identity)
		}
		alpn := map[bool]string{true: "h2", false: "http/1.1"}[http2]
		if in := r.TLSIn; in == nil || in.Version != "1.3" && !strings.Contains(in.Version, "1.3") || in.ALPN != alpn || in.PeerFingerprint == "" || in.Suite == "" {
			t.Errorf("evidence of the caller's connection: %+v", in)
		}
	})
}

// A certificate that no caller has, and none at all.
func TestNoCallerBehindTLS(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		do(t, s.client(t, http2), request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.2001")
		unknown := s.client(t, http2, must(s.ca.Client("unknown", "spiffe://corp/unknown")))
		do(t, unknown, request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.2008")
		s.origin.none(t)
	})
}

// A certificate that is revoked while its connection is open is refused at the next request.
func TestRevokedOnAnOpenConnection(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		var revoked atomic.Bool
		s := startTLS(t, func(f *fixture) {
			f.listener.CheckClient = func(chains [][]*x509.Certificate) error {
				if len(chains) != 1 || len(chains[0]) != 2 {
					t.Errorf("asked about %v", chains)
				}
				if revoked.Load() {
					return &tlspolicy.NotAllowed{Kind: tlspolicy.KindRevoked, Why: "not for callers"}
				}
				return nil
			}
		})
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		if got := do(t, client, request(t, "GET", "/echo/x", nil)); got.status != 200 {
			t.Fatalf("answer %d %s", got.status, got.body)
		}
		revoked.Store(true)
		got := do(t, client, request(t, "GET", "/echo/x", nil))
		got.wantCode(t, "TG.2008")
		if !strings.Contains(got.body, "certificate revoked") || strings.Contains(got.body, "not for callers") {
			t.Errorf("answer %s", got.body)
		}
		s.origin.only(t)
		do(t, s.client(t, http2), request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.2001") // asked about certificates only
	})
}

// The bounds and refusals that depend on the protocol.
func TestRefusalsOverBothProtocols(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, bounded(func(b *config.Bounds) { b.Body, b.BodyTimeout = 1000, setting.Duration(300*time.Millisecond) }))
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		post := func(body io.Reader, change func(*http.Request)) *reply {
			r := request(t, "POST", "/echo/x/y", body)
			change(r)
			return do(t, client, r)
		}
		none := func(*http.Request) {}
		endless, writer := io.Pipe()
		defer writer.Close()
		tests := []struct {
			name string
			got  *reply
			code string
		}{
			{"too large, announced", post(bytes.NewReader(make([]byte, 1001)), none), "TG.4004"},
			{"too large, not announced", post(io.MultiReader(bytes.NewReader(make([]byte, 1001))), none), "TG.4004"},
			{"trailer", post(io.MultiReader(strings.NewReader("x")), func(r *http.Request) { r.Trailer = http.Header{"X-T": {"1"}} }), "TG.1001"},
			{"encoded", post(strings.NewReader("x"), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), "TG.4005"},
			{"too slow", post(endless, none), "TG.4002"},
			{"host", post(strings.NewReader("x"), func(r *http.Request) { r.Host = "other.test" }), "TG.4006"},
			{"refused without the body", post(strings.NewReader("x"), func(r *http.Request) { r.Host = "other.test"; r.Header.Set("Expect", "100-continue") }), "TG.4006"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) { tt.got.wantCode(t, tt.code) })
		}
		s.origin.none(t)
		if got := post(strings.NewReader("x"), func(r *http.Request) { r.Header.Set("Expect", "100-continue") }); got.status != 200 {
			t.Errorf("100-continue: answer %d %s", got.status, got.body)
		}
	})
}

// A large answer that breaks off.
func TestBrokenStreamOverBothProtocols(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		s.origin.set(breaking("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 300_000)), nil)
		if got := do(t, client, request(t, "GET", "/echo/x", nil)); got.err == nil {
			t.Error("a broken answer was taken for whole")
		}
	})
}

// An upstream that pauses in a large answer is not the caller's fault: the time to deliver a part ends with it.
func TestPauseInAStreamOverBothProtocols(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(100 * time.Millisecond) }))
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		s.origin.set(func(c net.Conn, _ *arrival) bool {
			saying("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 100_000))(c, nil)
			time.Sleep(300 * time.Millisecond) // the pause itself: nothing waits for it
			return saying(strings.Repeat("x", 100_000))(c, nil)
		}, nil)
		if got := do(t, client, request(t, "GET", "/echo/x", nil)); len(got.body) != 200_000 || got.err != nil {
			t.Errorf("%d bytes, %v", len(got.body), got.err)
		}
	})
}

// A caller that does not read is cut off. (Over HTTP/1.1 and TLS the same takes five seconds more, for which crypto/tls
// tries to say goodbye: TestSlowReader has plain HTTP/1.1.)
func testSlowReaderOverHTTP2(t *testing.T, e engine) {
	s := startTLS(t, behind(e), bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(50 * time.Millisecond) }))
	s.origin.set(endless, nil)
	response, err := s.client(t, true, must(s.ca.Client("", certURI))).Do(request(t, "GET", "/echo/x", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	s.waitForCalls(t)
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the answer ended as if it were whole")
	}
	if got := s.metrics.cutOffs(); !slices.Contains(got, gateway.CutOff{Setting: "bounds.write_timeout", Cause: "pace"}) {
		t.Errorf("cut off: %v", got)
	}
}

// A caller that resets its stream, or its connection, in mid-call does not stop it.
func TestCallerLeavingOverBothProtocols(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		release := holding(t, s.fixture)
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := client.Do(request(t, "POST", "/echo/x/y", strings.NewReader("x")).WithContext(ctx))
			left <- err
		}()
		s.history.wait(t, "upstream whole call")
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller got %v", err)
		}
		s.history.wait(t, "caller left")
		release()
		s.waitForCalls(t)
		if r := s.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
			t.Errorf("outcome %q", r.Outcome)
		}
	})
}

// Towards the upstream TLS is by policy, too: its evidence is recorded, and a peer that no authority vouches for gets nothing.
func TestTLSTowardsTheUpstream(t *testing.T) {
	ca, other := must(testpki.New()), must(testpki.New())
	certificate := must(ca.Server("bss.test"))
	policy := must(tlspolicy.Named("huawei-high"))
	for name, trusted := range map[string]*testpki.CA{"trusted": ca, "not trusted": other} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed)
			serverConfig := policy.Server(tlspolicy.Server{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }})
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			front := accept.NewServer(inner, accept.ServerConfig{Listener: accept.Config{TLS: serverConfig}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f.history.add("upstream first byte " + r.Host)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, "{}")
			})})
			done := make(chan struct{})
			go func() { defer close(done); _ = front.Serve() }()
			t.Cleanup(func() { _ = front.Close(); <-done })
			u := f.upstream["bss"]
			u.Scheme, u.Host = "https", "bss.test"
			u.Transport = rerouted(t, inner.Addr().String(), policy.Client(tlspolicy.Client{ServerName: "bss.test", RootCAs: trusted.Pool()}))
			got := f.send(t, pay())
			r := f.log.only(t, logfile.KindOutcome)
			if name == "not trusted" {
				got.wantCode(t, "TG.7001")
				if !strings.Contains(r.Detail, "no TLS connection with upstream bss (certificate authority)") {
					t.Errorf("the record does not name the reason: %q", r.Detail)
				}
				if r.TLSFailure != logfile.TLSAuthority {
					t.Errorf("the record's TLS failure is %q", r.TLSFailure)
				}
				if r.Outcome != logfile.NotSent || f.history.has("upstream first byte bss.test") {
					t.Errorf("outcome %q, events %q", r.Outcome, f.history.all())
				}
				return
			}
			if got.status != 200 || !f.history.has("upstream first byte bss.test") {
				t.Fatalf("answer %d %s, events %q", got.status, got.body, f.history.all())
			}
			if out := r.TLSOut; out == nil || out.Version == "" || out.Suite == "" || out.PeerFingerprint == "" || out.PeerNotAfter.IsZero() || out.ServerName != "bss.test" {
				t.Errorf("evidence of the upstream's connection: %+v", out)
			}
		})
	}
}

// rerouted is a transport whose upstream has a name that is not resolved here.
func rerouted(t *testing.T, address string, config *tls.Config) gateway.Transport {
	t.Helper()
	made := upstream.New(upstream.Config{URL: setting.Target{Scheme: "https", Host: address}}, config)
	t.Cleanup(made.Close)
	return made
}

// A certificate on a connection that is older than the plan is as none where the plan has the listener ask for none: a caller that signs
// besides goes on.
func TestCertificateThatIsNotAskedForAnyMore(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		if got := do(t, client, request(t, "GET", "/echo/x", nil)); got.status != 200 {
			t.Fatalf("answer %d %s", got.status, got.body)
		}
		changed, listener := s.plan, s.listener
		listener.Certificates = false
		changed.Listeners = map[string]*gateway.Listener{"local": &listener}
		s.gateway.Publish(&changed)
		do(t, client, request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.2001")
		s.origin.only(t)
	})
}
