package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

// stored has every node of a tree, as tlog numbers them: the reference for trees that retain only the wanted ones.
type stored []checkpoint.Hash

func (s *stored) ReadHashes(indexes []int64) ([]checkpoint.Hash, error) {
	out := make([]checkpoint.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = (*s)[index]
	}
	return out, nil
}

func leaf(n int64) []byte { return fmt.Appendf(nil, "leaf %d", n) }

func storedTree(t *testing.T, size int64) *stored {
	t.Helper()
	s := new(stored)
	for n := range size {
		more, err := tlog.StoredHashes(n, leaf(n), s)
		if err != nil {
			t.Fatal(err)
		}
		*s = append(*s, more...)
	}
	return s
}

// TestNodesOfAllSizes makes, for trees of up to 130 leaves and from the peaks of smaller sizes, every proof that can be made from
// there, and compares it with the one that tlog makes from all nodes.
func TestNodesOfAllSizes(t *testing.T) {
	const largest = 130
	all := storedTree(t, largest)
	var tree checkpoint.Tree
	for from := int64(0); from < largest; from++ {
		for size := from + 1; size <= largest; size++ {
			if size > 40 && (from+size)%5 > 0 {
				continue // a fifth of the larger ones
			}
			compareProofs(t, all, tree.Peaks(), from, size)
		}
		tree.AddLine(leaf(from))
	}
}

func compareProofs(t *testing.T, all *stored, peaks []checkpoint.Hash, from, size int64) {
	t.Helper()
	prove := func(r tlog.HashReader) (proofs []checkpoint.Hash) {
		for n := from; n < size; n++ {
			p, err := tlog.ProveRecord(size, n, r)
			if err != nil {
				t.Fatal(err)
			}
			proofs = append(proofs, p...)
		}
		for n := max(from, 1); n <= size; n++ {
			p, err := tlog.ProveTree(size, n, r)
			if err != nil {
				t.Fatal(err)
			}
			proofs = append(proofs, p...)
		}
		return proofs
	}
	tree, err := newNodes(uint64(from), peaks)
	if err != nil {
		t.Fatal(err)
	}
	prove(tlog.HashReaderFunc(tree.want))
	tree.keepPeaks()
	for n := from; n < size; n++ {
		tree.add(checkpoint.LeafHash(leaf(n)))
	}
	if !slices.Equal(prove(tree), prove(all)) {
		t.Fatalf("from %d to %d: the proofs are others", from, size)
	}
	if want, _ := tlog.TreeHash(size, all); tree.root() != want {
		t.Fatalf("from %d to %d: another root", from, size)
	}
}

