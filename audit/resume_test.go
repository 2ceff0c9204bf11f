package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
)

// mustOpen opens a log in memory, checks the whole of it, and leaves it closed.
func mustOpen(t *testing.T, d *memDisk) (Recovery, []logfile.Record) {
	t.Helper()
	l, found, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	records := contents(t, d)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	contents(t, d)
	return found, records
}

// mustRefuse expects that a log is not opened, and is left as it is.
func mustRefuse(t *testing.T, d *memDisk, want string) {
	t.Helper()
	before := d.clone()
	l, _, err := Open(small(d))
	if err == nil {
		end(l)
		t.Fatalf("the log was opened; want %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q; want %q", err, want)
	}
	names, _ := before.List()
	for _, name := range names {
		if !bytes.Equal(d.bytes(name), before.bytes(name)) {
			t.Errorf("%s was changed", name)
		}
	}
}

// signedLog is a log of some calls that was closed, with several segments if they are small, and without the zeros at its end.
func signedLog(t *testing.T, config func(*memDisk) Options, calls int) *memDisk {
	t.Helper()
	d := newMemDisk()
	synctest.Test(t, func(t *testing.T) {
		l, _, err := Open(config(d))
		if err != nil {
			t.Fatal(err)
		}
		work(l, calls)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		live := l.Status().Segment
		d.put(live, bytes.TrimRight(d.bytes(live), "\x00"))
	})
	return d
}

// TestEveryByteOfTheLiveSegment changes bytes that recovery reads of a closed log, one of five and in a soak each: nothing but the last line, as
// if it had not been written wholly, can go unseen.
func TestEveryByteOfTheLiveSegment(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*memDisk{"first segment": signedLog(t, stating, 2), "later segment": signedLog(t, small, 4)} {
		names, _ := d.List()
		live := slices.Max(logfile.SegmentNames(names))
		if first := live == logfile.SegmentName(1); first != (name == "first segment") {
			t.Fatalf("%s is %s", name, live)
		}
		text := d.bytes(live)
		last := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
		for i := range soaktest.Some(len(text), 13) {
			for _, b := range []byte{text[i] ^ 1, 0} {
				changed := bytes.Clone(text)
				changed[i] = b
				c := d.clone()
				c.put(live, changed)
				l, found, err := Open(small(c))
				if err != nil {
					continue
				}
				end(l)
				if i < last || found.Cut == 0 {
					t.Errorf("%s: byte %d of %s changed from %q to %q was not found", name, i, live, text[i], b)
				}
			}
		}
	}
}

// TestEveryLineOfTheLiveSegment removes, doubles and swaps each line of it.
func TestEveryLineOfTheLiveSegment(t *testing.T) {
	d := signedLog(t, stating, 2)
	lines := slices.Collect(bytes.Lines(d.bytes(logfile.SegmentName(1))))
	try := func(what string, i int, changed [][]byte) {
		c := d.clone()
		c.put(logfile.SegmentName(1), bytes.Join(changed, nil))
		if l, _, err := Open(small(c)); err == nil {
			end(l)
			t.Errorf("line %d was %s and that was not found", i+1, what)
		}
	}
	for i := range lines[:len(lines)-1] {
		try("removed", i, slices.Delete(slices.Clone(lines), i, i+1))
		try("doubled", i, slices.Insert(slices.Clone(lines), i, lines[i]))
		swapped := slices.Clone(lines)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		try("swapped", i, swapped)
	}
}

