// Package marks is the memory of used signatures that the members of a fleet share: of many copies of a signed request, at whichever members
// they come, one is taken.
//
// A signature is marked in the member's own memory before Redis is asked. The order matters: all that Redis has taken from this member is
// in its own memory then, which is uploaded when Redis has lost it. Redis is asked only while its epoch is complete, which means that
// all members have uploaded theirs since it began and no key was evicted, so that Redis knows all that the fleet has taken. Of two Redis that
// take themselves for the master, one at most has a complete epoch after the other was left: a member that stays with the old one is missing
// at the new one.
//
// # Expiry
//
// A key in Redis expires when the date of its signature has run out ([replay.Ends]), by the clock of Redis, whichever member uploads it. Members
// decide by their own clocks whether a date is valid. So a signature is taken only while the two clocks differ by less than [maxSkew]: by
// half of what the expiry has to spare. A step of Redis's clock begins a new epoch, to which all is uploaded again.
package marks

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"tollgate/fleet"
	"tollgate/replay"
)

// Client is the part of [fleet.Client] that is needed.
type Client interface {
	Ask(ctx context.Context, q *fleet.Question) (any, error)
	State() fleet.State
}

// maxSkew is by how much the clocks of Redis and of a member may differ.
const maxSkew = replay.ClockSlack / 2

// Memory is a [replay.Memory] that a fleet shares. Create it with [New], add it to the client as a part, and have it [Memory.Run].
type Memory struct {
	client Client
	own    *replay.Memory
	local  atomic.Bool
	skew   atomic.Int64 // by how much the clocks differ, in nanoseconds, while it is too much; 0: it is not
	debt   debt
}

// New returns the memory of a member. Its own has to be refilled from its log before the client runs. With local, signatures are taken by
// the member's own memory where Redis does not answer; otherwise they are refused.
func New(client Client, own *replay.Memory, local bool) *Memory {
	m := &Memory{client: client, own: own, debt: newDebt()}
	m.Follow(local)
	return m
}

// Follow takes a new setting.
func (m *Memory) Follow(local bool) { m.local.Store(local) }

//go:embed mark.lua
var markSource string

var markScript = fleet.NewScript("mark", markSource)

// Answers of the script. Others are numbers of milliseconds by which the clock of Redis is ahead.
const (
	taken   = "taken"
	used    = "used"
	evicted = "evicted"
)

var errEvicted = errors.New("keys were evicted by Redis, perhaps signatures: set maxmemory-policy noeviction there, and give it more memory")

// Mark remembers a signature: see [replay.Memory.Mark]. Where it cannot be known whether another member has taken it, the error wraps
// [replay.ErrUnavailable], unless this member goes by its own memory then.
func (m *Memory) Mark(ctx context.Context, k replay.Key, date, now time.Time) error {
	if err := m.own.Mark(ctx, k, date, now); err != nil {
		return err
	}
	ends := replay.Ends(date)
	local := m.local.Load()
	reply, err := m.client.Ask(ctx, &fleet.Question{
		Script: markScript, Complete: !local, Check: checkMark,
		Args: []any{k[:], now.UnixMilli(), ends.UnixMilli(), maxSkew.Milliseconds()},
	})
	if err == nil {
		err = m.verdict(reply)
	}
	switch {
	case err == nil || errors.Is(err, replay.ErrReplay):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case local:
		m.debt.add(k, ends, now)
		return nil
	}
	return fmt.Errorf("%w: %w%s", replay.ErrUnavailable, err, m.remedy(err))
}

// checkMark returns an error for what the script never answers.
func checkMark(reply any) error {
	if text, ok := reply.(string); ok {
		if text == taken || text == used || text == evicted {
			return nil
		}
		if _, err := parseSkew(text); err == nil {
			return nil
		}
	}
	return fmt.Errorf("a mark is answered by %.40q", fmt.Sprint(reply))
}

// verdict returns what an answer means. It was checked before.
func (m *Memory) verdict(reply any) error {
	switch reply {
	case taken:
		m.skew.Store(0)
		return nil
	case used:
		return replay.ErrReplay
	case evicted:
		return errEvicted
	}
	skew, err := parseSkew(fmt.Sprint(reply))
	if err != nil {
		return err
	}
	m.skew.Store(int64(skew))
	return errors.New(skewText(skew))
}

func parseSkew(text string) (time.Duration, error) {
	var ms int64
	if n, err := fmt.Sscanf(text, "%d", &ms); n != 1 || err != nil || fmt.Sprint(ms) != text {
		return 0, fmt.Errorf("%.40q is no number of milliseconds", text)
	}
	skew := time.Duration(ms) * time.Millisecond
	if skew.Milliseconds() != ms || skew.Abs() <= maxSkew {
		return 0, fmt.Errorf("clocks that differ by %d ms are no reason", ms)
	}
	return skew, nil
}

func skewText(skew time.Duration) string {
	where := "ahead"
	if skew < 0 {
		where = "behind"
	}
	return fmt.Sprintf("the clock of Redis is %v %s of this member's, and %v are too much: set both by NTP", skew.Abs().Round(time.Second), where, maxSkew)
}

// remedy returns how to fix an error that does not say so itself; "" if it does.
func (m *Memory) remedy(err error) string {
	if !errors.Is(err, fleet.ErrIncomplete) {
		return ""
	}
	return ": " + missingText(m.client.State().Epoch.Missing)
}

func missingText(missing []string) string {
	if len(missing) == 1 {
		return missing[0] + " has not shown Redis which signatures were used: start it, or take it out of fleet.members and reload"
	}
	return strings.Join(missing, ", ") + " have not shown Redis which signatures were used: start them, or take them out of fleet.members and reload"
}

// Lacking returns why signatures are not compared with those of the whole fleet now, for operators; nothing while they are.
func (m *Memory) Lacking() (all []string) {
	state := m.client.State()
	if !state.Up {
		all = append(all, "Redis is away: "+state.Why)
	} else if missing := state.Epoch.Missing; len(missing) > 0 {
		all = append(all, missingText(missing))
	}
	if skew := time.Duration(m.skew.Load()); skew != 0 {
		all = append(all, skewText(skew))
	}
	return all
}

// Instead describes how calls are treated meanwhile.
func (m *Memory) Instead() string {
	if m.local.Load() {
		return "signed write and spend calls are taken once by each member"
	}
	return "signed write and spend calls are refused"
}
