package proof

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

// samples returns a proof of each type.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	w := write(t, 12, rand.New(rand.NewPCG(11, 12)))
	l := open(t, w.dir)
	call, err := l.ProveCall(w.calls[7])
	files := map[string][]byte{"call": encoded(t, call, err)}
	g, err := l.CheckGrowth(ReadOld(strings.NewReader(w.notes[2])), nil)
	if err != nil {
		t.Fatal(err)
	}
	files["consistency"] = encoded(t, g.Proof, err)
	return files
}

// TestEveryByteCounts changes bits of each byte of a proof, removes and doubles each byte, and puts blanks in. One byte of five; all in a soak.
func TestEveryByteCounts(t *testing.T) {
	for name, file := range samples(t) {
		t.Run(name, func(t *testing.T) {
			for i := range soaktest.Some(len(file), 5) {
				for _, bits := range []byte{1, 4, 0x20, 0x80} { // 0x20 makes small letters of capital ones
					changed := slices.Clone(file)
					changed[i] ^= bits
					refuse(t, changed, "byte %d changed", i)
				}
				refuse(t, slices.Delete(slices.Clone(file), i, i+1), "byte %d removed", i)
				for _, more := range []byte{file[i], ' '} {
					refuse(t, slices.Insert(slices.Clone(file), i, more), "byte %d inserted", i)
				}
			}
			refuse(t, append(slices.Clone(file), '\n'), "a line feed more at byte %d", len(file))
		})
	}
}

func refuse(t *testing.T, file []byte, what string, at int) {
	t.Helper()
	if _, err := Parse(file); err == nil {
		t.Errorf(what+" was not found", at)
	}
}

