package accept_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/http1/http1test"
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

// recording serves a recorder.
func recording(t testing.TB, engine string) (address string, recorder *http1test.Recorder) {
	recorder = http1test.NewRecorder()
	return serve(t, engine, accept.ServerConfig{
		Handler: http.Handler(recorder), HeaderTimeout: patience, IdleTimeout: patience, Timeout: patience, MaxHeader: 32 << 10,
	}), recorder
}

// TestGrammar sends each case of http1test on a connection of its own. Engines read what the grammar has and nothing else, but for
// net/http, which repairs the cases that are marked, and no others.
func TestGrammar(t *testing.T) {
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			address, recorder := recording(t, engine)
			for _, c := range http1test.Requests() {
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
		})
	}
}
