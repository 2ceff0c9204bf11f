package verify

import (
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/freeze"
	"tollgate/internal/testlog"
)

func signedIntent(call string) *logfile.Record {
	r := intent(call)
	r.Effect, r.SignatureHash, r.SignatureDate = "spend", strings.Repeat("ab", 32), testlog.Start
	return r
}

// TestStates: what a checkpoint states is recomputed from the records before it.
func TestStates(t *testing.T) {
	key := testKey(t, logName)
	for name, c := range map[string]struct {
		forge func(*logfile.State)
		want  string
	}{
		"as it is":           {func(*logfile.State) {}, ""},
		"no open call":       {func(s *logfile.State) { s.Open = nil }, "state@8"},
		"a later open call":  {func(s *logfile.State) { s.Open.Seq++ }, "state@8"},
		"another place":      {func(s *logfile.State) { s.Open.Back-- }, "state@8"},
		"no signature":       {func(s *logfile.State) { s.Signatures = nil }, "state@8"},
		"signatures twice":   {func(s *logfile.State) { s.Signatures = append(s.Signatures, s.Signatures...) }, "state@8"},
		"another date":       {func(s *logfile.State) { s.Signatures[0].Date = testlog.Start.AddDate(1, 0, 0) }, "state@8"},
		"no checkpoint":      {func(s *logfile.State) { s.Previous = nil }, "state@8"},
		"another checkpoint": {func(s *logfile.State) { s.Previous.Seq = 3 }, "state@8"},
		"another leaf":       {func(s *logfile.State) { s.Previous.Hash = "" }, "state@8"},
		"elsewhere":          {func(s *logfile.State) { s.Previous.Back++ }, "state@8"},
		"nothing":            {func(s *logfile.State) { *s = logfile.State{} }, "state@8"},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			l.Add(signedIntent("a"))
			l.Checkpoint()
			l.Rotate()
			l.Add(signedIntent("b"))
			l.Forge = c.forge
			l.Checkpoint()
			l.Forge = nil
			l.Checkpoint()
		})
		if got := kinds(verified(t, f, Options{})); got != c.want {
			t.Errorf("%s: faults %q, want %q", name, got, c.want)
		}
	}
}

// TestOldStates: a log's older checkpoints state nothing, but none behind one that does.
func TestOldStates(t *testing.T) {
	key := testKey(t, logName)
	for _, c := range []struct {
		old  [3]bool
		want string
	}{
		{[3]bool{true, true, true}, ""}, {[3]bool{true, true, false}, ""}, {[3]bool{true, false, false}, ""},
		{[3]bool{true, false, true}, "state@9"}, {[3]bool{false, true, true}, "state@7 state@9"},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			for _, l.Old = range c.old {
				l.Add(signedIntent(string(rune('a' + l.Seq))))
				l.Checkpoint()
			}
			l.Old = c.old[2]
		})
		if got := kinds(verified(t, f, Options{AllowUnsigned: true})); got != c.want {
			t.Errorf("%v: faults %q, want %q", c.old, got, c.want)
		}
	}
}

// TestStatesOfABundle: of records that are not there, what is possible is accepted, and nothing else.
func TestStatesOfABundle(t *testing.T) {
	key := testKey(t, logName)
	for name, c := range map[string]struct {
		first, later func(*logfile.State)
		want         string
	}{
		"as it is":                       {nil, nil, ""},
		"other signatures before":        {func(s *logfile.State) { s.Signatures = nil }, nil, ""},
		"another call before":            {func(s *logfile.State) { s.Open.Seq-- }, nil, ""},
		"the checkpoint before is there": {func(s *logfile.State) { s.Previous.Seq = 5 }, nil, "state@5"},
		"the open call is there":         {func(s *logfile.State) { s.Open.Seq = 5 }, nil, "state@5"},
		"the open call is nowhere":       {func(s *logfile.State) { s.Open.Back = 0 }, nil, "state@5"},
		"later: no call is open":         {nil, func(s *logfile.State) { s.Open = nil }, "state@7"},
		"later: nearer than the bundle":  {nil, func(s *logfile.State) { s.Open.Back = 5 }, "state@7"},
		"later: no signature":            {nil, func(s *logfile.State) { s.Signatures = nil }, "state@7"},
		"later: the one before the last": {nil, func(s *logfile.State) { s.Previous.Seq = 3 }, "state@7"},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			l.Add(signedIntent("a"))
			l.Forge = c.first
			l.Rotate()
			l.Add(signedIntent("b"))
			l.Forge = c.later
			l.Checkpoint()
			l.Forge = nil
		})
		names := f.names()
		part := files{names[1]: f[names[1]]}
		if got := kinds(verified(t, part, Options{Bundle: true, AllowUnsigned: true})); got != c.want {
			t.Errorf("%s: faults %q, want %q", name, got, c.want)
		}
	}
}

