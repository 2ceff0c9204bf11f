package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/fleet/redistest"
)

// wanderer is a member that is led to one Redis or another by a proxy of its own, and remembers over restarts where it was.
type wanderer struct {
	*member
	t    *testing.T
	o    Options
	via  *redistest.Proxy
	part *keeper
}

func wander(t *testing.T, name string, to *redistest.Server, members ...string) *wanderer {
	t.Helper()
	w := &wanderer{t: t, via: redistest.NewProxy(t, to.Address())}
	w.o = options(name, w.via.Address(), members...)
	w.o.File = filepath.Join(t.TempDir(), "life")
	w.start()
	return w
}

func (w *wanderer) start() {
	w.t.Helper()
	w.part = &keeper{}
	w.member = run(w.t, w.o, w.part)
}

// splitRedis has two Redis that take themselves for the master, the second with the data of the first.
func splitRedis(t *testing.T) (first, second *redistest.Server, split func()) {
	t.Helper()
	first = redistest.Start(t, redistest.Options{})
	second = first.Replica()
	return first, second, func() { second.Do("REPLICAOF", "NO", "ONE") }
}

// TestRestartOnTheOldMaster: a member that is started again and finds the master of before a failover, which others have left, does not take
// its epoch for complete: two Redis would each take a copy of a request.
func TestRestartOnTheOldMaster(t *testing.T) {
	t.Parallel()
	first, second, split := splitRedis(t)
	a, b := wander(t, "a", first, "a", "b"), wander(t, "b", first, "a", "b")
	a.inEpoch(1)
	b.inEpoch(1)
	split()
	a.via.Turn(second.Address())
	b.via.Turn(second.Address())
	a.inEpoch(2)
	b.inEpoch(2)

	a.stop()
	a.via.Turn(first.Address())
	a.start()
	await(t, "a new epoch on the old master", func() bool { return a.State().Up && a.Epoch().Number == 3 })
	if e := a.Epoch(); e.Complete || !slices.Equal(e.Missing, []string{"b"}) {
		t.Errorf("b is with another Redis, and the epoch is %+v", e)
	}
	if e := b.Epoch(); !e.Complete || e.Number != 2 {
		t.Errorf("the new master: %+v", e)
	}
}

// TestTwoLivesOfOneNumber: epochs of one number in two Redis are not the same epoch, also for a member whose name is in both.
func TestTwoLivesOfOneNumber(t *testing.T) {
	t.Parallel()
	first, second, split := splitRedis(t)
	a, b := wander(t, "a", first, "a", "b"), wander(t, "b", first, "a", "b")
	a.inEpoch(1)
	b.inEpoch(1)
	split()
	second.Do("HSET", "{tollgate}:epoch", "identity", second.Info("run_id")+"-"+second.Info("master_replid"))
	a.via.Turn(second.Address())
	await(t, "a new epoch on the new master", func() bool { return a.State().Up && a.Epoch().Number == 2 })
	if e := a.Epoch(); e.Complete {
		t.Errorf("b is with another Redis, and the epoch is %+v", e)
	}
	if got := a.part.again; slices.Contains(got[1:], true) {
		t.Errorf("took the data of another Redis for what it had uploaded: %v", got)
	}
}

// TestFileOfLife: a member that cannot remember which life of the data it joins does not join it.
func TestFileOfLife(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	a := wander(t, "a", s, "a")
	a.inEpoch(1)
	a.stop()
	text, err := os.ReadFile(a.o.File)
	if err != nil || !strings.HasPrefix(string(text), "tollgate fleet 1\n1 "+s.Info("run_id")) {
		t.Errorf("the file: %q, %v", text, err)
	}
	a.start() // the same life
	a.inEpoch(1)
	a.stop()
	for _, bad := range []string{"", "nonsense", "tollgate fleet 1\n", "tollgate fleet 1\n-1 ab\n", "tollgate fleet 1\n1 ab\n2 cd\n", strings.Repeat("x", 1<<20)} {
		if err := os.WriteFile(a.o.File, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		a.start()
		a.away(a.o.File)
		a.stop()
	}
	if err := errors.Join(os.Remove(a.o.File), os.MkdirAll(filepath.Join(a.o.File+".tmp", "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	a.start()
	a.away(a.o.File)
}
