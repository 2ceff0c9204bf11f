package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
)

const (
	beatInterval = 250 * time.Millisecond
	rowLife      = 7 * 24 * time.Hour // how long Redis keeps the row of a member that is gone
	maxRows      = 256
	maxAbout     = 4096 // bytes of a row that a member describes itself with
	maxInstance  = 64
	maxStep      = 5 * time.Second
)

// view is what the last heartbeat brought, and what was seen of the server.
type view struct {
	server   string
	warnings []string
	rows     []rowSeen
	absent   int
	time     int64 // of Redis, in microseconds
	latency  time.Duration
	clock    clock
}

// rowSeen is the row of a member.
type rowSeen struct {
	name, instance string
	lease, beat    int64 // by the clock of Redis, in microseconds
	off            bool
	about          Row
}

// present reports whether the lease runs at a time of Redis. One that runs for longer than leases do is from before its clock was set.
func (r *rowSeen) present(now int64) bool {
	left := r.lease - now
	return !r.off && left > 0 && left <= lease.Microseconds()
}

// clock compares the clock of Redis with that of this process, which never steps.
type clock struct {
	known  bool
	offset time.Duration
}

// step notes a time of Redis, and reports whether its clock has been set since the last one.
func (c *clock) step(redis int64, here time.Duration) bool {
	offset := time.Duration(redis)*time.Microsecond - here
	stepped := c.known && (offset-c.offset).Abs() > maxStep
	*c = clock{true, offset}
	return stepped
}

// processStart is when the clock of this process began.
var processStart = time.Now()

// beats keeps the member's row until the context ends.
func (c *Client) beats(ctx context.Context, l *link) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		if err := c.beat(ctx, l); err != nil {
			l.fail(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// beat is one heartbeat. It returns an error if the connection is to be closed.
func (c *Client) beat(ctx context.Context, l *link) error {
	begun, joined := time.Now(), c.joinedEpoch()
	args := []any{lease.Microseconds(), c.about(), rowLife.Milliseconds(), maxRows}
	reply, err := l.ask(ctx, &Question{Script: beatScript, Args: args}, tripLimit)
	switch {
	case errors.Is(err, ErrJoining) || ctx.Err() != nil:
		return nil // the epoch is being entered again
	case err != nil:
		return err
	}
	b, err := parseBeat(reply)
	if err != nil {
		return err
	}
	if b.server.role != "master" {
		return errReplica
	}
	b.left = uint64(b.epoch) == joined && !slices.Contains(b.joined, c.o.Name)
	c.note(l, &b, begun, time.Now())
	c.report(b.freezes)
	return nil
}

// joinedEpoch returns the number of the epoch that this process has joined last.
func (c *Client) joinedEpoch() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch.joined
}

// about is what the others are to know of this member.
func (c *Client) about() []byte {
	c.mu.Lock()
	row := Row{Latency: c.view.latency}
	c.mu.Unlock()
	if c.o.Describe != nil {
		c.o.Describe(&row)
	}
	about, err := json.Marshal(row)
	if err != nil || len(about) > maxAbout {
		return []byte("{}")
	}
	return about
}

// beatSeen is the answer to beatScript.
type beatSeen struct {
	epoch   int64
	time    int64
	joined  []string
	freezes int64
	server  server
	rows    []rowSeen

	left bool // the epoch does not know that this member had joined it when the heartbeat began
}

func parseBeat(reply any) (b beatSeen, err error) {
	f := fieldsOf(reply)
	b.epoch, b.time, b.joined, b.freezes = f.decimal(), f.int(), f.texts(), f.int()
	info, rows := f.text(), f.list()
	if err := f.err("heartbeat"); err != nil {
		return beatSeen{}, err
	}
	for _, value := range rows {
		row, err := parseRow(value)
		if err != nil {
			return beatSeen{}, err
		}
		if nameExpr.MatchString(row.name) && len(row.instance) <= maxInstance { // else it is no member's
			b.rows = append(b.rows, row)
		}
	}
	b.server, err = parseInfo(info)
	return b, err
}

// parseRow reads a row. That of another version of the program may lack things, and counts all the same.
func parseRow(value any) (r rowSeen, err error) {
	f := fieldsOf(value)
	r.name, r.instance, r.lease, r.beat, r.off = f.text(), f.text(), f.int(), f.int(), f.int() == 1
	about := f.text()
	if err := f.err("row"); err != nil {
		return rowSeen{}, err
	}
	if len(about) > maxAbout || json.Unmarshal([]byte(about), &r.about) != nil {
		r.about = Row{}
	}
	return r, nil
}

// note takes in a heartbeat. Where Redis has evicted keys, has become another, or its clock was set, the epoch is over. A heartbeat of an
// epoch that has ended meanwhile says nothing about the one that was entered since.
func (c *Client) note(l *link, b *beatSeen, begun, ended time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if uint64(b.epoch) != c.epoch.number {
		return
	}
	v, e := &c.view, &c.epoch
	v.rows, v.time, v.latency, v.warnings = b.rows, b.time, ended.Sub(begun), b.server.warnings()
	stepped := v.clock.step(b.time, begun.Add(v.latency/2).Sub(processStart))
	if stepped || b.left || b.server.evicted != e.evicted {
		e.over = strconv.FormatUint(e.number, 10)
	}
	if e.over != "" || b.server.identity != e.identity {
		l.stale()
	}
	e.addMembers(b.joined)
	c.recount()
}

// report calls the parts that want to see heartbeats.
func (c *Client) report(freezes int64) {
	state := c.State()
	for _, p := range c.parts {
		if b, ok := p.(Beater); ok {
			b.Beat(&Beat{Epoch: state.Epoch, Freezes: freezes, Members: state.Members})
		}
	}
}