func frozenRecord(n int) *logfile.Record {
	r := &logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventFrozen}
	for range n {
		r.Freezes = append(r.Freezes, freeze.Freeze{ID: "f-00000001", Subject: freeze.Subject{Kind: freeze.All}, Reason: "why", Since: testlog.Start})
	}
	return r
}

// TestFrozenIsStated: a checkpoint states where the freezes in force are, until a record or a start states none.
func TestFrozenIsStated(t *testing.T) {
	key := testKey(t, logName)
	for name, c := range map[string]struct {
		last  *logfile.Record
		forge func(*logfile.State)
		want  string
	}{
		"as it is":          {frozenRecord(1), func(*logfile.State) {}, ""},
		"lifted":            {frozenRecord(0), func(*logfile.State) {}, ""},
		"a start":           {&logfile.Record{Kind: logfile.KindStart}, func(*logfile.State) {}, ""},
		"left out":          {frozenRecord(1), func(s *logfile.State) { s.Frozen = nil }, "state@8"},
		"an earlier record": {frozenRecord(1), func(s *logfile.State) { s.Frozen.Seq = 3 }, "state@8"},
		"another place":     {frozenRecord(1), func(s *logfile.State) { s.Frozen.Back-- }, "state@8"},
		"another leaf":      {frozenRecord(1), func(s *logfile.State) { s.Frozen.Hash = "" }, "state@8"},
		"lifted, but there": {frozenRecord(0), func(s *logfile.State) { s.Frozen = s.Previous }, "state@8"},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			l.Add(frozenRecord(2))
			l.Checkpoint()
			l.Rotate()
			l.Add(c.last)
			l.Forge = c.forge
			l.Checkpoint()
			l.Forge = nil
			l.Checkpoint()
		})
		if got := kinds(verified(t, f, Options{})); got != c.want {
			t.Errorf("%s: faults %q, want %q", name, got, c.want)
		}
	}
}

// TestFrozenOfABundle: of a record that is not there, what is possible is accepted, and must not change from then on.
func TestFrozenOfABundle(t *testing.T) {
	key := testKey(t, logName)
	for name, c := range map[string]struct {
		first, later func(*logfile.State)
		want         string
	}{
		"as it is":       {nil, nil, ""},
		"another before": {func(s *logfile.State) { s.Frozen.Seq-- }, nil, "state@7"}, // the later one is right
		"it is there":    {func(s *logfile.State) { s.Frozen.Seq = 5 }, nil, "state@5 state@7"},
		"later: none":    {nil, func(s *logfile.State) { s.Frozen = nil }, "state@7"},
		"later: another": {nil, func(s *logfile.State) { s.Frozen.Seq-- }, "state@7"},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			l.Add(frozenRecord(1))
			l.Forge = c.first
			l.Rotate()
			l.Add(signedIntent("b"))
			l.Forge = c.later
			l.Checkpoint()
			l.Forge = nil
		})
		names := f.names()
		part := files{names[1]: f[names[1]]}
		if got := kinds(verified(t, part, Options{Bundle: true, AllowUnsigned: true})); got != c.want {
			t.Errorf("%s: faults %q, want %q", name, got, c.want)
		}
	}
}