// includes is the verification of RFC 9162 section 2.1.3.2, step by step.
func includes(index, size uint64, hash, root checkpoint.Hash, path []checkpoint.Hash) bool {
	fn, sn, r := index, size-1, hash
	for _, p := range path {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = tlog.NodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = tlog.NodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && r == root
}

// consistent is the verification of RFC 9162 section 2.1.4.2, step by step.
func consistent(first, second uint64, firstRoot, secondRoot checkpoint.Hash, path []checkpoint.Hash) bool {
	if first == second {
		return firstRoot == secondRoot && len(path) == 0
	}
	if first&(first-1) == 0 {
		path = append([]checkpoint.Hash{firstRoot}, path...)
	}
	if len(path) == 0 {
		return false
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := path[0], path[0]
	for _, c := range path[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = tlog.NodeHash(c, fr), tlog.NodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = tlog.NodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return fr == firstRoot && sr == secondRoot && sn == 0
}

// written is a log of calls, with what was in it.
type written struct {
	dir   string
	calls []string
	notes []string // all checkpoints
	keys  []checkpoint.PublicKey
}

// write makes a log of n calls with checkpoints, rotations and changes of key at random places.
func write(t testing.TB, n int, rng *rand.Rand) *written {
	t.Helper()
	w := &written{dir: t.TempDir()}
	log := testlog.New(w.dir, nil)
	w.keys = append(w.keys, log.Key())
	for range n {
		w.calls = append(w.calls, log.Call())
		switch rng.IntN(8) {
		case 0:
			log.Checkpoint()
		case 1:
			log.Rotate()
		case 2:
			key, err := checkpoint.NewKey(log.Key().Name())
			if err != nil {
				t.Fatal(err)
			}
			log.Rekey(key, rng.IntN(2) == 0)
			w.keys = append(w.keys, log.Key())
		}
	}
	log.Close()
	for s, err := range open(t, w.dir).Checkpoints() {
		if err != nil {
			t.Fatal(err)
		}
		w.notes = append(w.notes, s.Note)
	}
	return w
}

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// prune leaves only the hashes of the oldest segment, and reports whether another one is left.
func prune(t testing.TB, dir string) bool {
	t.Helper()
	segments, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if len(segments) < 2 {
		return false
	}
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	var hashes []byte
	for line := range bytes.Lines(text) {
		h := checkpoint.LeafHash(bytes.TrimSuffix(line, []byte("\n")))
		hashes = append(hashes, h[:]...)
	}
	err = errors.Join(os.WriteFile(strings.TrimSuffix(segments[0], ".jsonl")+".hashes", hashes, 0o600), os.Remove(segments[0]))
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// encoded returns a proof as a file, which it has parsed again.
func encoded(t testing.TB, p Proof, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if spelt, _ := again.Encode(); !bytes.Equal(spelt, file) {
		t.Fatalf("parsed and written again, it is another file")
	}
	return file
}

func TestCalls(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 40; n++ {
		w := write(t, n, rng)
		l := open(t, w.dir)
		for _, id := range w.calls {
			p, err := l.ProveCall(id)
			encoded(t, p, err)
			c, keys, err := p.Open()
			if err != nil || len(p.Records) != 2 {
				t.Fatalf("%d records, %v", len(p.Records), err)
			}
			for i, r := range p.Parsed() {
				if !includes(r.Seq-1, c.Size, checkpoint.LeafHash([]byte(p.Records[i].Line)), c.Root, p.Records[i].Path) {
					t.Errorf("of %d calls, record %d is not proven as RFC 9162 has it", n, r.Seq)
				}
			}
			if !slices.Contains(w.notes, p.Note) || Trusted(keys, w.keys) != nil {
				t.Error("the checkpoint is not one of the log")
			}
			if n%20 != 0 {
				continue
			}
			for _, seq := range []uint64{p.Parsed()[0].Seq, 0, 1, 1 << 40} { // a wrong one costs time alone
				if from, err := l.ProveCallFrom(id, seq); err != nil || !reflect.DeepEqual(from, p) {
					t.Errorf("from record %d: another proof, %v", seq, err)
				}
			}
		}
	}
}

// TestUntil: nothing more is read once the context is done.
func TestUntil(t *testing.T) {
	w := write(t, 5, rand.New(rand.NewPCG(3, 4)))
	ctx, cancel := context.WithCancel(t.Context())
	l := open(t, w.dir).Until(ctx)
	if _, err := l.ProveCall(w.calls[0]); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := l.ProveCall(w.calls[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestPruned proves what is left of a log after each of its segments was pruned, and its growth since every checkpoint.
func TestPruned(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	w := write(t, 60, rng)
	for more := true; more; more = prune(t, w.dir) {
		l := open(t, w.dir)
		for i, note := range w.notes {
			g, err := l.CheckGrowth(ReadOld(strings.NewReader(note)), w.keys)
			if err != nil {
				t.Fatalf("from record %d, checkpoint %d: %v", l.First(), i, err)
			}
			encoded(t, g.Proof, err)
			c := g.Newest.Checkpoint
			if !consistent(g.Last.Size, c.Size, g.Last.Root, c.Root, g.Proof.Path) || g.Newest.Note != w.notes[len(w.notes)-1] {
				t.Errorf("from record %d, checkpoint %d: growth is not proven as RFC 9162 has it", l.First(), i)
			}
		}
		proven := 0
		for _, id := range w.calls {
			p, err := l.ProveCall(id)
			switch {
			case err == nil:
				encoded(t, p, err)
				proven++
			case !strings.Contains(err.Error(), fmt.Sprintf("the records before %d are pruned", l.First())):
				t.Errorf("call %s: %v", id, err)
			}
		}
		if left := countCalls(t, l); proven != left {
			t.Errorf("from record %d: %d calls proven, %d are left", l.First(), proven, left)
		}
	}
}

func countCalls(t *testing.T, l *Log) int {
	t.Helper()
	n := 0
	for line, err := range l.Lines(1) {
		if err != nil {
			t.Fatal(err)
		}
		if line.Kind == logfile.KindOutcome {
			n++
		}
	}
	return n
}

func TestGrowthBetweenStatements(t *testing.T) {
	l := open(t, write(t, 40, rand.New(rand.NewPCG(7, 8))).dir)
	var all []*Statement
	for s, err := range l.Checkpoints() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	for i, old := range all {
		for _, grown := range all[i:] {
			p, err := l.ProveGrowth(old, grown)
			encoded(t, p, err)
			if !consistent(old.Size, grown.Size, old.Root, grown.Root, p.Path) {
				t.Errorf("%d to %d is not proven as RFC 9162 has it", old.Size, grown.Size)
			}
		}
	}
}

const id = "0199a3b2-7c00-7000-8f10-000000000abc"

// TestOneCheckpointForAll has an intent and its outcome far apart.
func TestOneCheckpointForAll(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	try := func() (*Call, error) {
		log.Flush()
		return open(t, dir).ProveCall(id)
	}
	if _, err := try(); err == nil || !strings.Contains(err.Error(), "no record has the call id") {
		t.Errorf("a call that is not there: %v", err)
	}
	log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id})
	if _, err := try(); !errors.Is(err, ErrNotCovered) || !strings.Contains(err.Error(), "record 4 ") {
		t.Errorf("an intent that is not covered: %v", err)
	}
	log.Checkpoint()
	first := log.Last
	if p, err := try(); err != nil || len(p.Records) != 1 || p.Note != first {
		t.Errorf("an intent alone: %v", err)
	}
	log.Calls(20)
	log.Rotate()
	log.Calls(20)
	log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: id})
	if _, err := try(); !errors.Is(err, ErrNotCovered) {
		t.Errorf("an outcome that is not covered, while its intent is: %v", err)
	}
	log.Checkpoint()
	want := log.Last
	log.Calls(2)
	log.Checkpoint()
	p, err := try()
	encoded(t, p, err)
	if len(p.Records) != 2 || p.Note != want {
		t.Errorf("%d records, of the checkpoint\n%s", len(p.Records), p.Note)
	}
	log.Close()
}

// TestStaleClock has a call in a segment that begins long before the time in its id, or long after.
func TestStaleClock(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	var ids []string
	for i, id := range []string{"019a0000-0000-7000-8000-000000000000", "019abcde-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000000",
		"0199a3b2-7c00-7000-8f10-000000000abc", "019f0000-0000-7000-8000-000000000000", "02000000-0000-7000-8000-000000000000", "not a uuid"} {
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id, Time: testlog.Start.AddDate(0, -20+i*2, 0)})
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: id})
		ids = append(ids, id)
	}
	log.Close()
	l := open(t, dir)
	for _, id := range ids {
		p, err := l.ProveCall(id)
		if encoded(t, p, err); len(p.Records) != 2 {
			t.Errorf("%s: %d records", id, len(p.Records))
		}
	}
	if begin := l.segmentBefore("02000000-0000-7000-8000-000000000000"); begin == 1 {
		t.Error("no segment was skipped")
	}
}