// TestUnbegunSegment: a crash between the naming of a segment and its first checkpoint.
func TestUnbegunSegment(t *testing.T) {
	var before *memDisk
	synctest.Test(t, func(t *testing.T) { before = unbegun(t) })
	names, _ := before.List()
	last := slices.Max(logfile.SegmentNames(names))
	first, _ := logfile.ParseSegmentName(last)
	part := line(first, first, logfile.KindCheckpoint, "")[:30]
	for name, c := range map[string]struct {
		text string
		cut  int64
	}{
		"nothing":           {"", 0},
		"zeros":             {zeros(5000), 0},
		"part of its line":  {part, 30},
		"part and zeros":    {part + zeros(5000), 30},
		"a sector is lost":  {zeros(sector) + "}\n" + zeros(5000), sector + 2},
		"all but its start": {zeros(2*sector) + strings.Repeat("x", 100), 2*sector + 100},
	} {
		t.Run(name, func(t *testing.T) {
			d := before.clone()
			d.put(last, []byte(c.text))
			found, records := mustOpen(t, d)
			if found.Cut != c.cut || found.LastSeq != first-1 || found.Unsigned == 0 || records[first-1].Kind == logfile.KindCheckpoint {
				t.Errorf("recovery %+v, record %d is %s", found, first, records[first-1].Kind)
			}
		})
	}
	later := line(first+1, first+1, logfile.KindRefusal, "")
	for want, text := range map[string]string{
		"zeros stand within":                    zeros(100) + "x",
		fmt.Sprintf("and %d are miss", first+1): zeros(sector) + "}\n" + later,
	} {
		d := before.clone()
		d.put(last, []byte(text))
		mustRefuse(t, d, want)
	}
	d := before.clone() // the segment before it is as whole as others with one behind
	names, _ = d.List()
	live := logfile.SegmentNames(names)[len(logfile.SegmentNames(names))-2]
	text := d.bytes(live)
	d.put(live, append(bytes.Clone(text), 0))
	mustRefuse(t, d, "does not end with a record")
	d.put(live, slices.Concat(text[:len(text)/2], []byte{0}, text[len(text)/2+1:]))
	mustRefuse(t, d, "the segment is not whole")
}

// TestOlderLogs: a log from before checkpoints is signed as a whole, also when a part of it was pruned.
func TestOlderLogs(t *testing.T) {
	for name, d := range map[string]*memDisk{"whole": older(t), "full": olderFull(t), "pruned": prunedOlder(t)} {
		found, _ := mustOpen(t, d)
		if found.Unsigned != found.LastSeq {
			t.Errorf("%s: %d of %d records are unsigned", name, found.Unsigned, found.LastSeq)
		}
		found, _ = mustOpen(t, d)
		if found.Unsigned != 0 || found.Closed != nil {
			t.Errorf("%s, again: %+v", name, found)
		}
	}
	d := older(t)
	d.put(logfile.SegmentName(1), []byte(line(1, 1, logfile.KindStart, "")+"\x00\n"+line(2, 2, logfile.KindIntent, "a")))
	mustRefuse(t, d, "the segment is not whole")
	d.put(logfile.SegmentName(3), []byte(line(3, 3, logfile.KindStart, ""))) // so that the first segment is read for the tree alone
	mustRefuse(t, d, "the segment is not whole")
}

// TestPrunedLogs: the hashes stand for the segments that were removed, and nothing else does.
func TestPrunedLogs(t *testing.T) {
	whole := signedLog(t, small, 16)
	names, _ := whole.List()
	segments := logfile.SegmentNames(names)
	if len(segments) < 3 {
		t.Fatalf("%d segments", len(segments))
	}
	pruned := func(n int) *memDisk {
		d := whole.clone()
		for _, name := range segments[:n] {
			first, _ := logfile.ParseSegmentName(name)
			leaveHashes(d, first)
		}
		return d
	}
	for n := range segments {
		mustOpenPruned(t, pruned(n))
	}
	second, _ := logfile.ParseSegmentName(segments[1])
	for name, c := range map[string]struct {
		change func(d *memDisk)
		want   string
	}{
		"no hashes":        {func(d *memDisk) { d.remove(logfile.HashesName(1)) }, "that begin with record 1 are missing"},
		"no hashes at all": {func(d *memDisk) { d.remove(logfile.HashesName(1)); d.remove(logfile.HashesName(second)) }, "begins with record 1 is missing"},
		"gap":              {func(d *memDisk) { d.remove(logfile.HashesName(second)) }, fmt.Sprintf("begins with record %d is missing", second)},
		"too few":          {func(d *memDisk) { d.put(logfile.HashesName(1), d.bytes(logfile.HashesName(1))[logfile.HashLength:]) }, "are missing"},
		"half a hash":      {func(d *memDisk) { d.put(logfile.HashesName(1), d.bytes(logfile.HashesName(1))[1:]) }, "the length of the file"},
		"no segment": {func(d *memDisk) {
			for _, name := range segments[2:] {
				d.remove(name)
			}
		}, "only hashes of records before it"},
		"hashes in the middle": {func(d *memDisk) {
			third, _ := logfile.ParseSegmentName(segments[2])
			first := whole.bytes(segments[0])
			d.put(segments[0], first)
			d.remove(segments[2])
			d.put(logfile.HashesName(third), nil)
		}, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "hashes in the middle" && len(segments) < 4 {
				t.Fatalf("the log has %d segments, and the case needs 4", len(segments))
			}
			d := pruned(2)
			c.change(d)
			mustRefuse(t, d, c.want)
		})
	}
}

