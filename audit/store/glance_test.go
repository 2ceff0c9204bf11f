package store

import (
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// TestGlance: what the index says of calls is what the log says, also of those that it does not have yet.
func TestGlance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := testlog.New(dir, nil)
	l.Step = time.Second
	l.Mixture(4_000)
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	rebuild(t, x)
	indexed := l.Seq
	l.Mixture(1_000)
	l.Close()
	for name, f := range map[string]*calls.Filter{
		"refused":     {Decision: logfile.Refused},
		"of a caller": {Caller: "app-0", Since: testlog.Start.Add(time.Hour), Until: testlog.Start.Add(3 * time.Hour)},
	} {
		got, want, behind := map[string]int{}, map[string]int{}, 0
		key := func(at time.Time, caller, reason string) string {
			return fmt.Sprint(at.UTC().Truncate(time.Microsecond), caller, reason)
		}
		if err := x.Glance(t.Context(), f, func(at time.Time, caller, reason string) error { got[key(at, caller, reason)]++; return nil }); err != nil {
			t.Fatal(err)
		}
		err := (calls.Scan{Dir: dir}).Calls(t.Context(), f, func(c *calls.Call) error {
			if c.Outcome != nil || c.Refusal != nil {
				want[key(c.Time(), c.Caller(), c.Reason())]++
				behind += one(c.Order() > indexed)
			}
			return nil
		})
		if err != nil || len(want) < 100 || !maps.Equal(got, want) {
			t.Errorf("%s: %d calls, want %d, %v", name, len(got), len(want), err)
		}
		if name == "refused" && behind == 0 {
			t.Errorf("%s: the index has all calls", name)
		}
	}
	if err := x.Glance(t.Context(), &calls.Filter{State: logfile.Unknown}, nil); err != errNotInKinds {
		t.Errorf("by state: %v", err)
	}
}
