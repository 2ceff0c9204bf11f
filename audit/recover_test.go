package audit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
)

// line makes a record's line.
func line(seq, commit uint64, kind logfile.Kind, call string) string {
	r := logfile.Record{Seq: seq, Commit: commit, Kind: kind, Call: call, Time: time.Unix(1750000000, 0), Effect: "spend"}
	if kind == logfile.KindOutcome {
		r.Outcome = logfile.Succeeded
	}
	return string(append(r.Append(nil), '\n'))
}

// sample is a small log: two calls, the second without an outcome.
func sample() string {
	return line(1, 1, logfile.KindStart, "") + line(2, 2, logfile.KindIntent, "a") + line(3, 3, logfile.KindIntent, "b") + line(4, 4, logfile.KindOutcome, "a")
}

func diskWith(segments map[uint64]string) *memDisk {
	d := newMemDisk()
	for first, text := range segments {
		d.put(logfile.SegmentName(first), []byte(text))
	}
	return d
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// TestEveryPrefix cuts a log at every byte, once at the end of the file and once followed by zeros: what was whole is
// kept, and what was not is cut.
func TestEveryPrefix(t *testing.T) {
	text := sample()
	for n := range soaktest.Some(len(text)+1, 3) {
		for _, tail := range []string{"", zeros(1), zeros(5000)} {
			d := diskWith(map[uint64]string{1: text[:n] + tail})
			l, found, err := Open(small(d))
			if err != nil {
				t.Fatalf("cut at %d, %d zeros: %v", n, len(tail), err)
			}
			end(l)
			whole := text[:strings.LastIndexByte(text[:n], '\n')+1]
			if got := d.bytes(logfile.SegmentName(1)); !bytes.HasPrefix(got, []byte(whole)) {
				t.Fatalf("cut at %d: a whole line was changed", n)
			}
			if want := int64(n - len(whole)); found.Cut != want {
				t.Errorf("cut at %d: %d bytes were cut, want %d", n, found.Cut, want)
			}
			if want := uint64(strings.Count(whole, "\n")); found.LastSeq != want {
				t.Errorf("cut at %d: last record %d, want %d", n, found.LastSeq, want)
			}
			(&history{}).check(t, contents(t, d))
		}
	}
}

// TestClosing: only intents without outcome since the last start are closed, in order, also across segments.
func TestClosing(t *testing.T) {
	segments := map[uint64]string{
		1:  line(1, 1, logfile.KindStart, "") + line(2, 2, logfile.KindIntent, "old"),
		3:  line(3, 3, logfile.KindIntent, "older") + line(4, 4, logfile.KindStart, "") + line(5, 5, logfile.KindIntent, "a") + line(6, 6, logfile.KindIntent, "b"),
		7:  line(7, 7, logfile.KindOutcome, "b") + line(8, 8, logfile.KindIntent, "c") + line(9, 9, logfile.KindIntent, "d"),
		10: line(10, 10, logfile.KindIntent, "e") + line(11, 11, logfile.KindOutcome, "c"),
	}
	d := diskWith(segments)
	l, found, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	defer end(l)
	if want := []ClosedCall{{"a", "spend"}, {"d", "spend"}, {"e", "spend"}}; !slices.Equal(found.Closed, want) {
		t.Errorf("closed %v, want %v", found.Closed, want)
	}
	records := contents(t, d)[11:]
	if got, want := kinds(records), "outcome a|outcome d|outcome e|start |key |checkpoint |"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	for _, r := range records[:3] {
		if r.Outcome != logfile.Unknown || r.Note != closedNote || r.Effect != "spend" || r.Commit != 12 {
			t.Errorf("closing record %+v", r)
		}
	}
}

// TestClosingNamesTheCaller: an outcome that a start writes says what was called, whose account may have paid, and by which plan it was decided.
func TestClosingNamesTheCaller(t *testing.T) {
	intent := typical()
	intent.Seq, intent.Commit, intent.Deprecated, intent.Plan = 2, 2, true, "00112233445566aa"
	d := diskWith(map[uint64]string{1: line(1, 1, logfile.KindStart, "") + string(intent.Append(nil)) + "\n"})
	l, _, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	defer end(l)
	got := contents(t, d)[2]
	want := logfile.Record{
		Seq: 3, Commit: 3, Time: got.Time, Kind: logfile.KindOutcome, Call: intent.Call, Caller: intent.Caller, Upstream: "bss", Site: "cn", Operation: "PayOrders",
		Effect: "spend", Deprecated: true, Credential: "acme", Class: "customer", Account: intent.Account, Plan: intent.Plan, Outcome: logfile.Unknown, Note: closedNote,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestManyOpenIntents: closing them does not depend on how many there are.
func TestManyOpenIntents(t *testing.T) {
	var b strings.Builder
	b.WriteString(line(1, 1, logfile.KindStart, ""))
	const n = 3000
	for i := range uint64(n) {
		b.WriteString(line(i+2, 2, logfile.KindIntent, fmt.Sprint("c", i)))
	}
	d := diskWith(map[uint64]string{1: b.String()})
	l, found, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	defer end(l)
	if len(found.Closed) != n {
		t.Errorf("%d closed, want %d", len(found.Closed), n)
	}
	(&history{}).check(t, contents(t, d))
}

// TestSignatures: the replay memory gets the signatures of intents to write or spend within the window, which ends at the
// smallest time of late, from all
// segments that may hold some, and no others.
func TestSignatures(t *testing.T) {
	now := time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)
	intent := func(seq uint64, effect string, ago, date time.Duration) string {
		r := logfile.Record{
			Seq: seq, Commit: seq, Kind: logfile.KindIntent, Call: fmt.Sprint("c", seq), Effect: effect,
			Time: now.Add(-ago), SignatureHash: fmt.Sprint("h", seq), SignatureDate: now.Add(-date),
		}
		return string(append(r.Append(nil), '\n'))
	}
	start := func(seq uint64, ago time.Duration) string {
		r := logfile.Record{Seq: seq, Commit: seq, Kind: logfile.KindStart, Time: now.Add(-ago)}
		return string(append(r.Append(nil), '\n'))
	}
	d := diskWith(map[uint64]string{
		1: start(1, 3*time.Hour) + intent(2, "spend", 2*time.Hour, 2*time.Hour),
		3: intent(3, "spend", 31*time.Minute, 40*time.Minute) + intent(4, "spend", 29*time.Minute, 40*time.Minute),
		5: start(5, 20*time.Minute) + intent(6, "write", 10*time.Minute, time.Minute) + intent(7, "read", time.Minute, time.Minute),
		8: intent(8, "spend", time.Hour, -10*time.Minute) + start(9, time.Minute), // the clock was wrong by an hour, and may be so again
	})
	cfg := small(d)
	cfg.Now = func() time.Time { return now }
	l, found, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer end(l)
	slices.SortFunc(found.Signatures, func(a, b Signature) int { return strings.Compare(a.Hash, b.Hash) })
	var got []string
	for _, s := range found.Signatures {
		got = append(got, s.Hash)
	}
	if want := []string{"h3", "h4", "h6", "h8"}; !slices.Equal(got, want) {
		t.Errorf("signatures %v, want %v", got, want)
	}
	if s := found.Signatures[2]; !s.Date.Equal(now.Add(-time.Minute)) {
		t.Errorf("signature %+v", s)
	}
	if !found.Earliest.Equal(now.Add(-time.Hour)) {
		t.Errorf("the clock's earliest time is %v", found.Earliest)
	}
}

// TestSignaturesBeforeAClockSetBack: a segment that ends with an early time may have begun with later ones, whose
// signatures are valid still.
func TestSignaturesBeforeAClockSetBack(t *testing.T) {
	now := time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)
	record := func(r logfile.Record, at time.Duration) string {
		r.Commit, r.Time = r.Seq, now.Add(at)
		return string(append(r.Append(nil), '\n'))
	}
	d := diskWith(map[uint64]string{
		1: record(logfile.Record{Seq: 1, Kind: logfile.KindStart}, -5*time.Minute) +
			record(logfile.Record{Seq: 2, Kind: logfile.KindIntent, Call: "a", Effect: "spend", SignatureHash: "h2", SignatureDate: now}, -time.Minute) +
			record(logfile.Record{Seq: 3, Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.Succeeded}, -time.Hour), // the clock was set back
		4: record(logfile.Record{Seq: 4, Kind: logfile.KindStart}, -50*time.Minute),
	})
	cfg := small(d)
	cfg.Now = func() time.Time { return now }
	l, found, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer end(l)
	if len(found.Signatures) != 1 || found.Signatures[0].Hash != "h2" {
		t.Errorf("signatures %+v, want h2", found.Signatures)
	}
}

// TestRefusesFaults: what no crash explains stops the start, names the place, and changes nothing.
func TestRefusesFaults(t *testing.T) {
	text := sample()
	lines := strings.SplitAfter(text, "\n")
	aligned := func(head string) string { return head + zeros(2*sector-len(head)%sector) }
	for name, c := range map[string]struct {
		segments map[uint64]string
		want     string
	}{
		"no JSON":               {map[uint64]string{1: lines[0] + "garbage\n"}, "the line is no record"},
		"empty line":            {map[uint64]string{1: lines[0] + "\n"}, "the line is no record"},
		"no record":             {map[uint64]string{1: lines[0] + "{}\n"}, "the line is no record"},
		"null":                  {map[uint64]string{1: "null\n"}, "the line is no record"},
		"gap":                   {map[uint64]string{1: lines[0] + lines[2]}, "record 2 is expected here, not record 3"},
		"repeated record":       {map[uint64]string{1: lines[0] + lines[0]}, "record 2 is expected here, not record 1"},
		"swapped records":       {map[uint64]string{1: lines[1] + lines[0]}, "record 1 is expected here, not record 2"},
		"first segment missing": {map[uint64]string{3: line(3, 3, logfile.KindStart, "")}, "begins with record 1 is missing"},
		"segment missing":       {map[uint64]string{1: lines[0], 3: lines[2]}, "begins with record 2 is missing"},
		"wrong first record":    {map[uint64]string{1: lines[0], 2: lines[2]}, "record 2 is expected here, not record 3"},
		"closed with zeros":     {map[uint64]string{1: lines[0] + zeros(9), 2: lines[1]}, "does not end with a record"},
		"closed, incomplete":    {map[uint64]string{1: lines[0] + lines[1][:9], 2: lines[1]}, "does not end with a record"},
		"closed and empty":      {map[uint64]string{1: "", 2: lines[1]}, "does not end with a record"},
		"line too long":         {map[uint64]string{1: strings.Repeat("x", logfile.MaxLine+1)}, "longer than"},
		"garbage in the zeros":  {map[uint64]string{1: text + zeros(700) + "x"}, "zeros stand within the records"},
		"line in the zeros":     {map[uint64]string{1: text + zeros(5) + lines[1]}, "zeros stand within the records"},
		"zero in a line":        {map[uint64]string{1: text[:9] + zeros(1) + text[10:]}, "zeros stand within the records"},
		// Whole sectors are missing, but what follows them proves that they had been acknowledged.
		"acknowledged sectors": {
			map[uint64]string{1: aligned(text) + "}\n" + line(9, 9, logfile.KindRefusal, "")}, "records between 4 and 9 are missing",
		},
		"acknowledged sectors, same commit later": {
			map[uint64]string{1: aligned(text) + "}\n" + line(9, 6, logfile.KindRefusal, "")}, "records between 4 and 9 are missing",
		},
		"old records after sectors": {
			map[uint64]string{1: aligned(text) + "}\n" + line(2, 2, logfile.KindRefusal, "")}, "records between 4 and 2 are missing",
		},
		"repeated record after sectors": {
			map[uint64]string{1: aligned(text) + "}\n" + line(4, 4, logfile.KindRefusal, "")}, "records between 4 and 4 are missing",
		},
		"no record after sectors": {map[uint64]string{1: aligned(text) + "}\n{}\n"}, "the line is no record"},
		"data behind the end": {
			map[uint64]string{1: aligned(aligned(text)+"}\n") + "}\n"}, "data follows behind the end",
		},
		"long data after sectors": {map[uint64]string{1: aligned(text) + strings.Repeat("x", logfile.MaxLine+1)}, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			d := diskWith(c.segments)
			l, _, err := Open(small(d))
			if err == nil {
				end(l)
				t.Fatal("the log was opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("error %q; want %q", err, c.want)
			}
			for first, want := range c.segments {
				if got := d.bytes(logfile.SegmentName(first)); string(got) != want {
					t.Errorf("segment %d was changed", first)
				}
			}
			if d.locked {
				t.Error("the lock was not released")
			}
		})
	}
}

// TestTornCommit: sectors that a crash lost from a commit that was never acknowledged are no fault.
func TestTornCommit(t *testing.T) {
	text := sample()
	commit := ""
	for seq := uint64(5); seq < 40; seq++ {
		commit += line(seq, 5, logfile.KindRefusal, "")
	}
	b := []byte(text + commit + zeros(3000))
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		partial := slices.Clone(b)
		for s := len(text) / sector; s < len(text+commit)/sector+1; s++ {
			if rng.IntN(3) == 0 {
				clear(partial[max(s*sector, len(text)):min((s+1)*sector, len(partial))])
			}
		}
		d := diskWith(map[uint64]string{1: string(partial)})
		l, found, err := Open(small(d))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		end(l)
		if got := d.bytes(logfile.SegmentName(1)); !bytes.HasPrefix(got, []byte(text)) || found.LastSeq < 4 {
			t.Fatalf("seed %d: an acknowledged record was cut", seed)
		}
		(&history{}).check(t, contents(t, d))
	}
}