// mustOpenPruned opens a log twice.
func mustOpenPruned(t *testing.T, d *memDisk) {
	t.Helper()
	for range 2 {
		l, _, err := Open(small(d))
		if err != nil {
			t.Fatal(err)
		}
		end(l)
	}
}

// TestSegmentsThatDoNotFit: a segment of another log, with the right numbers and well signed by a key that is there, is not
// this log's.
func TestSegmentsThatDoNotFit(t *testing.T) {
	d, other := signedLog(t, small, 4), signedLog(t, small, 4)
	for text, key := range d.private {
		other.private[text] = key
	}
	names, _ := d.List()
	live := slices.Max(logfile.SegmentNames(names))
	d.put(keyName, other.bytes(keyName))
	d.put(live, other.bytes(live))
	mustRefuse(t, d, "the line is not that of record")
}

// TestStatementsAreChecked writes what a log could only say of itself if something had gone wrong.
func TestStatementsAreChecked(t *testing.T) {
	a, b, foreign := newKey(t, "tollgate/test"), newKey(t, "tollgate/test"), newKey(t, "tollgate/foreign")
	for name, c := range map[string]struct {
		build func(w *writer)
		want  string
	}{
		"checkpoint without key":  {func(w *writer) { w.keys = []*checkpoint.Key{a}; w.state() }, "stands before the first key"},
		"other key signs":         {func(w *writer) { w.key(a, nil, false); w.keys = []*checkpoint.Key{b}; w.state() }, "signature"},
		"lost from the beginning": {func(w *writer) { w.key(a, nil, true) }, "cannot say that a key was lost"},
		"same key again":          {func(w *writer) { w.key(a, nil, false); w.state(); w.key(a, a, false) }, "signs already"},
		"key of another log":      {func(w *writer) { w.key(a, nil, false); w.state(); w.key(foreign, a, false) }, "the key is of the log"},
		"other key before":        {func(w *writer) { w.key(a, nil, false); w.state(); w.key(b, b, false) }, "signed before"},
		"no key before":           {func(w *writer) { w.key(a, nil, false); w.state(); w.key(b, nil, false) }, "signed before"},
		"two keys in a row":       {func(w *writer) { w.key(a, nil, false); w.key(b, a, false); w.key(a, b, false) }, "between two key records"},
		"no key":                  {func(w *writer) { w.add(&logfile.Record{Kind: logfile.KindKey}) }, "NAME+HASH+KEY"},
		"key with a blank":        {func(w *writer) { w.add(&logfile.Record{Kind: logfile.KindKey, Key: a.Public().String() + " "}) }, "not spelt"},
		"old key alone":           {func(w *writer) { w.key(a, nil, false); w.state(); w.key(b, a, false); w.keys = w.keys[:1]; w.state() }, "signature"},
		"new key alone":           {func(w *writer) { w.key(a, nil, false); w.state(); w.key(b, a, false); w.keys = w.keys[1:]; w.state() }, "signature"},
		"member too many":         {func(w *writer) { w.key(a, nil, false); w.note = "x"; w.state() }, "not written as"},
		"other time":              {func(w *writer) { w.key(a, nil, false); w.later = 1; w.state() }, "not written as"},
		"size too small":          {func(w *writer) { w.key(a, nil, false); w.size--; w.state() }, "other records"},
		"refusal behind the stop": {func(w *writer) {
			w.add(&logfile.Record{Kind: logfile.KindStop})
			w.add(&logfile.Record{Kind: logfile.KindRefusal})
		}, "behind the log's end"},
		"intent behind the stop": {func(w *writer) {
			w.add(&logfile.Record{Kind: logfile.KindStop})
			w.add(&logfile.Record{Kind: logfile.KindIntent, Call: "x"})
		}, "behind the log's end"},
		"second stop": {func(w *writer) {
			w.add(&logfile.Record{Kind: logfile.KindStop})
			w.add(&logfile.Record{Kind: logfile.KindStop})
		}, "behind the log's end"},
		"checkpoint too far": {func(w *writer) {
			w.key(a, nil, false)
			w.add(&logfile.Record{Kind: logfile.KindStop})
			w.state()
			w.state()
		}, "behind the log's end"},
		"commit of no record": {func(w *writer) {
			w.add(&logfile.Record{Kind: logfile.KindStart})
			w.commit = 1
			w.add(&logfile.Record{Kind: logfile.KindRefusal})
			w.commit = 2
			w.add(&logfile.Record{Kind: logfile.KindRefusal})
		}, "does not begin with record 2"},
		"segment without": {func(w *writer) {
			w.key(a, nil, false)
			w.state()
			w.rotate()
			w.add(&logfile.Record{Kind: logfile.KindRefusal})
		}, "does not begin with a checkpoint"},
		"segment with both keys": {func(w *writer) { w.key(a, nil, false); w.state(); w.key(b, a, false); w.rotate(); w.state() }, "signature"},
		"later segment without": {func(w *writer) {
			w.key(a, nil, false)
			w.rotate()
			w.state()
			w.rotate()
			w.add(&logfile.Record{Kind: logfile.KindRefusal})
		}, "as those before it do"},
		"segment with one key of two": {func(w *writer) {
			w.key(a, nil, false)
			w.state()
			w.key(b, a, false)
			w.rotate()
			w.keys = w.keys[1:]
			w.state()
		}, "does not go on from the records before it"},
		"segment with wrong peaks": {func(w *writer) {
			w.key(a, nil, false)
			w.state()
			w.rotate()
			w.peaks = make([]checkpoint.Hash, 1)
			w.state()
		}, "other records"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &writer{d: newMemDisk()}
			c.build(w)
			w.rotate()
			w.d.remove(logfile.SegmentName(w.seq + 1))
			for _, key := range []*checkpoint.Key{a, b, foreign} {
				w.d.private[key.Public().String()] = key
			}
			w.d.put(keyName, []byte(a.Public().String()))
			mustRefuse(t, w.d, c.want)
		})
	}
}

