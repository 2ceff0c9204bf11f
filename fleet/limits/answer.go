package limits

import (
	"fmt"
	"math"
	"time"

	"tollgate/ratelimit"
)

// What an answer of take.lua says.
const (
	granted = iota
	waiting
	refused
	otherPeriod
)

const (
	answerHead = 5 // numbers before those of the limits
	answerEach = 5 // numbers of each limit
)

// takeReply is an answer of take.lua.
type takeReply struct {
	what       int
	slowest    int // index of the limit that holds the call back
	delay      time.Duration
	registered bool
	pace       time.Duration // between two calls of this caller
	limits     []standing
	at         int64 // when the call was granted, in microseconds of Redis
	now        int64 // with otherPeriod: the time of Redis
}

// standing is how one limit stands.
type standing struct {
	over bool // a shadow limit that would have refused the call
	left float64
	full time.Duration
	one  int64 // of a bucket what it has lost, of a calendar this member's calls
	two  int64 // of a bucket its millionths of tokens, of a window its calls, of a calendar all calls
}

// readAnswer reads the answer to a question about a number of limits.
func readAnswer(reply any, limits int) (a takeReply, err error) {
	numbers, err := integers(reply)
	switch {
	case err != nil:
		return a, err
	case len(numbers) == 3 && numbers[0] == otherPeriod:
		return takeReply{what: otherPeriod, now: numbers[2]}, nil
	case len(numbers) != answerHead+limits*answerEach:
		return a, fmt.Errorf("an answer of %d numbers about %d limits", len(numbers), limits)
	}
	a = takeReply{what: int(numbers[0]), slowest: int(numbers[1]) - 1, registered: numbers[3] == 1}
	if a.what < granted || a.what > refused || a.what != granted && (a.slowest < 0 || a.slowest >= limits) {
		return a, fmt.Errorf("an answer %d about limit %d of %d", numbers[0], numbers[1], limits)
	}
	if a.what == granted {
		a.at = numbers[2]
	} else if a.delay, err = duration(numbers[2]); err != nil {
		return a, err
	}
	if a.pace, err = duration(numbers[4]); err != nil {
		return a, err
	}
	a.limits = make([]standing, limits)
	for i := range a.limits {
		if a.limits[i], err = readStanding(numbers[answerHead+i*answerEach:]); err != nil {
			return a, err
		}
	}
	return a, nil
}

func readStanding(n []int64) (s standing, err error) {
	s = standing{over: n[0] == 1, left: float64(n[1]) / 1e6, one: n[3], two: n[4]}
	s.full, err = duration(n[2])
	return s, err
}

// duration makes one of microseconds. Those of centuries are cut.
func duration(microseconds int64) (time.Duration, error) {
	if microseconds < 0 {
		return 0, fmt.Errorf("an answer with a time of %d microseconds", microseconds)
	}
	return time.Duration(min(microseconds, math.MaxInt64/1000)) * time.Microsecond, nil
}

func integers(reply any) ([]int64, error) {
	list, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("an answer that is a %T and no list", reply)
	}
	numbers := make([]int64, len(list))
	for i, v := range list {
		if numbers[i], ok = v.(int64); !ok {
			return nil, fmt.Errorf("an answer with a %T among its numbers", v)
		}
	}
	return numbers, nil
}

// allowed makes a verdict of a call that was granted: it reports on the limit that is nearest to its end.
func (a *takeReply) allowed(d *ratelimit.Demand) ratelimit.Verdict {
	v := ratelimit.Verdict{Allowed: true, From: ratelimit.FromFleet}
	least := math.Inf(1)
	for i, s := range a.limits {
		switch l := &d.Limits[i]; {
		case l.Shadow && s.over:
			v.Shadow = append(v.Shadow, l.Name)
		case !l.Shadow && s.left < least:
			least = s.left
			v.Limit, v.Terms, v.Reset = l.Name, &l.Terms, s.full
			v.Remaining = max(0, int(math.Floor(s.left+1e-6)))
		}
	}
	return v
}

// refusal makes a verdict of a call that a limit holds back for longer than it may wait.
func refusal(d *ratelimit.Demand, slowest int, delay time.Duration) ratelimit.Verdict {
	l := &d.Limits[slowest]
	return ratelimit.Verdict{Limit: l.Name, Terms: &l.Terms, RetryAfter: delay, Reset: delay, From: ratelimit.FromFleet}
}
