package store

import (
	"path/filepath"
	"testing"

	"tollgate/audit/calls"
	"tollgate/audit/calls/callstest"
)

// TestPages: pages of the index are those of a scan, while it is behind and while it catches up.
func TestPages(t *testing.T) {
	callstest.Pages(t, func(t testing.TB, dir, log string) (calls.Pager, func()) {
		x := New(dir, filepath.Join(t.TempDir(), "index"))
		x.batch = 10
		step(t, x)
		return x.Pager(log), func() { step(t, x) }
	})
}
