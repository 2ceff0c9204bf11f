package gateway

import (
	"testing"
	"time"
)

// TestSkewIsAMedian: the clocks that single answers show are off by what is given, in seconds.
func TestSkewIsAMedian(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 500e6, time.UTC)
	for name, c := range map[string]struct {
		answers []int
		want    int
	}{
		"one":                      {[]int{120}, 120},
		"of two the better":        {[]int{120, 1}, 1},
		"of two on either side":    {[]int{-120, 30}, 30},
		"one old answer":           {[]int{0, 3600, 0}, 0},
		"one wrong answer":         {[]int{-1 << 31, 90, 91}, 90},
		"a minority":               {[]int{500, 500, 500, 500, 2, 2, 2, 2, 2}, 2},
		"the newest nine count":    {[]int{500, 500, 500, 500, 500, 500, 500, 500, 500, 2, 2, 2, 2, 2}, 2},
		"a corrected clock, early": {[]int{500, 500, 500, 500, 500, 500, 500, 500, 500, 2, 2, 2, 2}, 500},
	} {
		var s Skew
		for i, off := range c.answers {
			at := now.Add(time.Duration(i) * time.Second)
			s.note(at.Truncate(time.Second).Add(-time.Duration(off)*time.Second), at, at)
		}
		if got, known := s.Estimate(); !known || got != time.Duration(c.want)*time.Second {
			t.Errorf("%s: %v, %v, want %d s", name, got, known, c.want)
		}
	}
}

// TestSkewTakesFewOfMany: many answers of one moment do not outvote those of the last seconds, and slow ones say too little.
func TestSkewTakesFewOfMany(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 500e6, time.UTC)
	var s Skew
	for i := range 20 {
		at := now.Add(time.Duration(i) * time.Second)
		s.note(at.Truncate(time.Second), at, at)
	}
	for range 100 {
		s.note(now.Add(time.Hour), now.Add(21*time.Second), now.Add(21*time.Second))
	}
	if got, _ := s.Estimate(); got != 0 {
		t.Errorf("skew %v after answers of one moment", got)
	}
	var slow Skew
	slow.note(now, now, now.Add(time.Minute))
	slow.note(now, now, now.Add(-time.Minute))
	if got, known := slow.Estimate(); known {
		t.Errorf("skew %v from answers that took a minute", got)
	}
}
