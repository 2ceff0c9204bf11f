package admin

import (
	"math"
	"sync"
	"time"
)

const (
	// forecastEvery is how far apart samples are: a day of them is bounded.
	forecastEvery = time.Minute
	// Never is how long a disk lasts whose use does not grow.
	Never = time.Duration(math.MaxInt64)
)

// paces are the spans over which use is measured, the longest last. A span counts once the samples cover the least of it.
var paces = [...]struct{ span, least time.Duration }{
	{time.Hour, 10 * time.Minute},
	{24 * time.Hour, 12 * time.Hour},
}

// Forecast estimates when a disk will be full, from its use until now. The zero Forecast knows nothing. Its methods may
// be called concurrently.
type Forecast struct {
	mu      sync.Mutex
	samples []sample // of the last day, the oldest first
}

type sample struct {
	at      time.Time
	free    int64
	written uint64
}

// Add takes how many bytes are free, or -1 if that is not known, and how many bytes of the log have been written since it
// was opened. Times need a monotonic reading, as from time.Now, so that setting the clock changes nothing. What comes
// within a minute of the last is left out.
func (f *Forecast) Add(at time.Time, free int64, written uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if free < 0 {
		f.samples = nil
		return
	}
	if n := len(f.samples); n > 0 && at.Sub(f.samples[n-1].at) < forecastEvery {
		return
	}
	f.samples = append(f.since(at.Add(-paces[len(paces)-1].span)), sample{at, free, written})
}

// since returns the samples of a time or later.
func (f *Forecast) since(at time.Time) []sample {
	for i, s := range f.samples {
		if !s.at.Before(at) {
			return f.samples[i:]
		}
	}
	return nil
}

// Left returns how long the disk lasts from now at the pace of the last hour or, if that is less, of the last day; [Never] if
// neither fills it. It is not known before ten minutes of use have been seen. Use is what the log wrote, or what all
// programs took of the disk together if that is more: room that was made meanwhile does not hide what is written.
func (f *Forecast) Left() (left time.Duration, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left = Never
	for _, pace := range paces {
		if l, ok := f.at(pace.span, pace.least); ok {
			left, known = min(left, l), true
		}
	}
	return left, known
}

// at returns how long the disk lasts at the pace of a span before the last sample.
func (f *Forecast) at(span, least time.Duration) (time.Duration, bool) {
	if len(f.samples) == 0 {
		return 0, false
	}
	last := f.samples[len(f.samples)-1]
	first := f.since(last.at.Add(-span))[0]
	took := last.at.Sub(first.at)
	if took < least {
		return 0, false
	}
	used := max(float64(last.written)-float64(first.written), float64(first.free)-float64(last.free))
	if last.free == 0 {
		return 0, true
	}
	left := float64(last.free) / used * float64(took) // infinite when nothing is used
	if left >= float64(Never) {
		return Never, true
	}
	return time.Duration(left), true
}

// Full returns when the disk will be full, as [Forecast.Left] has it. It is not known while nothing fills it, either.
func (f *Forecast) Full() (at time.Time, known bool) {
	left, known := f.Left()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !known || left == Never || len(f.samples) == 0 {
		return time.Time{}, false
	}
	return f.samples[len(f.samples)-1].at.Add(left), true
}
