package setting

import (
	"errors"
	"regexp"
	"time"
)

// NotAfter is the last moment at which something counts, in nanoseconds since 1970: "2026-12-31", which is to its end in UTC, or
// "2026-12-31T18:00:00+01:00". Zero is none.
type NotAfter int64

const notAfterPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$`

var notAfterExpr = regexp.MustCompile(notAfterPattern)

// The times that nanoseconds since 1970 can be.
const (
	leastYear    = 1970
	greatestYear = 2261
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *NotAfter) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.DateOnly, string(b))
	if err == nil {
		at = at.AddDate(0, 0, 1).Add(-1)
	} else if at, err = time.Parse(time.RFC3339, string(b)); err != nil || !notAfterExpr.Match(b) { // package time takes "8:00:00,5", too
		return errors.New(`want a day, "2026-12-31", or a time with its zone, "2026-12-31T18:00:00Z"`)
	}
	if at = at.UTC(); at.Year() <= leastYear || at.Year() > greatestYear {
		return errors.New("want a time after 1970 and before 2262")
	}
	*n = NotAfter(at.UnixNano())
	return nil
}

// Time returns the last moment.
func (n NotAfter) Time() time.Time { return time.Unix(0, int64(n)).UTC() }

// Passed reports whether the last moment is over.
func (n NotAfter) Passed(now time.Time) bool { return n != 0 && now.After(n.Time()) }

// String returns the day, if it counts to its end, or the time.
func (n NotAfter) String() string {
	if n == 0 {
		return ""
	}
	if next := n.Time().Add(1); next.Equal(next.Truncate(24 * time.Hour)) {
		return n.Time().Format(time.DateOnly)
	}
	return n.Time().Format(time.RFC3339Nano)
}

func (n NotAfter) Pattern() string { return notAfterPattern }
func (n NotAfter) Kind() string    { return "time" }
