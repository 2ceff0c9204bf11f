package limits

import (
	"strconv"
	"sync"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

// question is a question for one call, its answer, and the fate of one that was answered too late: whether the call is still to be
// reported depends on what Redis has done and on what this member's share has said.
type question struct {
	fleet.Question
	l        *Limiter
	d        *ratelimit.Demand
	reported []*debt
	answer   takeReply
	answered bool // answer was read; it may have come too late

	mu      sync.Mutex
	settled bool               // it is known what Redis did
	counted bool               // Redis has counted the call
	verdict *ratelimit.Verdict // of this member's share
}

func (c *call) question() *question {
	l, entry := c.l, c.l.lines.entry(c)
	q := &question{l: l, d: c.d, reported: l.owed.of(c.d)}
	reports := ""
	if q.reported != nil {
		reports = text(reportsOf(l, c.d, q.reported))
	}
	q.Question = fleet.Question{
		Script: takeScript,
		Args: []any{
			l.view.Load().fleet, l.facts.of(c.d).all, c.d.Subject.Caller, strconv.FormatInt(microseconds(c.left()), 10), strconv.Itoa(entry), reports,
		},
		Counts: true,
		Check:  q.check,
		Fate:   q.settle,
	}
	return q
}

func (q *question) check(reply any) (err error) {
	q.answer, err = readAnswer(reply, len(q.d.Limits))
	q.answered = err == nil
	return err
}

// passed notes what this member's share has said.
func (q *question) passed(v ratelimit.Verdict) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.verdict = &v
	q.finish()
}

// settle notes whether Redis has run the script. A call of which it is not known whether it was granted is reported: it may count twice, but
// never not at all.
func (q *question) settle(applied bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled, q.counted = true, applied && q.answered && q.answer.what == granted
	if q.counted {
		q.l.seen.add(q.d, 1)
	}
	if !applied || q.answered && q.answer.what == otherPeriod {
		q.l.owed.back(q.reported)
	}
	q.finish()
}

// finish reports the call if it went and Redis has not counted it. One that Redis has counted and that did not go is taken back from calendars:
// from other limits it goes by itself.
func (q *question) finish() {
	switch {
	case !q.settled || q.verdict == nil:
	case !q.counted:
		q.l.owed.add(q.l, q.d, *q.verdict)
	case !q.verdict.Allowed:
		q.l.owed.rollBack(q.d, &q.answer)
	}
}
