package admin

import (
	"math"
	"testing"
	"time"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// watch adds a sample for each minute after noon; at returns free and written for the minute.
func watch(minutes int, at func(minute int) (free int64, written uint64)) *Forecast {
	f := &Forecast{}
	for m := range minutes + 1 {
		free, written := at(m)
		f.Add(noon.Add(time.Duration(m)*time.Minute), free, written)
	}
	return f
}

func TestForecast(t *testing.T) {
	const gb = 1_000_000_000
	for name, c := range map[string]struct {
		minutes int
		at      func(m int) (int64, uint64)
		left    time.Duration
		known   bool
	}{
		"too early":        {9, func(m int) (int64, uint64) { return 10 * gb, uint64(m) * gb }, Never, false},
		"ten minutes":      {10, func(m int) (int64, uint64) { return 10 * gb, uint64(m) * gb }, 10 * time.Minute, true},
		"nothing is used":  {60, func(int) (int64, uint64) { return 10 * gb, 5 }, Never, true},
		"room is made":     {60, func(m int) (int64, uint64) { return int64(m) * gb, 5 }, Never, true},
		"others take more": {60, func(m int) (int64, uint64) { return int64(100-m) * gb, uint64(m) * gb / 2 }, 40 * time.Minute, true},
		"room does not hide the log": {60, func(m int) (int64, uint64) {
			return int64(100+m) * gb, uint64(m) * gb
		}, 160 * time.Minute, true},
		"full":                      {60, func(m int) (int64, uint64) { return max(0, int64(50-m)) * gb, uint64(m) * gb }, 0, true},
		"full, and nothing is used": {60, func(int) (int64, uint64) { return 0, 5 }, 0, true},
		"a new pace counts after an hour": {180, func(m int) (int64, uint64) {
			return 30 * gb, uint64(max(0, m-120)) * gb
		}, 30 * time.Minute, true},
		"what an hour does not use counts by the day": {13 * 60, func(m int) (int64, uint64) {
			return 13 * gb, uint64(min(m, 12*60)) * gb / 720
		}, 13 * 13 * time.Hour, true},
		"what was a day ago does not count": {49 * 60, func(m int) (int64, uint64) {
			return 10 * gb, uint64(min(m, 24*60)) * gb
		}, Never, true},
		"far away":             {60, func(m int) (int64, uint64) { return math.MaxInt64, uint64(m) }, Never, true},
		"free is not known":    {60, func(m int) (int64, uint64) { return -1, uint64(m) }, Never, false},
		"free is lost for now": {60, func(m int) (int64, uint64) { return int64(59 - m), uint64(m) }, Never, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := watch(c.minutes, c.at)
			left, known := f.Left()
			if known != c.known || (left-c.left).Abs() > time.Second {
				t.Errorf("got %v, %v; want %v, %v", left, known, c.left, c.known)
			}
			if n := len(f.samples); n > 24*60+1 {
				t.Errorf("%d samples are kept", n)
			}
		})
	}
}

// TestForecastClock: samples that come too early, or whose time steps back, are left out.
func TestForecastClock(t *testing.T) {
	f := &Forecast{}
	for i, at := range []time.Duration{0, time.Second, 59 * time.Second, -time.Hour, time.Minute, 30 * time.Second} {
		f.Add(noon.Add(at), 100, uint64(i))
	}
	if len(f.samples) != 2 || f.samples[1].written != 4 {
		t.Errorf("got %+v", f.samples)
	}
}
