package verify

import (
	"fmt"
	"strings"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// fill writes something to sign.
func fill(l *testlog.Log) {
	l.Add(plain(logfile.KindRefusal))
	l.Checkpoint()
}

func TestGivenKeys(t *testing.T) {
	a, b, c, d, foreign := testKey(t, logName), testKey(t, logName), testKey(t, logName), testKey(t, logName), testKey(t, logName)
	f, _ := written(t, a, func(l *testlog.Log) {
		fill(l)
		l.Rekey(b, false)
		fill(l)
		l.Rekey(c, true) // the key record is 8
		fill(l)
		l.Rekey(d, false)
		fill(l)
	})
	r := mustPass(t, "without a key", f, Options{})
	for i, want := range []struct {
		key     *checkpoint.Key
		chained bool
		first   uint64
	}{{a, false, 3}, {b, true, 7}, {c, false, 11}, {d, true, 15}} {
		if got := r.Signers[i]; got.Key != want.key.Public().String() || got.Chained != want.chained || got.First != want.first || got.Checkpoints != 2 {
			t.Errorf("signer %d: %+v", i, got)
		}
	}
	for _, given := range []struct {
		keys []*checkpoint.Key
		want string
	}{
		{[]*checkpoint.Key{d}, ""}, {[]*checkpoint.Key{c}, ""}, {[]*checkpoint.Key{a, c}, ""}, {[]*checkpoint.Key{a, b, c, d}, ""},
		{[]*checkpoint.Key{a}, "key@11"}, {[]*checkpoint.Key{a, b}, "key@11"},
		{[]*checkpoint.Key{foreign}, "key@17"}, {[]*checkpoint.Key{d, foreign}, "key@17"},
	} {
		var o Options
		for _, key := range given.keys {
			o.Keys = append(o.Keys, key.Public())
		}
		if got := kinds(verified(t, f, o)); got != given.want {
			t.Errorf("%d keys: faults %q, want %q", len(given.keys), got, given.want)
		}
	}
}

// TestForgedKeys replaces the signing key without the key that signed before.
func TestForgedKeys(t *testing.T) {
	a, b := testKey(t, logName), testKey(t, logName)
	bring := func(lost bool) *logfile.Record {
		return &logfile.Record{Kind: logfile.KindKey, Key: b.Public().String(), PreviousKey: a.Public().String(), KeyLost: lost}
	}
	for _, c := range []struct {
		name, want, text string
		write            func(l *testlog.Log)
	}{
		{"a checkpoint of another key", "key@4", "another key", func(l *testlog.Log) { l.As(b); l.Checkpoint() }},
		{"more of them", "key@4", "another key", func(l *testlog.Log) { l.As(b); l.Checkpoint(); fill(l); fill(l) }},
		{"without the old key's signature", "key@5", "without the old one's signature", func(l *testlog.Log) { l.Add(bring(false)); l.As(b); l.Checkpoint(); fill(l) }},
		{"with it", "", "", func(l *testlog.Log) { l.Add(bring(false)); l.As(b); l.Checkpoint(a); fill(l) }},
		{"lost, with it", "unsigned@4 signature@5", "", func(l *testlog.Log) { l.Add(bring(true)); l.As(b); l.Checkpoint(a) }},
		{"the old key signs on", "key@5", "another key", func(l *testlog.Log) { l.Add(bring(false)); l.Checkpoint(); fill(l) }},
		{"both sign for ever", "signature@7", "", func(l *testlog.Log) {
			l.Add(bring(false))
			l.As(b)
			l.Checkpoint(a)
			l.Add(plain(logfile.KindRefusal))
			l.Checkpoint(a)
			fill(l)
		}},
		{"two keys before a checkpoint", "key@5", "no checkpoint stands between", func(l *testlog.Log) {
			l.Add(bring(false))
			l.Add(&logfile.Record{Kind: logfile.KindKey, Key: testKey(t, logName).Public().String(), PreviousKey: b.Public().String()})
			l.As(b)
			l.Checkpoint(a)
		}},
	} {
		f, _ := written(t, a, c.write)
		r := verified(t, f, Options{})
		if got := kinds(r); got != c.want || c.want != "" && !strings.Contains(r.Faults[0].Text, c.text) {
			t.Errorf("%s: faults %+v, want %q", c.name, r.Faults, c.want)
		}
	}
	forged, _ := written(t, b, fill)
	mustPass(t, "another log, by itself", forged, Options{})
	mustFind(t, "another log, against the key", forged, Options{Keys: []checkpoint.PublicKey{a.Public()}})
	lost, _ := written(t, a, func(l *testlog.Log) { l.Rekey(b, true) })
	mustPass(t, "a key said to be lost", lost, Options{})
	mustFind(t, "a key said to be lost, against the old one", lost, Options{Keys: []checkpoint.PublicKey{a.Public()}})
}

// TestNoKeyRecord has a checkpoint before any key.
func TestNoKeyRecord(t *testing.T) {
	key := testKey(t, logName)
	c := checkpoint.Checkpoint{Origin: logName, Time: testlog.Start, Root: new(checkpoint.Tree).Root()}
	note, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	line := string(logfile.CheckpointRecord(note, c, key.Public(), nil, logfile.State{}).Append(nil)) + "\n"
	if got := kinds(verified(t, files{logfile.SegmentName(1): line}, Options{})); got != "key@1" {
		t.Errorf("faults %q", got)
	}
}

// TestBundleBegins with a checkpoint, whose stated tree and signing keys are accepted.
func TestBundleBegins(t *testing.T) {
	a, b := testKey(t, logName), testKey(t, logName)
	f, l := written(t, a, func(l *testlog.Log) {
		l.Add(intent("a"))
		l.Rotate()
		l.Add(outcome("a"))
		first := l.Last
		l.Rotate()
		l.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: 4})
		l.Last = first
	})
	kept := l.Last
	names := f.names()
	whole := verified(t, f, Options{AllowUnsigned: true})
	part := files{names[1]: f[names[1]], names[2]: f[names[2]]}
	r := mustPass(t, "a bundle", part, Options{Bundle: true, AllowUnsigned: true, Witnesses: strings.NewReader(kept)})
	if r.Root != whole.Root || r.First != 5 || r.Witnessed != 1 {
		t.Errorf("%+v", r)
	}
	r = mustPass(t, "a bundle after the kept checkpoint", files{names[2]: f[names[2]]}, Options{Bundle: true, AllowUnsigned: true, Witnesses: strings.NewReader(kept)})
	if r.Witnessed != 0 || r.WitnessesSkipped != 1 {
		t.Errorf("%+v", r)
	}
	if got := kinds(verified(t, part, Options{AllowUnsigned: true})); got != "missing@1" {
		t.Errorf("the same as a directory: %q", got)
	}
	mustFind(t, "a gap in a bundle", files{names[0]: f[names[0]], names[2]: f[names[2]]}, Options{Bundle: true, AllowUnsigned: true})
	_, headless, _ := strings.Cut(part[names[1]], "\n")
	mustFind(t, "a bundle without its first checkpoint", part.with(names[1], headless), Options{Bundle: true, AllowUnsigned: true})
	delete(part, names[1])
	part[fmt.Sprintf("%020d.jsonl", 6)] = headless
	mustFind(t, "a bundle that begins with another record", part, Options{Bundle: true, AllowUnsigned: true})

	// A bundle that begins with the first checkpoint of another key.
	f, _ = written(t, a, func(l *testlog.Log) {
		l.Add(&logfile.Record{Kind: logfile.KindKey, Key: b.Public().String(), PreviousKey: a.Public().String()})
		l.As(b)
		l.Rotate(a)
		fill(l)
	})
	delete(f, logfile.SegmentName(1))
	mustFind(t, "signed by a key that the bundle does not have", f, Options{Bundle: true})
	mustPass(t, "signed by a key of the reviewer", f, Options{Bundle: true, Keys: []checkpoint.PublicKey{a.Public()}})
	mustFind(t, "signed by a key that is not the reviewer's", f, Options{Bundle: true, Keys: []checkpoint.PublicKey{testKey(t, logName).Public()}})
}
