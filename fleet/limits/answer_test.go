package limits

import (
	"testing"

	"tollgate/gateway"
)

var _ gateway.Limiter = (*Limiter)(nil)

// FuzzAnswer: an answer that Redis, or what stands in its place, may return is an error, or one that can be gone by.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, int64(1), 1)
	f.Add([]byte{1, 1, 5, 1, 9, 0, 1, 2, 3, 4}, int64(1000), 1)
	f.Add([]byte{3, 1, 7}, int64(1), 2)
	f.Add([]byte{2, 3, 7, 0, 0, 0, 1, 2, 3, 4}, int64(-1), 1)
	f.Fuzz(func(t *testing.T, numbers []byte, scale int64, limits int) {
		if limits < 1 || limits > 64 {
			return
		}
		var reply []any
		for _, n := range numbers {
			reply = append(reply, int64(n)*scale)
		}
		a, err := readAnswer(reply, limits)
		switch {
		case err != nil:
			return
		case a.what == otherPeriod:
			if len(reply) != 3 {
				t.Errorf("%v is a time", reply)
			}
		case len(a.limits) != limits || len(reply) != answerHead+limits*answerEach:
			t.Errorf("%d limits of %d in %v", len(a.limits), limits, reply)
		case a.what != granted && (a.slowest < 0 || a.slowest >= limits):
			t.Errorf("limit %d of %d holds the call back", a.slowest, limits)
		case a.delay < 0 || a.pace < 0:
			t.Errorf("times %v and %v", a.delay, a.pace)
		}
	})
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for _, reply := range []any{nil, "OK", int64(1), []any{}, []any{int64(0), "x", int64(0), int64(0), int64(0)}, []any{int64(4), int64(1), int64(0), int64(0), int64(0),
		int64(0), int64(0), int64(0), int64(0), int64(0)}} {
		if a, err := readAnswer(reply, 1); err == nil {
			t.Errorf("%v was read as %+v", reply, a)
		}
	}
}
