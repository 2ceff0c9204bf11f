package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is what a calendar quota counts in.
type Period string

// The periods of a [Quota].
const (
	Day   Period = "day"
	Month Period = "month"
)

// longest is how long a period can be at most, without what clocks are put back.
func (p Period) longest() time.Duration {
	if p == Month {
		return 31 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// In returns when the period of a calendar quota begins and ends in which a time lies.
func (t *Terms) In(now time.Time) (begins, ends time.Time) {
	year, month, day := now.In(t.Zone).Date()
	if t.Period == Month {
		return time.Date(year, month, 1, 0, 0, 0, 0, t.Zone), time.Date(year, month+1, 1, 0, 0, 0, 0, t.Zone)
	}
	return time.Date(year, month, day, 0, 0, 0, 0, t.Zone), time.Date(year, month, day+1, 0, 0, 0, 0, t.Zone)
}

// DefaultZone is where days and months of the provider's bills begin.
const DefaultZone = "Asia/Shanghai"

// MaxQuota is the highest number of calls of a Quota.
const MaxQuota = 1_000_000_000

// Quota is a number of calls in each day or month of the calendar: "1000/day", "20000/month". The zero value is none.
type Quota struct {
	Calls  int
	Period Period
}

const quotaPattern = `^[1-9][0-9]{0,9}/(day|month)$`

// UnmarshalText implements [encoding.TextUnmarshaler].
func (q *Quota) UnmarshalText(b []byte) error {
	number, period, _ := strings.Cut(string(b), "/")
	n, err := strconv.Atoi(number)
	if err != nil || Period(period) != Day && Period(period) != Month || strconv.Itoa(n) != number {
		return errors.New(`want a quota such as "1000/day" or "20000/month"`)
	}
	if n < 1 || n > MaxQuota {
		return fmt.Errorf("a quota must be from 1 to %d calls", MaxQuota)
	}
	*q = Quota{n, Period(period)}
	return nil
}

func (q Quota) Pattern() string { return quotaPattern }
func (q Quota) Kind() string    { return "quota" }

// PerDay returns how many calls a day that is, of a month the fewest.
func (q Quota) PerDay() float64 {
	if q.Period == Month {
		return float64(q.Calls) / 31
	}
	return float64(q.Calls)
}

// String returns the quota as it is written.
func (q Quota) String() string {
	if q == (Quota{}) {
		return ""
	}
	return strconv.Itoa(q.Calls) + "/" + string(q.Period)
}
