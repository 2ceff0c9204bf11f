package callstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/calls"
)

// Deadlines checks that pages that are cut off by deadlines, put together, are all calls of the logs. Each search is cut off after some looks at
// its context, so that nothing depends on time.
func Deadlines(t *testing.T, open Open) {
	for name, logs := range map[string][]string{"one log": {"a"}, "several logs": {"b", "a", "c/é"}} {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds() {
				s := begin(t, 900+seed, logs, open)
				for _, n := range []int{1000, 4} {
					s.cutOff(n, s.filter())
				}
			}
		})
	}
}

// cutOff reads all pages of n calls, each with as many looks as are needed to get on, and compares them with all calls.
func (s *suite) cutOff(n int, f *calls.Filter) {
	s.t.Helper()
	want, got := lines(s.all(f)), []string{}
	cursor, cuts := calls.Cursor{}, 0
	for looks, ended := 1, false; !ended; {
		page, next, err := s.pager.Page(newExpiring(s.t.Context(), looks), f, cursor, n)
		cut := errors.Is(err, context.DeadlineExceeded)
		if err != nil && !cut || len(page) > n || cut && len(page) == n || len(page) > 0 && cursor.Reached(next) {
			s.t.Fatalf("%d calls, cursor %s behind %s, %v", len(page), next, cursor, err)
		}
		if cuts += one(cut); cut && next == cursor {
			looks += 1 + looks/4
		} else {
			looks = 1 + s.rng.IntN(looks)
		}
		for _, p := range page {
			got = append(got, lineOf(p))
		}
		if cursor, err = calls.ParseCursor(next.String()); err != nil {
			s.t.Fatal(err)
		}
		ended = !cut && len(page) < n
	}
	if !slices.Equal(got, want) || cuts == 0 {
		s.t.Fatalf("pages of %d, %+v, %d of them cut off: got %d calls\n%s\nwant %d\n%s", n, *f, cuts, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// expiring is a context whose deadline passes after some looks at it.
type expiring struct {
	context.Context
	done chan struct{}

	mu   sync.Mutex
	left int
}

func newExpiring(ctx context.Context, looks int) *expiring {
	return &expiring{Context: ctx, done: make(chan struct{}), left: looks}
}

func (e *expiring) look() (passed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left == 0 {
		return true
	}
	if e.left--; e.left == 0 {
		close(e.done)
	}
	return e.left == 0
}

// Done implements [context.Context].
func (e *expiring) Done() <-chan struct{} {
	e.look()
	return e.done
}

// Err implements [context.Context].
func (e *expiring) Err() error {
	if e.look() {
		return context.DeadlineExceeded
	}
	return nil
}