// respelt returns a changed proof in the right spelling, so that only its meaning can be wrong.
func respelt(t *testing.T, file []byte, change func(*Call, *Consistency)) []byte {
	t.Helper()
	p, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	call, _ := p.(*Call)
	growth, _ := p.(*Consistency)
	change(call, growth)
	changed, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestChangedMeaning(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	first := log.Last
	id := log.Call()
	log.Call()
	log.Close()
	l := open(t, dir)
	p, err := l.ProveCall(id)
	file := encoded(t, p, err)
	g, err := l.CheckGrowth(ReadOld(strings.NewReader(first)), nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := checkpoint.NewKey(log.Key().Name())
	c, _, _ := p.Open()
	forged, _ := c.Sign(foreign)
	for what, change := range map[string]func(*Call, *Consistency){
		"no records":        func(p *Call, _ *Consistency) { p.Records = nil },
		"records swapped":   func(p *Call, _ *Consistency) { slices.Reverse(p.Records) },
		"a record twice":    func(p *Call, _ *Consistency) { p.Records[1] = p.Records[0] },
		"too many records":  func(p *Call, _ *Consistency) { p.Records = slices.Repeat(p.Records, maxRecords) },
		"another call":      func(p *Call, _ *Consistency) { p.Call = "0199a3b2-7c00-7000-8f10-000000000abd" },
		"no call":           func(p *Call, _ *Consistency) { p.Call = "" },
		"a path of another": func(p *Call, _ *Consistency) { p.Records[0].Path = p.Records[1].Path },
		"a path too long":   func(p *Call, _ *Consistency) { p.Records[0].Path = append(p.Records[0].Path, checkpoint.Hash{}) },
		"no path":           func(p *Call, _ *Consistency) { p.Records[0].Path = nil },
		"another line": func(p *Call, _ *Consistency) {
			p.Records[0].Line = strings.Replace(p.Records[0].Line, "app-", "apq-", 1)
		},
		"another seq": func(p *Call, _ *Consistency) {
			p.Records[0].Line = strings.Replace(p.Records[0].Line, `"seq":4`, `"seq":2`, 1)
		},
		"a seq too large": func(p *Call, _ *Consistency) {
			p.Records[1].Line = strings.Replace(p.Records[1].Line, `"seq":5`, `"seq":50`, 1)
		},
		"a line that is none": func(p *Call, _ *Consistency) { p.Records[0].Line = "x" },
		"a line too long": func(p *Call, _ *Consistency) {
			p.Records[0].Line = `{"note":"` + strings.Repeat("x", logfile.MaxLine) + `"}`
		},
		"a foreign signature":    func(p *Call, _ *Consistency) { p.Note = forged },
		"a foreign key":          func(p *Call, _ *Consistency) { p.Keys = []string{foreign.Public().String()} },
		"a key more":             func(p *Call, _ *Consistency) { p.Keys = append(p.Keys, foreign.Public().String()) },
		"a key twice":            func(p *Call, _ *Consistency) { p.Keys = slices.Repeat(p.Keys, 2) },
		"a key with blanks":      func(p *Call, _ *Consistency) { p.Keys[0] += " " },
		"no key":                 func(p *Call, _ *Consistency) { p.Keys = nil },
		"another checkpoint":     func(p *Call, _ *Consistency) { p.Note = first },
		"old and new swapped":    func(_ *Call, p *Consistency) { p.Old, p.New = p.New, p.Old },
		"two times the old":      func(_ *Call, p *Consistency) { p.New = p.Old },
		"a growth path too long": func(_ *Call, p *Consistency) { p.Path = append(p.Path, checkpoint.Hash{}) },
		"no growth path":         func(_ *Call, p *Consistency) { p.Path = nil },
		"a foreign new note":     func(_ *Call, p *Consistency) { p.New.Note = forged },
	} {
		before, other := file, encoded(t, g.Proof, nil)
		func() {
			defer func() { // the change was for the other type
				if recover() != nil {
					before = respelt(t, other, change)
				}
			}()
			before = respelt(t, file, change)
		}()
		if _, err := Parse(before); err == nil {
			t.Errorf("%s was not found", what)
		}
	}
	forgedWhole := respelt(t, file, func(p *Call, _ *Consistency) { p.Note, p.Keys = forged, []string{foreign.Public().String()} })
	whole, err := Parse(forgedWhole) // consistent in itself: only a key from elsewhere shows the forgery
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := whole.(*Call).Open()
	if Trusted(keys, nil) != nil || Trusted(keys, []checkpoint.PublicKey{log.Key()}) == nil {
		t.Error("a proof signed by another key was taken as the log's")
	}
}

// madeUp returns a valid proof over a log that no gateway writes.
func madeUp(t *testing.T, key *checkpoint.Key, lines ...string) *Call {
	t.Helper()
	tree, _ := newNodes(0, nil)
	p := &Call{Type: typeCall, Call: id, Records: make([]Record, len(lines))}
	prove := func(r tlog.HashReader) {
		for i, line := range lines {
			path, _ := tlog.ProveRecord(int64(len(lines)), int64(i), r)
			p.Records[i] = Record{line, path}
		}
	}
	prove(tlog.HashReaderFunc(tree.want))
	for _, line := range lines {
		tree.add(checkpoint.LeafHash([]byte(line)))
	}
	prove(tree)
	note, err := checkpoint.Checkpoint{Origin: key.Name(), Size: uint64(len(lines)), Root: tree.root()}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	p.Signed = Signed{note, []string{key.Public().String()}}
	return p
}

func recordLine(seq int, note string) string {
	return fmt.Sprintf(`{"seq":%d,"call":"%s","note":"%s"}`, seq, id, note)
}

// TestBounds has proofs that are valid but for a bound.
func TestBounds(t *testing.T) {
	a, _ := checkpoint.NewKey("tollgate/a")
	b, _ := checkpoint.NewKey("tollgate/b")
	var many []string
	for n := range maxRecords + 1 {
		many = append(many, recordLine(n+1, ""))
	}
	room := logfile.MaxLine - 1 - len(recordLine(1, ""))
	longest, tooLong := recordLine(1, strings.Repeat("x", room)), recordLine(1, strings.Repeat("x", room+1))
	for what, c := range map[string]struct {
		p    Proof
		good bool
	}{
		"seq of other places": {madeUp(t, a, many[1:]...), false},
		"sixteen records":     {madeUp(t, a, many[:maxRecords]...), true},
		"seventeen records":   {madeUp(t, a, many...), false},
		"the longest line":    {madeUp(t, a, longest), true},
		"a line too long":     {madeUp(t, a, tooLong), false},
		"one log":             {&Consistency{Type: typeConsistency, Old: madeUp(t, a, longest).Signed, New: madeUp(t, a, longest).Signed}, true},
		"two logs":            {&Consistency{Type: typeConsistency, Old: madeUp(t, a, longest).Signed, New: madeUp(t, b, longest).Signed}, false},
	} {
		file, err := c.p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(file); (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestParseNothing(t *testing.T) {
	for _, bad := range []string{"", "x", "{}", "[]", "null", `{"type":"tollgate call proof 1"}`, `{"type":"tollgate call proof 1"}` + "\n",
		`{"type":"tollgate call proof 2"}`, `{"type":1}`, strings.Repeat("[", 1<<20), string(make([]byte, MaxFile+1))} {
		if p, err := Parse([]byte(bad)); err == nil || p != nil {
			t.Errorf("%.40q was taken for a proof", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range samples(f) {
		f.Add(file)
	}
	f.Add([]byte(`{"call":"a","checkpoint":"","keys":[],"records":[{"line":"{}","path":[]}],"type":"tollgate call proof 1"}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Parse(file)
		if err != nil {
			return
		}
		if spelt, err := p.Encode(); err != nil || !bytes.Equal(spelt, file) {
			t.Errorf("%q is taken, and written as %q", file, spelt)
		}
	})
}

// TestReadCutLines: a crash may cut a line of the file; the next one is behind it in a line of its own.
func TestReadCutLines(t *testing.T) {
	const copied = "{\"checkpoint\":\"a\"}\n"
	for _, c := range []struct{ file, want string }{
		{copied + copied[:9] + "\n" + copied, "1a3a"}, {copied + copied[:9], "1a"}, {copied[:9], "error"}, {copied + "x\n", "1aerror"},
	} {
		got := ""
		for old, err := range ReadOld(strings.NewReader(c.file)) {
			if err != nil {
				got += "error"
				break
			}
			got += fmt.Sprint(old.Line) + old.Note
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.file, got, c.want)
		}
	}
}

func FuzzReadOld(f *testing.F) {
	f.Add([]byte("tollgate/a\n1\n\n"))
	f.Add([]byte(`{"log":"a","checkpoint":"x"}` + "\n\n" + `{"level":"info"}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		n := 0
		for old, err := range ReadOld(bytes.NewReader(file)) {
			if n++; err == nil && len(old.Note) > logfile.MaxLine {
				t.Error("a note that is too long was read")
			}
		}
		if n == 0 {
			t.Error("neither a checkpoint nor an error")
		}
	})
}
