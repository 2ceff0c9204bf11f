package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
)

// engine makes a server.
type engine struct {
	make    func(net.Listener, accept.ServerConfig) accept.Server
	lenient bool // it repairs messages that the gateway's own engine refuses
}

// ours is the engine that the gateway has.
var ours = engine{make: accept.NewServer}

// engines are those that a gateway may stand behind. TestEngines is the suite that each passes.
var engines = map[string]engine{"http1": ours, "net/http": {accept.NewNetHTTP, true}}

// behind puts the gateway behind an engine.
func behind(e engine) adjustment { return func(f *fixture) { f.engine = e } }

func TestEngines(t *testing.T) {
	parts := map[string]func(*testing.T, engine){
		// wire_test.go
		"targets": testTargets, "queries": testQueries, "framing": testFraming, "body cut short": testBodyCutShort,
		"framing and the connection": testFramingAndTheConnection, "pipelining": testPipelining,
		"smuggled requests": testSmuggledRequestIsNotForwardedUndecided, "signatures": testSignatureFitsTheWire,
		"headers to a signed upstream": testHeadersToASignedUpstream, "headers to an unsigned upstream": testHeadersToAnUnsignedUpstream,
		"headers that apps trust": testHeadersThatAppsTrust, "100 Continue": testContinue,
		"bodies where none is expected": testBodiesWhereNoneIsExpected,
		// smuggling_test.go, reuse_test.go
		"smuggling": testSmuggling, "ambiguous bodies end the connection": testAmbiguousBodiesEndTheConnection,
		"nothing is shared": testNothingIsShared,
		// deadlines, and what connections share
		"deadlines": testSlowReaderOverHTTP2, "streams that wait leave room": testWaitingStreamsLeaveRoom,
		"body before the settings": testBodyBeforeTheSettings, "one offer of a connection": testOfferOncePerConnection,
		"peers": testPeers, "unix socket": testUnixSocket, "refusals": testRefusalsOfTheEngine, "room": testRoom,
		// the end
		"base of contexts": testBase, "announced end": testAnnounceEnd, "calls abandoned": testAbandonBeforeTheIntent,
		"calls abandoned over HTTP/2": testAbandonOverHTTP2, "shutdown": testShutdown, "close": testClose,
	}
	for name, e := range engines {
		for part, test := range parts {
			t.Run(name+"/"+part, func(t *testing.T) { test(t, e) })
		}
	}
}

// A record names the peer of its connection.
func testPeers(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	c := f.dial(t)
	for range 2 {
		c.write(look())
		c.answer()
	}
	other := f.dial(t)
	other.write(look())
	other.answer()
	records := f.log.of(logfile.KindIntent)
	if len(records) != 3 {
		t.Fatalf("%d intents", len(records))
	}
	for i, of := range []*raw{c, c, other} {
		if r, peer := records[i], of.conn.LocalAddr().(*net.TCPAddr); r.Source != "127.0.0.1" || int(r.SourcePort) != peer.Port {
			t.Errorf("intent %d is of %s port %d, want that of %s", i, r.Source, r.SourcePort, peer)
		}
	}
}

// What came to no call is reported, by its reason, and what came to one is not.
func testRefusalsOfTheEngine(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	for _, c := range []struct {
		text   string
		reason accept.Reason // empty: none
	}{
		{plain("GET", readTarget, "", "Connection: close"), ""},
		{"", accept.ReasonSilent},
		{"GET / HT", accept.ReasonMalformed},
		{"nonsense\r\n\r\n", accept.ReasonMalformed},
	} {
		conn := f.dial(t)
		conn.write(c.text)
		closeWrite(t, conn)
		conn.read("GET")
		if c.reason == "" {
			continue
		}
		select {
		case got := <-f.refused:
			if got.Reason != c.reason || got.Remote != conn.conn.LocalAddr().String() {
				t.Errorf("%q: %s of %s, want %s", c.text, got.Reason, got.Remote, c.reason)
			}
		case <-time.After(patience):
			t.Errorf("%q: nothing is reported", c.text)
		}
	}
}

// A connection without a request makes room for another, and one with a call does not.
func testRoom(t *testing.T, e engine) {
	f := start(t, behind(e), fixed, func(f *fixture) { f.maxConns = 1 })
	idle := f.dial(t)
	idle.write(look())
	idle.answer()
	c := f.dial(t)
	for got := (*reply)(nil); got == nil; { // until the server has the first one for idle
		_, _ = io.WriteString(c.conn, look())
		if got = c.read("GET"); got == nil {
			c = f.dial(t)
		}
	}
	if got := idle.read("GET"); got != nil {
		t.Errorf("answer %d on a connection that had to make room", got.status)
	}
	release, before := holding(t, f), f.history.count("upstream whole call")
	c.write(pay())
	f.history.waitFor(t, "upstream whole call", before+1)
	if got := f.dial(t).read("GET"); got != nil {
		t.Errorf("answer %d on a connection for which there is no room", got.status)
	}
	release()
	if got := c.answer(); got.status != http.StatusOK {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}

// The context of a request ends with the one that it is made of, and its caller is answered.
func testBase(t *testing.T, e engine) {
	base, end := context.WithCancel(t.Context())
	begun := make(chan struct{})
	inner := must(net.Listen("tcp", "127.0.0.1:0"))
	handler := func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		w.WriteHeader(http.StatusTeapot)
	}
	server := e.make(inner, accept.ServerConfig{Base: base, Handler: http.HandlerFunc(handler)})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	c := newRaw(t, must(net.Dial("tcp", inner.Addr().String())))
	defer c.conn.Close()
	c.write(look())
	<-begun
	end()
	if got := c.answer(); got.status != http.StatusTeapot {
		t.Errorf("answer %d", got.status)
	}
	_ = server.Close()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// A shutdown takes no further connections, lets a call under way end, and is over when its connection is.
func testShutdown(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	release := holding(t, f)
	c := f.dial(t)
	c.write(plain("POST", payTarget, payBody, "Connection: close"))
	f.history.wait(t, "upstream whole call")
	over := make(chan error, 1)
	go func() { over <- f.server.Shutdown(t.Context()) }()
	for { // until the listener is closed
		further, err := net.Dial("tcp", f.address)
		if err != nil {
			break
		}
		_ = further.Close()
	}
	select {
	case err := <-over:
		t.Fatalf("shut down during a call: %v", err)
	default:
	}
	release()
	if got := c.answer(); got.status != http.StatusOK {
		t.Errorf("answer %d %s", got.status, got.body)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// Close ends connections under way, and Serve without an error, which the fixture checks.
func testClose(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	release := holding(t, f)
	c := f.dial(t)
	c.write(pay())
	f.history.wait(t, "upstream whole call")
	_ = f.server.Close()
	if got := c.read("POST"); got != nil {
		t.Errorf("answer %d after the end", got.status)
	}
	if _, err := net.Dial("tcp", f.address); err == nil {
		t.Error("a further connection is taken")
	}
	release()
}
