package upstream

import (
	"testing"
	"time"
)

// TestOpenings: a connection that is opened is said once, with its handshake if it has one, and one that is used again is not.
func TestOpenings(t *testing.T) {
	for name, transport := range readyTransports(t) {
		var openings []Opening
		transport.pool.opened = func(o Opening) { openings = append(openings, o) }
		r, into := usualRequest("127.0.0.1"), make([]byte, 1<<10)
		began := time.Now()
		for range 3 {
			sendAndRead(t, transport, &r, into)
		}
		all := time.Since(began)
		if len(openings) != 1 {
			t.Fatalf("%s: %d openings of one connection", name, len(openings))
		}
		if o := openings[0]; o.Connect <= 0 || (o.TLS > 0) != (name == "TLS") || o.Connect+o.TLS > all {
			t.Errorf("%s: %+v within %v", name, o, all)
		}
	}
}