// TestPhantomCommit: after a failed fsync the kernel shows bytes that it will never write. Records behind them must not
// end up behind a hole.
func TestPhantomCommit(t *testing.T) {
	d := newMemDisk()
	l, _, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	d.fault = func(op string, _ int) fault {
		if op == "sync" {
			return notDone
		}
		return fine
	}
	for _, call := range []string{"a", "b"} {
		if err := l.Intent(t.Context(), &logfile.Record{Call: call, Path: strings.Repeat("p", 2000)}); err == nil {
			t.Fatal("an intent was acknowledged without a sync")
		}
	}
	end(l)
	d = d.kill()
	l, found, err := Open(small(d))
	if err != nil || !slices.Equal(ids(found.Closed), []string{"a"}) {
		t.Fatalf("recovery: closed %v, %v", found.Closed, err)
	}
	d.mu.Lock()
	onDisk := bytes.TrimRight(d.names[logfile.SegmentName(1)].disk, "\x00")
	d.mu.Unlock()
	if bytes.IndexByte(onDisk, 0) >= 0 {
		t.Error("there is a hole in the durable log")
	}
	end(l)
}

func TestForeignNamesAreRefused(t *testing.T) {
	d := diskWith(map[uint64]string{1: sample()})
	d.put("00000000000000000001 copy.jsonl", nil)
	if _, _, err := Open(small(d)); err == nil || !strings.Contains(err.Error(), "copy.jsonl") {
		t.Errorf("error %v", err)
	}
}

