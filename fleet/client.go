package fleet

import (
	"context"
)

// Client is this member's part in the fleet.
type Client struct{ o Options }

// New returns a client. Nothing is connected before Run.
func New(o Options) *Client { return &Client{o: o} }

// Add adds a part. It must be called before Run.
func (c *Client) Add(p Part) {}

// Run connects, and keeps connected, until the context ends; then it signs off.
func (c *Client) Run(ctx context.Context) { <-ctx.Done() }

// Follow takes new settings.
func (c *Client) Follow(s Settings) {}

// Ask asks a question, and returns its answer as Redis gives it: int64, string, []any, nil.
func (c *Client) Ask(ctx context.Context, q *Question) (reply any, err error) { return nil, ErrAway }

// Epoch returns the epoch that this member has joined last.
func (c *Client) Epoch() Epoch { return Epoch{} }

// State returns how the client stands.
func (c *Client) State() State { return State{} }

// Absent returns how many members may be at work without Redis, by the last heartbeat.
func (c *Client) Absent() int { return 0 }

// Session is what a [Part] joins an epoch with.
type Session struct{}

// Epoch returns the number of the epoch that is joined.
func (s *Session) Epoch() uint64 { return 0 }

// Again reports whether this process has joined the epoch before, so that Redis has all that it was told since then.
func (s *Session) Again() bool { return false }

// Do runs a script, which must be one that can be repeated: one whose answer is lost is asked again in the next session.
func (s *Session) Do(ctx context.Context, script *Script, args ...any) (reply any, err error) {
	return nil, ErrAway
}