// TestFiles has logs whose files do not fit together, and such whose files do in another way.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	id := log.Call()
	log.Rotate()
	log.Call()
	log.Rotate()
	log.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	text, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	last := func() error {
		var last error
		for _, err := range open(t, dir).Lines(1) {
			last = err
		}
		return last
	}
	put := func(text []byte) {
		if err := os.WriteFile(names[1], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(strings.TrimSuffix(names[0], "jsonl")+"hashes", make([]byte, 64), 0o600), last()); err != nil {
		t.Fatal(err)
	}
	p, err := open(t, dir).ProveCall(id) // the segment counts, not the hashes that pruning has begun to write
	encoded(t, p, err)
	if _, err := open(t, dir).CheckGrowth(ReadOld(strings.NewReader(log.Last)), nil); err != nil {
		t.Error(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for what, bad := range map[string][]byte{
		"lines swapped":         bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil),
		"a line missing":        bytes.Join([][]byte{lines[0], lines[2]}, nil),
		"the last line missing": bytes.Join(lines[:2], nil),
		"a line twice":          bytes.Join([][]byte{lines[0], lines[1], lines[1], lines[2]}, nil),
		"half a line":           text[:len(text)-9],
		"zeros behind":          append(slices.Clone(text), 0, 0),
		"a line too long":       append(slices.Clone(text), bytes.Repeat([]byte("x"), logfile.MaxLine)...),
		"another line":          append(slices.Clone(text), "{}\n"...),
	} {
		if put(bad); last() == nil || !strings.Contains(last().Error(), "damaged") {
			t.Errorf("%s: %v", what, last())
		}
	}
	if err := os.Remove(names[1]); err != nil || last() == nil {
		t.Errorf("a segment missing: %v, %v", last(), err)
	}
	put(text)
	live, err := os.OpenFile(names[2], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = live.WriteString(`{"seq":1` + strings.Repeat("\x00", 1<<17) + "rest")
	if err := errors.Join(err, live.Close(), last()); err != nil {
		t.Errorf("the end of a segment that is being written: %v", err)
	}
}

// TestKeyInAnotherSegment has a checkpoint that two keys signed as the first record of a segment, behind the key record.
func TestKeyInAnotherSegment(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	old := log.Key()
	key, err := checkpoint.NewKey(old.Name())
	if err != nil {
		t.Fatal(err)
	}
	log.Call()
	log.Rekey(key, false)
	log.Flush()
	name := filepath.Join(dir, "00000000000000000001.jsonl")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	next := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", log.Seq))
	empty := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", log.Seq+1)) // made, and not written to yet
	if err := errors.Join(os.WriteFile(name, text[:cut], 0o600), os.WriteFile(next, text[cut:], 0o600), os.WriteFile(empty, make([]byte, 9), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := open(t, dir).Newest()
	if err != nil || s.Note != log.Last || !slices.Equal(s.Keys, []checkpoint.PublicKey{old, key.Public()}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTooManyRecords(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	for range maxRecords + 1 {
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id})
	}
	log.Close()
	if _, err := open(t, dir).ProveCall(id); err == nil || !strings.Contains(err.Error(), "more than 16 records") {
		t.Error(err)
	}
}

// TestDamage changes bytes of a log's files, one of seven and in a soak each: growth is proved only if the change is behind what was compared, and a
// proof is never another one.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	first := log.Last
	log.Call()
	log.Rotate()
	id := log.Call()
	log.Close()
	prune(t, dir)
	l := open(t, dir)
	p, err := l.ProveCall(id)
	want := encoded(t, p, err)
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		text, _ := os.ReadFile(name)
		newest := bytes.LastIndexByte(text[:len(text)-1], '\n') // its record is no leaf of its own tree
		for i := range soaktest.Some(len(text), 7) {
			changed := slices.Clone(text)
			changed[i] ^= 4
			if err := os.WriteFile(name, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := l.CheckGrowth(ReadOld(strings.NewReader(first)), []checkpoint.PublicKey{log.Key()})
			if err == nil && (i < newest || strings.HasSuffix(name, ".hashes")) {
				t.Fatalf("%s, byte %d changed: the log is said to have grown only", filepath.Base(name), i)
			}
			if p, err := l.ProveCall(id); err == nil && !bytes.Equal(encoded(t, p, err), want) {
				t.Fatalf("%s, byte %d changed: the proof is another", filepath.Base(name), i)
			}
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
