package review

import (
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"tollgate/internal/pace"
	"tollgate/review/jobs"
)

// TestPagesRestBesideCalls holds that pages with records rest where jobs do, and nowhere else.
func TestPagesRestBesideCalls(t *testing.T) {
	for _, beside := range []bool{true, false} {
		runner := jobs.New(time.Now, beside)
		s := New(Config{Clock: time.Now, Zone: time.UTC, Jobs: runner})
		ask := s.request(httptest.NewRequest("GET", "/calls", nil))
		ask.route.records = true
		release, err := s.turn(ask)
		if err != nil {
			t.Fatal(err)
		}
		release()
		if rests := pace.Writer(ask.Context(), io.Discard) != io.Discard; rests != beside {
			t.Errorf("beside calls %v: a page rests %v", beside, rests)
		}
		runner.Close()
	}
}
