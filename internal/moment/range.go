package moment

import (
	"errors"
	"fmt"
	"time"
)

// Range is a range of times as people write it. Members that are not set are empty.
type Range struct {
	Since, Until string // as [Parse] reads them
	Last         string // an age, as [Age] reads it: the range ends now
	Month        string // as [Month] reads it
}

// RangeError is the error of a member.
type RangeError struct {
	Member string // in lower case
	Err    error
}

func (e *RangeError) Error() string { return e.Member + ": " + e.Err.Error() }

func (e *RangeError) Unwrap() error { return e.Err }

// The errors of members that do not go together.
var (
	ErrSeveral  = errors.New("choose one of month, last, and since with until")
	ErrBackward = errors.New("until is before since")
)

// Times returns when the range begins, and the time before which it ends. The zero time is no bound.
func (r *Range) Times(now time.Time, zone *time.Location) (since, until time.Time, err error) {
	if r.Month != "" && (r.Since != "" || r.Until != "" || r.Last != "") || r.Last != "" && (r.Since != "" || r.Until != "") {
		return since, until, ErrSeveral
	}
	switch {
	case r.Month != "":
		since, until, err = Month(r.Month, now, zone)
		return since, until, of("month", err)
	case r.Last != "":
		age, err := Age(r.Last)
		return now.Add(-age), until, of("last", err)
	}
	if since, err = Parse(r.Since, now, zone); err != nil {
		return since, until, of("since", err)
	}
	if until, err = Parse(r.Until, now, zone); err == nil && !until.IsZero() && until.Before(since) {
		return since, until, ErrBackward
	}
	return since, until, of("until", err)
}

func of(member string, err error) error {
	if err == nil {
		return nil
	}
	return &RangeError{member, err}
}

// Days returns when a range of days begins, and when the day behind its last one does.
func Days(first, last time.Time, zone *time.Location) (since, until time.Time, err error) {
	if last.Before(first) {
		return since, until, fmt.Errorf("%s is before %s", last.Format(time.DateOnly), first.Format(time.DateOnly))
	}
	return StartOfDay(first.Year(), first.Month(), first.Day(), zone), StartOfDay(last.Year(), last.Month(), last.Day()+1, zone), nil
}
