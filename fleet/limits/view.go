package limits

import (
	"fmt"
	"time"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

// view is the fleet as the last heartbeat showed it.
type view struct {
	fleet string // JSON, for the scripts
	epoch fleet.Epoch
	at    time.Time
}

func newView(e fleet.Epoch, members int, absent []string) *view {
	if absent == nil {
		absent = []string{}
	}
	f := struct {
		Members int      `json:"members"`
		Absent  []string `json:"absent"`
	}{max(1, members), absent}
	return &view{text(f), e, time.Now()}
}

// settling is how long Redis is not asked in an epoch in which members are missing that may still say what they know.
const settling = 3 * time.Second

var errYoung = fmt.Errorf("%w, and may know of calls", fleet.ErrIncomplete)

// young returns an error while what Redis knows of a demand's limits may lack calls that missing members know of.
func (v *view) young(d *ratelimit.Demand) error {
	if v.epoch.Complete || v.epoch.Number == 0 {
		return nil
	}
	longest := settling
	for i := range d.Limits {
		if limit := &d.Limits[i]; limit.Kind == ratelimit.Window && !limit.Shadow {
			longest = max(longest, limit.Window)
		}
	}
	if v.epoch.Age+time.Since(v.at) < longest {
		return errYoung
	}
	return nil
}

// quiet is how long after its last heartbeat a member may be at work without Redis: three heartbeats. Its lease lasts longer, but until
// it ends the member's share would go twice.
const quiet = 750 * time.Millisecond

func silent(m *fleet.Member) bool {
	return m.Absent() || !m.SignedOff && (m.Seen > quiet || m.Seen < 0)
}

// Beat takes in a heartbeat, and reports what is owed.
func (l *Limiter) Beat(b *fleet.Beat) {
	var absent []string
	members := 0
	for i := range b.Members {
		if m := &b.Members[i]; m.Configured {
			members++
			if silent(m) {
				absent = append(absent, m.Name)
			}
		}
	}
	l.view.Store(newView(b.Epoch, members, absent))
	l.report()
	for key, limit := range l.lines.takeLeft() {
		l.takeOut(key, limit)
	}
}
