package bsssim

import "time"

// throttle counts calls in fixed windows of one second. It forgets everything when a new second begins, so it never
// holds more keys than calls of one second.
type throttle struct {
	second int64
	counts map[throttleKey]int
}

type throttleKey struct{ source, operation, account string }

func (t *throttle) allow(key throttleKey, limit int, now time.Time) bool {
	if second := now.Unix(); second != t.second || t.counts == nil {
		t.second, t.counts = second, make(map[throttleKey]int)
	}
	t.counts[key]++
	return t.counts[key] <= limit
}