func newKey(t testing.TB, name string) *checkpoint.Key {
	t.Helper()
	key, err := checkpoint.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// writer writes logs by hand, with what is wrong in them.
type writer struct {
	d     *memDisk
	tree  checkpoint.Tree
	keys  []*checkpoint.Key
	first uint64
	seq   uint64
	text  []byte

	ledger *logfile.Ledger      // checkpoints state what it says; nil for those that state nothing
	forge  func(*logfile.State) // changes that; nil for nothing

	commit uint64            // of the next records; 0: each has its own
	size   int               // is added to what a checkpoint states
	later  int               // nanoseconds that a checkpoint's record is later than its note
	note   string            // of a checkpoint's record
	peaks  []checkpoint.Hash // the same, instead of the tree's
}

func (w *writer) add(r *logfile.Record) {
	w.seq++
	r.Seq, r.Commit = w.seq, w.seq
	if w.commit > 0 {
		r.Commit = w.commit
	}
	if r.Time.IsZero() {
		r.Time = noon
	}
	line := r.Append(nil)
	w.tree.AddLine(line)
	if h, err := logfile.ParseHead("", 0, line); err == nil && w.ledger != nil {
		_ = w.ledger.AddHead(&h, line)
	}
	w.text = append(append(w.text, line...), '\n')
}

func (w *writer) key(key, before *checkpoint.Key, lost bool) {
	r := &logfile.Record{Kind: logfile.KindKey, Key: key.Public().String(), KeyLost: lost}
	w.keys = []*checkpoint.Key{key}
	if before != nil {
		r.PreviousKey = before.Public().String()
		w.keys = []*checkpoint.Key{before, key}
	}
	w.add(r)
}

func (w *writer) state() {
	key := w.keys[len(w.keys)-1]
	c := checkpoint.Checkpoint{Origin: key.Name(), Size: uint64(int(w.tree.Size()) + w.size), Root: w.tree.Root(), Time: noon}
	note, err := c.Sign(w.keys...)
	if err != nil {
		panic(err)
	}
	peaks := w.tree.Peaks()
	if w.peaks != nil {
		peaks = w.peaks
	}
	r := logfile.CheckpointRecord(note, c, key.Public(), peaks, w.stated())
	r.Time, r.Note = r.Time.Add(time.Duration(w.later)), w.note
	w.add(r)
	w.keys = w.keys[len(w.keys)-1:]
}

func (w *writer) stated() (s logfile.State) {
	if w.ledger == nil {
		return s
	}
	if s = w.ledger.State(); w.forge != nil {
		w.forge(&s)
	}
	return s
}

func (w *writer) rotate() {
	w.d.put(logfile.SegmentName(w.first+1), w.text)
	w.first, w.text = w.seq, nil
	w.d.put(logfile.SegmentName(w.first+1), nil)
}
