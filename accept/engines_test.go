package accept_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/http1/http1test"
	"tollgate/internal/testpki"
)

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// The engines.
const ours, netHTTP = "ours", "net/http"

var engines = map[string]func(net.Listener, accept.ServerConfig) accept.Server{ours: accept.NewServer, netHTTP: accept.NewNetHTTP}

// serve runs an engine on loopback until the end of the test, and returns where.
func serve(t testing.TB, engine string, c accept.ServerConfig) (address string) {
	t.Helper()
	inner, err := accept.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, ended := engines[engine](inner, c), make(chan error, 1)
	go func() { ended <- server.Serve() }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return inner.Addr().String()
}

// recording serves a recorder, over TLS if there is a configuration of that.
func recording(t testing.TB, engine string, secure *tls.Config) (address string, recorder *http1test.Recorder) {
	recorder = http1test.NewRecorder()
	return serve(t, engine, accept.ServerConfig{
		Listener: accept.Config{TLS: secure}, Handler: http.Handler(recorder),
		HeaderTimeout: patience, IdleTimeout: patience, Timeout: patience, MaxHeader: 32 << 10,
	}), recorder
}

// TestGrammar sends each case of http1test on a connection of its own. Engines read what the grammar has and nothing else, but for
// net/http, which repairs the cases that are marked, and no others.
func TestGrammar(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			address, recorder := recording(t, engine, nil)
			checkGrammar(t, engine, address, recorder, http1test.Requests())
		})
	}
}

// TestGrammarOverTLS does the same over TLS, but for the many cases that put each byte in each place.
func TestGrammarOverTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	certificate := testpki.Must(ca.Server("tollgate.test"))
	cases := slices.DeleteFunc(http1test.Requests(), func(c http1test.Case) bool { return strings.HasPrefix(c.Name, "byte ") })
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			address, recorder := recording(t, engine, &tls.Config{Certificates: []tls.Certificate{certificate}})
			recorder.Dial = func(address string) (http1test.HalfCloser, error) {
				return tls.Dial("tcp", address, &tls.Config{RootCAs: ca.Pool(), ServerName: "tollgate.test"})
			}
			checkGrammar(t, engine, address, recorder, cases)
		})
	}
}

func checkGrammar(t *testing.T, engine, address string, recorder *http1test.Recorder, cases []http1test.Case) {
	t.Helper()
	for _, c := range cases {
		observed, err := recorder.Send(address, c.Stream(), patience)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		wrong := c.Check(observed)
		switch repairs := engine == netHTTP && c.Repaired; {
		case repairs && wrong == "":
			t.Errorf("%s: net/http does not repair it", c.Name)
		case !repairs && wrong != "":
			t.Errorf("%s: %s", c.Name, wrong)
		}
	}
}

// TestUnreadBodies: a body that the handler does not read is not read as requests either. What follows it is, or the connection ends.
func TestUnreadBodies(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			address, recorder := recording(t, engine, nil)
			recorder.Unread = true
			next := 0
			for _, c := range http1test.Requests() {
				if strings.HasPrefix(c.Name, "byte ") || engine == netHTTP && c.Repaired {
					continue
				}
				observed, err := recorder.Send(address, c.Stream(), patience)
				if err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
				got, want := observed.Outcome().Read, c.Wanted().Read
				for i, r := range got {
					if i >= len(want) || !strings.HasPrefix(want[i], r) {
						t.Errorf("%s: read %.200q, want %.200q", c.Name, got, want)
						break
					}
				}
				if len(got) > 1 && got[len(got)-1] == http1test.Probed {
					next++
				}
			}
			if next < 20 {
				t.Errorf("a connection was used again only %d times: the test shows nothing", next)
			}
		})
	}
}
