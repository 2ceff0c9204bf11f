package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"time"
)

// Client is this member's part in the fleet. Its methods may be called at any time by any number of goroutines.
type Client struct {
	o        Options
	base     string // what all keys begin with
	instance string // of this process
	parts    []Part
	wake     chan struct{} // there may be questions to send
	turn     int           // which of the addresses is asked first; of Run
	kept     life          // what the file has; of Run
	dialRaw  func(ctx context.Context, network, address string) (net.Conn, error)

	mu       sync.Mutex
	settings Settings
	phase    phase
	why      error     // it is not up; wraps ErrAway
	since    time.Time // of up, or of its end
	queue    []*asked  // in the order in which they are sent
	lost     []*asked  // sent, counted, and not known to have been done or not
	number   uint64    // of the last question
	trip     time.Time // since when a round trip is under way; zero: none is
	counts   counts
	epoch    epoch
	missing  []string // configured members that have not joined the epoch
	view     view
}

// counts are for operators.
type counts struct {
	trips, questions uint64
	latency          time.Duration
}

// phase is how far a connection has come.
type phase int

const (
	away    phase = iota
	joining       // sessions and heartbeats only
	up
)

// New returns a client. Nothing is connected before Run.
func New(o Options) *Client {
	silence()
	if o.Prefix == "" {
		o.Prefix = string(DefaultPrefix)
	}
	c := &Client{
		o: o, base: "{" + o.Prefix + "}:", instance: token(), wake: make(chan struct{}, 1),
		since: time.Now(), dialRaw: new(net.Dialer).DialContext,
	}
	c.why = because(errors.New("not connected yet"))
	c.Follow(o.Settings)
	return c
}

// token returns a name that no other process and connection has.
func token() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Add adds a part. It must be called before Run.
func (c *Client) Add(p Part) { c.parts = append(c.parts, p) }

// Follow takes new settings.
func (c *Client) Follow(s Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings = s
	c.recount()
}

// Run connects, and connects again whenever that ends, until the context ends; then it signs off.
func (c *Client) Run(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		wasUp, err := c.connection(ctx)
		c.retreat(away, err)
		if wasUp {
			pause = minPause
		}
		rest(ctx, pause/2+mathrand.N(pause/2))
		pause = min(2*pause, maxPause)
	}
	c.retreat(away, errStopped)
	c.settleLost(func(*asked) bool { return false })
}

// Bounds on the pause before the next connection is tried.
const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
