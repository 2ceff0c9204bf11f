package tlspolicy

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is set by hand. It begins at the beginning of an hour.
type clock struct{ elapsed atomic.Int64 }

func (c *clock) set(elapsed time.Duration) { c.elapsed.Store(int64(elapsed)) }

func (c *clock) now() time.Time {
	return time.Unix(500_000*3600, 0).Add(time.Duration(c.elapsed.Load()))
}

// ticketListener is a listener with a clock.
func ticketListener(t *testing.T) (*tls.Config, *clock) {
	c := new(clock)
	return mustNamed(t, Default).ticketServer(&tickets{now: c.now}), c
}

// ticketClient is a peer of one version that keeps its newest ticket.
func ticketClient(version uint16) *tls.Config {
	return peerClient(func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, tls.NewLRUClientSessionCache(0)
	})
}

// wantResumed makes a connection, which must work in either case.
func wantResumed(t *testing.T, server, client *tls.Config, want bool) {
	t.Helper()
	o := connect(t, server, client)
	if !o.answered || o.server.DidResume != want || o.client.DidResume != want {
		t.Errorf("%s: answered %t (%v, %v), resumed %t, want %t",
			tls.VersionName(client.MinVersion), o.answered, o.clientErr, o.serverErr, o.server.DidResume, want)
	}
}

func TestTicketsEndAfterTheNextHour(t *testing.T) {
	const last = time.Hour - time.Second
	for name, c := range map[string]struct {
		made, offered time.Duration
		resumed       bool
	}{
		"same hour":                     {0, last, true},
		"next hour":                     {0, time.Hour, true},
		"end of the next hour":          {0, time.Hour + last, true},
		"late ticket, next hour":        {last, time.Hour + last, true},
		"late ticket, hour after":       {last, 2 * time.Hour, false},
		"early ticket, hour after":      {0, 2 * time.Hour, false},
		"many hours":                    {0, 7 * time.Hour, false},
		"clock set back by a second":    {time.Hour, last, false},
		"clock set back by three hours": {3 * time.Hour, 0, false},
	} {
		for _, version := range bothVersions() {
			for _, busy := range []bool{false, true} { // whether others shake hands in each hour meanwhile
				t.Run(name+", "+tls.VersionName(version), func(t *testing.T) {
					server, clock := ticketListener(t)
					client := ticketClient(version)
					clock.set(c.made)
					wantResumed(t, server, client, false)
					for passed := c.made + time.Hour; busy && passed < c.offered; passed += time.Hour {
						clock.set(passed)
						wantResumed(t, server, ticketClient(version), false)
					}
					clock.set(c.offered)
					wantResumed(t, server, client, c.resumed)
					wantResumed(t, server, client, true) // the connection brought a ticket that counts
				})
			}
		}
	}
}

// TestTicketsOfOldSecretsEnd resumes again every half hour. A session of TLS 1.2 has one master secret from its first
// connection to its last, so renewed tickets must not carry it on; in TLS 1.3 each connection has secrets of its own.
func TestTicketsOfOldSecretsEnd(t *testing.T) {
	for version, want := range map[uint16][]bool{
		tls.VersionTLS12: {false, true, true, true, false, true, false, true},
		tls.VersionTLS13: {false, true, true, true, true, true, true, true},
	} {
		server, clock := ticketListener(t)
		client := ticketClient(version)
		for i, resumed := range want {
			clock.set(time.Duration(i) * 30 * time.Minute)
			wantResumed(t, server, client, resumed)
		}
	}
}

// TestTicketsOfACopy: a copy of a configuration, made before or after its first handshake, has keys that change.
func TestTicketsOfACopy(t *testing.T) {
	for _, version := range bothVersions() {
		server, clock := ticketListener(t)
		early, client := server.Clone(), ticketClient(version)
		wantResumed(t, server, client, false)
		wantResumed(t, early, client, true)
		late := server.Clone()
		for i, copied := range []*tls.Config{early, late} {
			clock.set(time.Duration(2*i+2) * time.Hour)
			wantResumed(t, copied, client, false)
			wantResumed(t, server, client, true)
		}
	}
}

// TestTicketsOfAnotherConfiguration: a policy that is put in another's place begins without tickets.
func TestTicketsOfAnotherConfiguration(t *testing.T) {
	p := mustNamed(t, Default)
	for _, version := range bothVersions() {
		client := ticketClient(version)
		wantResumed(t, p.testServer(), client, false)
		wantResumed(t, p.testServer(), client, false)
	}
}

// TestTicketsAtOnce: whichever is the first of an hour, all get tickets of the same key, so all resume in the next hour.
func TestTicketsAtOnce(t *testing.T) {
	server, clock := ticketListener(t)
	var clients []*tls.Config
	for range 8 {
		clients = append(clients, ticketClient(tls.VersionTLS12), ticketClient(tls.VersionTLS13))
	}
	for hour := range 4 {
		clock.set(time.Duration(hour) * time.Hour)
		var group sync.WaitGroup
		for _, client := range clients {
			resumed := hour%2 == 1 || hour > 0 && client.MinVersion == tls.VersionTLS13 // see TestTicketsOfOldSecretsEnd
			group.Go(func() { wantResumed(t, server, client, resumed) })
		}
		group.Wait()
	}
}
