package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// epoch is what this member knows of the epoch that it is in.
type epoch struct {
	life           // the last that was entered, also while Redis is away
	joined  uint64 // the last that was joined; 0: none
	over    string // the number of one that this member holds to be over though Redis does not know; empty: none
	began   int64  // by the clock of Redis, in microseconds
	evicted int64  // keys that Redis had evicted when the epoch began
	members []string
}

// maxNumber is the greatest number of an epoch, as in enter.lua: Lua counts to it without loss.
const maxNumber = 1 << 49

// lease is how long a member counts as present after a heartbeat.
const lease = 2 * time.Second

// enter takes the row of this member for the connection, and begins an epoch where that is due.
func (c *Client) enter(ctx context.Context, l *link) error {
	if err := c.recall(); err != nil {
		return err
	}
	c.mu.Lock()
	seen, joined, over := c.epoch.life, c.epoch.joined, c.epoch.over
	c.mu.Unlock()
	args := []any{c.instance, seen.number, seen.identity, joined, over, lease.Microseconds()}
	reply, err := l.ask(ctx, &Question{Script: enterScript, Args: args}, tripLimit)
	if err != nil {
		return fmt.Errorf("looking at Redis: %w", err)
	}
	e, err := parseEntry(reply)
	if err != nil {
		return err
	}
	if err := e.server.check(); err != nil {
		return err
	}
	c.take(l, &e)
	c.settleLost(func(a *asked) bool { return a.number <= e.counted })
	return nil
}

// entry is the answer to enterScript.
type entry struct {
	epoch
	counted uint64 // the last question of this process that was done and counts
	server  server
}

func parseEntry(reply any) (e entry, err error) {
	f := fieldsOf(reply)
	switch f.text() {
	case "unknown":
		return e, errors.New("INFO does not say who this Redis is (run_id, master_replid, evicted_keys)")
	case "taken":
		return e, fmt.Errorf("another process (%.24q) has the name of this member: each needs its own (fleet.name)", f.text())
	case "entered":
	default:
		return e, errors.New("an entry that is not as its script makes it")
	}
	e.number, e.identity, e.began, e.evicted = uint64(f.decimal()), f.text(), f.decimal(), f.decimal()
	e.counted = uint64(f.decimal())
	info := f.text()
	if err := f.err("entry"); err != nil {
		return entry{}, err
	}
	if e.number == 0 || e.number > maxNumber {
		return entry{}, fmt.Errorf("an epoch of the number %d", e.number)
	}
	e.server, err = parseInfo(info)
	return e, err
}

// take notes the epoch that was entered.
func (c *Client) take(l *link, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.joined = c.epoch.joined
	if e.identity != c.epoch.identity {
		c.view.clock = clock{} // that of another process, perhaps of another machine
	} else if e.number == c.epoch.number { // an epoch elsewhere may have this number after a split
		e.members = c.epoch.members
	}
	l.counted = strconv.FormatUint(e.counted, 10)
	c.epoch = e.epoch
	c.view.server, c.view.warnings = l.at.String(), e.server.warnings()
	c.recount()
}

// join makes the parts upload what this member knows, and adds the member to those that have joined.
func (c *Client) join(ctx context.Context, l *link) error {
	c.mu.Lock()
	now := c.epoch.life
	s := &Session{l: l, epoch: now.number, again: c.epoch.joined == now.number}
	c.mu.Unlock()
	for _, p := range c.parts {
		if err := p.Join(ctx, s); err != nil {
			return fmt.Errorf("uploading what this member knows: %w", err)
		}
	}
	if err := c.remember(now); err != nil {
		return fmt.Errorf("writing down which epoch is joined: %w", err)
	}
	reply, err := s.Do(ctx, joinedScript)
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	f := fieldsOf([]any{reply})
	members := f.texts()
	if err := f.err("list of members"); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.again) > 0 {
		return errOldEpoch
	}
	c.epoch.joined = s.epoch
	c.epoch.addMembers(members)
	c.recount()
	c.phase, c.why, c.since = up, nil, time.Now()
	return nil
}

// addMembers notes which members have joined the epoch. The list only grows: one shorter than the known one is older.
func (e *epoch) addMembers(members []string) {
	if len(members) >= len(e.members) {
		e.members = members
	}
}

// Session is what a [Part] joins an epoch with.
type Session struct {
	l     *link
	epoch uint64
	again bool
}

// Epoch returns the number of the epoch that is joined.
func (s *Session) Epoch() uint64 { return s.epoch }

// Again reports whether this process has joined the epoch before, so that Redis has all that it has confirmed since then.
func (s *Session) Again() bool { return s.again }

// sessionPatience is how long a script of a session waits for its turn and its answer.
const sessionPatience = 5 * time.Second

// Do runs a script, which must be one that can be repeated: what is lost is uploaded again in the next session. What is uploaded goes in
// pieces of which Redis can do one in far less than MaxPatience.
func (s *Session) Do(ctx context.Context, script *Script, args ...any) (reply any, err error) {
	return s.l.ask(ctx, &Question{Script: script, Args: args}, sessionPatience)
}
