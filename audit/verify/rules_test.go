package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// written returns the files of a log that write wrote.
func written(t testing.TB, key *checkpoint.Key, write func(l *testlog.Log)) (files, *testlog.Log) {
	t.Helper()
	dir := t.TempDir()
	l := testlog.New(dir, key)
	write(l)
	l.Flush()
	return filesOf(t, dir), l
}

// kinds returns the kinds of all faults, for comparing.
func kinds(r *Report) string {
	var out []string
	for _, f := range r.Faults {
		out = append(out, fmt.Sprintf("%s@%d", f.Kind, f.Seq))
	}
	return strings.Join(out, " ")
}

func intent(call string) *logfile.Record {
	return &logfile.Record{Kind: logfile.KindIntent, Call: call}
}
func outcome(call string) *logfile.Record {
	return &logfile.Record{Kind: logfile.KindOutcome, Call: call}
}

func plain(kind logfile.Kind) *logfile.Record { return &logfile.Record{Kind: kind} }

// TestRules breaks each rule in a log that is signed all the same, so that only the rule is broken.
func TestRules(t *testing.T) {
	key := testKey(t, logName)
	for _, c := range []struct {
		name  string
		want  string
		write func(l *testlog.Log)
	}{
		{"nothing", "", func(l *testlog.Log) {}},
		{"stop without closing", "", func(l *testlog.Log) {
			l.Add(intent("a"))
			l.Add(plain(logfile.KindStop))
			l.Checkpoint()
			l.Add(outcome("a"))
			l.Add(plain(logfile.KindStart))
		}},
		{"killed, then started", "", func(l *testlog.Log) {
			l.Add(intent("a"))
			l.Add(outcome("a"))
			l.Add(&logfile.Record{Kind: logfile.KindStart, Unsigned: 2})
		}},
		{"intent without outcome", "call@4", func(l *testlog.Log) { l.Add(intent("a")); l.Add(plain(logfile.KindStart)) }},
		{"intents without outcome", "call@4 call@5", func(l *testlog.Log) { l.Add(intent("a")); l.Add(intent("b")); l.Add(plain(logfile.KindStart)) }},
		{"outcome without intent", "call@4", func(l *testlog.Log) { l.Add(outcome("a")) }},
		{"two outcomes", "call@6", func(l *testlog.Log) { l.Add(intent("a")); l.Add(outcome("a")); l.Add(outcome("a")) }},
		{"two intents", "call@5", func(l *testlog.Log) { l.Add(intent("a")); l.Add(intent("a")) }},
		{"long ids", "call@6", func(l *testlog.Log) {
			l.Add(intent(strings.Repeat("a", 65)))
			l.Add(outcome(strings.Repeat("a", 65)))
			l.Add(outcome(strings.Repeat("a", 65)))
		}},
		{"intent without id", "call@4", func(l *testlog.Log) { l.Add(intent("")) }},
		{"intent and refusal", "call@5", func(l *testlog.Log) {
			l.Add(intent("a"))
			l.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: "a"})
		}},
		{"intent behind a stop", "stop@5", func(l *testlog.Log) { l.Add(plain(logfile.KindStop)); l.Add(intent("a")) }},
		{"refusal behind a stop and its checkpoint", "stop@6", func(l *testlog.Log) {
			l.Add(plain(logfile.KindStop))
			l.Checkpoint()
			l.Add(plain(logfile.KindRefusal))
			l.Add(plain(logfile.KindRefusal))
		}},
		{"two stops", "", func(l *testlog.Log) {
			l.Add(plain(logfile.KindStop))
			l.Add(plain(logfile.KindStart))
			l.Add(plain(logfile.KindStop))
		}},
		{"prune of what is to come", "pruned@4", func(l *testlog.Log) { l.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: 4}) }},
		{"prune of nothing", "pruned@4", func(l *testlog.Log) { l.Add(&logfile.Record{Kind: logfile.KindPrune, First: 2, Last: 1}) }},
		{"the same key again", "key@4", func(l *testlog.Log) {
			l.Add(&logfile.Record{Kind: logfile.KindKey, Key: key.Public().String(), PreviousKey: key.Public().String()})
		}},
		{"a key without the one before", "key@4", func(l *testlog.Log) {
			l.Add(&logfile.Record{Kind: logfile.KindKey, Key: testKey(t, logName).Public().String()})
		}},
		{"a key of another log", "key@4", func(l *testlog.Log) {
			l.Add(&logfile.Record{Kind: logfile.KindKey, Key: testKey(t, "other").Public().String(), PreviousKey: key.Public().String()})
		}},
		{"no key", "key@4", func(l *testlog.Log) { l.Add(&logfile.Record{Kind: logfile.KindKey, Key: "x"}) }},
		{"no kind", "line@4", func(l *testlog.Log) { l.Add(plain("else")) }},
	} {
		f, _ := written(t, key, func(l *testlog.Log) {
			c.write(l)
			l.Checkpoint()
		})
		if got := kinds(verified(t, f, Options{})); got != c.want {
			t.Errorf("%s: faults %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCommits writes lines that name impossible commits.
func TestCommits(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		for range 4 {
			l.Add(plain(logfile.KindRefusal))
		}
	})
	name := logfile.SegmentName(1)
	lines := strings.SplitAfter(f[name], "\n")
	for _, c := range []struct {
		commits [4]int // of records 4 to 7
		want    string
	}{
		{[4]int{4, 4, 4, 4}, ""}, {[4]int{4, 5, 5, 7}, ""}, {[4]int{3, 5, 6, 7}, "commit@4"}, {[4]int{4, 5, 4, 7}, "commit@6"},
		{[4]int{4, 5, 3, 7}, "commit@6"}, {[4]int{4, 5, 7, 7}, "line@6"}, {[4]int{2, 5, 6, 7}, "commit@4"},
	} {
		changed := slices.Clone(lines)
		for i, commit := range c.commits {
			changed[i+3] = strings.Replace(lines[i+3], fmt.Sprintf(`"commit":%d`, i+4), fmt.Sprintf(`"commit":%d`, commit), 1)
		}
		if got := kinds(verified(t, files{name: strings.Join(changed, "")}, Options{AllowUnsigned: true})); got != c.want {
			t.Errorf("commits %v: faults %q, want %q", c.commits, got, c.want)
		}
	}
}

// TestSegmentBeginsCommit has a segment, of a log without checkpoints, that goes on with the commit of the one before.
func TestSegmentBeginsCommit(t *testing.T) {
	line := func(seq, commit int) string {
		return fmt.Sprintf(`{"seq":%d,"commit":%d,"time":"2026-10-03T04:05:06.000000000Z","kind":"refusal"}`+"\n", seq, commit)
	}
	for commit, want := range map[int]string{3: "", 1: "commit@3"} {
		f := files{logfile.SegmentName(1): line(1, 1) + line(2, 1), logfile.SegmentName(3): line(3, commit)}
		if got := kinds(verified(t, f, Options{AllowUnsigned: true})); got != want {
			t.Errorf("commit %d: faults %q, want %q", commit, got, want)
		}
	}
}

// TestLines adds lines that are no records, or not written as records are, behind the last checkpoint, where no signature
// helps.
func TestLines(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(*testlog.Log) {})
	const head = `{"seq":4,"commit":4,"time":"2026-10-03T04:05:06.000000000Z","kind":"stop"`
	for _, c := range []struct{ line, want string }{
		{head + `}`, ""},
		{head + `,"unknown":{"a":[1,2,{}]}}`, ""},
		{head + `,"note":"a b \" c \\"}`, ""},
		{head + `,"note":"a", "cut":true}`, "line@4"},
		{head + `,"note":"\" ","x": 1}`, "line@4"},
		{head + "\t}", "line@4"},
		{head + "}\r", "line@4"},
		{head + `} `, "line@4"},
		{head + `}{}`, "line@4"},
		{head + `,"note":"a","note":"a"}`, "line@4"},
		{head + `,"x":{"a":1,"a":1}}`, "line@4"},
		{head + ",\"note\":\"\xff\"}", "line@4"},
		{head + `,"note":1}`, "line@4"},
		{head, "line@4"},
		{``, "line@4"},
		{`{"seq":4,"commit":4,"kind":"stop","time":"2026-10-03T04:05:06.000000000Z"}`, "line@4"},
		{`{"seq":4,"commit":4,"time":"2026-10-03T04:05:06Z","kind":"stop"}`, "line@4"},
		{`{"seq":4,"commit":4,"time":"2026-10-03T05:05:06.000000000+01:00","kind":"stop"}`, "line@4"},
		{`{"seq":4e0,"commit":4,"time":"2026-10-03T04:05:06.000000000Z","kind":"stop"}`, "line@4"},
		{head + `,"note":"` + strings.Repeat("x", logfile.MaxLine) + `"}`, "line@4"},
		{head + `,"note":"` + strings.Repeat("x", 3*logfile.ChunkSize) + `"}`, "line@4"},
	} {
		changed := f.with(logfile.SegmentName(1), f[logfile.SegmentName(1)]+c.line+"\n")
		if got := kinds(verified(t, changed, Options{AllowUnsigned: true})); got != c.want {
			t.Errorf("%.100q: faults %q, want %q", c.line, got, c.want)
		}
	}
}

