package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Epoch returns the epoch that this member has entered last.
func (c *Client) Epoch() Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epochNow()
}

// epochNow is Epoch; the lock is held. An epoch is complete only for those who have joined it.
func (c *Client) epochNow() Epoch {
	if c.epoch.number == 0 {
		return Epoch{Missing: slices.Clone(c.settings.Members)}
	}
	e := Epoch{Number: c.epoch.number, Missing: slices.Clone(c.missing), Age: time.Duration(c.redisTime()-c.epoch.began) * time.Microsecond}
	e.Complete = len(e.Missing) == 0 && c.epoch.joined == c.epoch.number
	return e
}

// redisTime is what the clock of Redis shows about now; the lock is held.
func (c *Client) redisTime() int64 {
	if !c.view.clock.known {
		return c.epoch.began
	}
	return (time.Since(processStart) + c.view.clock.offset).Microseconds()
}

// Absent returns how many members may be at work without Redis, by the last heartbeat.
func (c *Client) Absent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view.absent
}

// recount finds out who is missing and how many are absent, after either the configured members or what is known of them has changed; the lock
// is held.
func (c *Client) recount() {
	c.missing, c.view.absent = nil, 0
	for _, name := range c.settings.Members {
		if !slices.Contains(c.epoch.members, name) {
			c.missing = append(c.missing, name)
		}
	}
	for _, m := range c.members() {
		if m.Absent() {
			c.view.absent++
		}
	}
}

// State returns how the client stands.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{
		Up: c.phase == up, Since: c.since, Server: c.view.server, Warnings: slices.Clone(c.view.warnings),
		Slow: c.slow() || c.counts.latency >= c.settings.Patience, Latency: c.counts.latency,
		Trips: c.counts.trips, Questions: c.counts.questions, Epoch: c.epochNow(), Members: c.members(),
	}
	if !s.Up {
		s.Why = strings.TrimPrefix(c.why.Error(), ErrAway.Error()+": ")
	}
	if s.Trips > 0 {
		s.CallsPerTrip = float64(s.Questions) / float64(s.Trips)
	}
	return s
}

// slow reports whether a round trip takes longer than the patience now; the lock is held.
func (c *Client) slow() bool { return !c.trip.IsZero() && time.Since(c.trip) >= c.settings.Patience }

// members lists those that are configured and those that have a row; the lock is held.
func (c *Client) members() []Member {
	found := map[string]Member{}
	for _, name := range c.settings.Members {
		found[name] = Member{Name: name, Configured: true, Seen: -1}
	}
	for i := range c.view.rows {
		r := &c.view.rows[i]
		found[r.name] = Member{
			Name: r.name, Configured: found[r.name].Configured, Instance: r.instance, Row: r.about, SignedOff: r.off,
			Present: r.present(c.view.time), Joined: slices.Contains(c.epoch.members, r.name),
			Seen: time.Duration(c.view.time-r.beat) * time.Microsecond,
		}
	}
	members := make([]Member, 0, len(found))
	for _, m := range found {
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return members
}
