package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"tollgate/http1"
)

// Skew is how far an upstream's clock and this machine's are apart. It is the median of the last answers: one of them may be
// old, out of a cache that does not say so, or wrong. The zero Skew knows nothing. Its methods may be called concurrently.
type Skew struct {
	mutex   sync.Mutex
	samples [skewSamples]time.Duration // a ring
	count   int                        // of all that were taken
	last    time.Time                  // when the last was taken
}

const (
	skewSamples = 9
	// skewEvery is how far samples are apart once there are enough, so that they are not all of one moment.
	skewEvery = time.Second
	// maxRoundTrip bounds by how much a sample may be wrong for not knowing when the answer was made.
	maxRoundTrip = 10 * time.Second
)

// noteAnswer takes the Date of an answer (RFC 9110 section 6.6.1), unless a cache set it (RFC 9111 section 5.1).
func (s *Skew) noteAnswer(header http1.Fields, sent, received time.Time) {
	if !s.due(received) || header.Has("Age") || len(header.Values("Date")) != 1 {
		return
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		s.note(date, sent, received)
	}
}

func (s *Skew) due(now time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	since := now.Sub(s.last)
	return s.count < skewSamples || since < 0 || since >= skewEvery
}

// note takes what the upstream's clock showed, in whole seconds, at some moment between sent and received.
func (s *Skew) note(theirs, sent, received time.Time) {
	trip := received.Sub(sent)
	if trip < 0 || trip > maxRoundTrip || !s.due(received) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.samples[s.count%skewSamples] = sent.Add(trip / 2).Sub(theirs.Add(time.Second / 2))
	s.count++
	s.last = received
}

// Estimate returns the skew, above zero if this machine's clock is ahead; it is not known before the first answer. It is right
// to about a second.
func (s *Skew) Estimate() (skew time.Duration, known bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	samples := slices.Clone(s.samples[:min(s.count, skewSamples)])
	if len(samples) == 0 {
		return 0, false
	}
	slices.Sort(samples)
	low, high := samples[(len(samples)-1)/2], samples[len(samples)/2]
	if low.Abs() < high.Abs() { // of an even number the better of the two in the middle
		return low, true
	}
	return high, true
}