// TestOneChangeOneFault changes a log of many checkpoints in one place. The fault names it, or the checkpoints around it, and
// there is no fault behind it.
func TestOneChangeOneFault(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		for range 20 {
			for range 5 {
				l.Add(&logfile.Record{Kind: logfile.KindRefusal, Reason: "quota"})
			}
			l.Checkpoint()
		}
	})
	name := logfile.SegmentName(1)
	lines := strings.SplitAfter(f[name], "\n") // records 4 to 8, 10 to 14, … are refusals; 3, 9, 15, … checkpoints
	change := func(i int, from, to string) []string {
		changed := slices.Clone(lines)
		if changed[i] = strings.Replace(lines[i], from, to, 1); changed[i] == lines[i] {
			t.Fatalf("line %q has no %q", lines[i], from)
		}
		return changed
	}
	at := strings.Index(lines[14], `"peaks":["`)
	peaks := lines[14][at : at+len(`"peaks":["AAAA`)]
	swapped := slices.Clone(lines)
	swapped[11], swapped[12] = lines[12], lines[11]
	for _, c := range []struct {
		name, want, text string
		lines            []string
	}{
		{"a word", "root@10", "records 10 to 14,", change(11, "quota", "quotb")},
		{"a word behind the first checkpoint", "root@4", "records 4 to 8,", change(3, "quota", "quotb")},
		{"the syntax", "line@12", "no record", change(11, `"reason"`, `reason"`)},
		{"one line less", "order@12", "removed: 1 ", slices.Delete(slices.Clone(lines), 11, 12)},
		{"three lines less", "order@11", "removed: 3 ", slices.Delete(slices.Clone(lines), 10, 13)},
		{"one line more", "order@12", "added: 1 record is", slices.Insert(slices.Clone(lines), 12, lines[11])},
		{"another order", "order@12", "reordered", swapped},
		{"a checkpoint's signature", "signature@15", "not signed by the key", change(14, `\n","peaks"`, `A\n","peaks"`)},
		{"a checkpoint's size", "signature@15", "states 13 records", change(14, `\n14\n`, `\n13\n`)},
		{"a checkpoint's peaks", "peaks@15", "peaks", change(14, peaks, `"peaks":["AAAA`)},
		{"a checkpoint removed", "order@15", "removed: 1 ", slices.Delete(slices.Clone(lines), 14, 15)},
		{"a checkpoint repeated", "order@15", "added: 1 record is", slices.Insert(slices.Clone(lines), 15, lines[14])},
		{"a checkpoint's time", "line@15", "it is not what follows", change(14, `:21.000000000Z","kind"`, `:22.000000000Z","kind"`)},
	} {
		r := verified(t, files{name: strings.Join(c.lines, "")}, Options{})
		if got := kinds(r); got != c.want || !strings.Contains(r.Faults[0].Text, c.text) {
			t.Errorf("%s: faults %+v, want %s %q", c.name, r.Faults, c.want, c.text)
		}
		at := r.Faults[0].Offset
		if r.Faults[0].File != name || at > 0 && f[name][at-1] != '\n' {
			t.Errorf("%s: the fault is at %s, byte %d", c.name, r.Faults[0].File, at)
		}
		if root := r.Faults[0].Kind == FaultRoot; root != (r.Faults[0].Last > 0) {
			t.Errorf("%s: the fault is among records %d to %d", c.name, r.Faults[0].Seq, r.Faults[0].Last)
		}
		if root := fmt.Sprintf(`{"seq":%d,`, r.Faults[0].Seq); r.Faults[0].Kind == FaultRoot && !strings.HasPrefix(f[name][at:], root) {
			t.Errorf("%s: byte %d is not that of record %d", c.name, at, r.Faults[0].Seq)
		}
		if r.Root != verified(t, f, Options{}).Root {
			t.Errorf("%s: the tree did not go on from the next checkpoint", c.name)
		}
	}
}

// TestManyFaults has more of them than a report lists.
func TestManyFaults(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		for i := range 3 * maxFaults {
			l.Add(outcome(fmt.Sprint(i)))
		}
		l.Checkpoint()
	})
	if r := verified(t, f, Options{}); r.FaultCount != 3*maxFaults || len(r.Faults) != maxFaults {
		t.Errorf("%d faults, %d listed", r.FaultCount, len(r.Faults))
	}
}