// FuzzRecovery: whatever the files hold, Open answers, and a log that it opens is one that it opens again.
func FuzzRecovery(f *testing.F) {
	f.Add([]byte(sample()), []byte(nil))
	f.Add([]byte(sample()), []byte(line(5, 5, logfile.KindIntent, "x")+zeros(600)+"}\n"+line(8, 6, logfile.KindIntent, "y")))
	f.Add([]byte(line(1, 1, logfile.KindStart, "")+zeros(sector)+"x"), []byte("\x00"))
	f.Add([]byte(nil), []byte(nil))
	key := newKey(f, "tollgate/test")
	w := &writer{d: newMemDisk()}
	w.key(key, nil, false)
	w.state()
	w.add(&logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend"})
	w.add(&logfile.Record{Kind: logfile.KindStop})
	first := w.text
	w.rotate()
	w.state()
	f.Add(first, w.text)
	f.Add(first, w.text[:len(w.text)-1])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d := newMemDisk()
		d.private[key.Public().String()] = key
		d.put(keyName, []byte(key.Public().String()))
		d.put(logfile.SegmentName(1), first)
		if second != nil {
			d.put(logfile.SegmentName(5), second)
		}
		l, _, err := Open(small(d))
		if err != nil {
			return
		}
		end(l)
		l, found, err := Open(small(d))
		if err != nil {
			t.Fatalf("the second opening: %v", err)
		}
		end(l)
		if found.Cut != 0 || found.Closed != nil {
			t.Errorf("the second opening recovers %+v", found)
		}
	})
}

func ids(closed []ClosedCall) (all []string) {
	for _, c := range closed {
		all = append(all, c.Call)
	}
	return all
}
