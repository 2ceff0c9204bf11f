package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// witnessed has a log compared with the last of the notes.
func witnessed(cfg Options, notes ...string) Options {
	if len(notes) == 0 {
		return cfg
	}
	c, err := checkpoint.Parse(notes[len(notes)-1])
	if err != nil {
		panic(err)
	}
	cfg.Witnesses = func(_ context.Context, log string) []Witness {
		if log != c.Origin {
			return nil
		}
		return []Witness{{Place: "/mnt/copy", Checkpoint: c}}
	}
	return cfg
}

// run opens a log, makes calls, closes it, and returns the last checkpoint that was published.
func run(t *testing.T, cfg Options, calls int) (note string) {
	t.Helper()
	cfg.Published = func(n string) { note = n }
	l, _, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	work(l, calls)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return note
}

// files are the contents of all files that a log consists of, and its key.
func files(d *memDisk) string {
	names, _ := d.List()
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256(d.bytes(name)))
	}
	return b.String()
}

// refused wants a log to be refused as one that lost something, with nothing changed.
func refused(t *testing.T, cfg Options, want string) []Loss {
	t.Helper()
	d := cfg.disk.(*memDisk)
	before := files(d)
	l, _, err := Open(cfg)
	if err == nil {
		end(l)
		t.Fatal("the log was opened")
	}
	var lost *LossError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want a loss with %q", err, want)
	}
	if files(d) != before || d.locked {
		t.Error("the log was changed, or is locked still")
	}
	same, err := Losses(t.Context(), cfg)
	if err != nil || len(same) != len(lost.Losses) || same[0].ID != lost.Losses[0].ID || files(d) != before || d.locked {
		t.Errorf("Losses returns %v, %v", same, err)
	}
	return lost.Losses
}

// TestRolledBack: a log that ends before a checkpoint that was kept, or that is another there, is refused; one that goes on from
// it is not.
func TestRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		first := run(t, small(d), calls)
		old := d.clone()
		second := run(t, witnessed(small(d), first), calls)
		run(t, witnessed(small(d), first), 1)  // an old copy is fine
		run(t, witnessed(small(d), second), 1) // as is a new one
		run(t, small(d), 2*calls)
		run(t, witnessed(small(d), first), 1) // far back, too

		refused(t, witnessed(small(old), second), "and the log ends with record ")
		run(t, witnessed(small(old.clone()), first), 1)
		other := small(old.clone())
		other.Version = "other" // and so as long as the log was, with other records
		run(t, other, calls)
		refused(t, witnessed(other, second), "never had that one")
		run(t, small(old), 3*calls) // it grows beyond what is kept, with other records
		refused(t, witnessed(small(old), second), "never had that one")
	})
}

// TestCut: each line that is cut off the end of a log, up to the newest checkpoint that is kept, is missed.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		note := run(t, growing(d), 3)
		text := string(d.bytes(logfile.SegmentName(1)))
		lines := strings.SplitAfter(text, "\n")
		lines = lines[:len(lines)-1] // behind the last line feed stands nothing
		for n := range lines {
			cut := d.clone()
			cut.put(logfile.SegmentName(1), []byte(strings.Join(lines[:n], "")))
			if n == len(lines)-1 { // all that the checkpoint covers is there: nothing is lost
				other := witnessed(growing(cut), note)
				other.Witnesses = func(context.Context, string) []Witness {
					return []Witness{{Place: "/mnt/copy", Checkpoint: checkpoint.Checkpoint{Origin: "o", Size: uint64(n), Root: checkpoint.Hash{1}}}}
				}
				refused(t, other, "never had that one")
				run(t, witnessed(growing(cut), note), 1)
				continue
			}
			want := fmt.Sprintf("/mnt/copy states a checkpoint of %d records", len(lines)-1)
			refused(t, witnessed(growing(cut), note), want)
			cut.put(logfile.SegmentName(1), []byte(strings.Join(lines[:n], "")+lines[n][:1]))
			refused(t, witnessed(growing(cut), note), want)
		}
	})
}

// TestAcceptLoss: a loss is accepted by its id, for exactly that gap, and as a record.
func TestAcceptLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		run(t, small(d), calls)
		old := d.clone()
		second := run(t, small(d), calls)
		third := run(t, small(d), calls)

		losses := refused(t, witnessed(small(old), second), "the log was rolled back")
		other := refused(t, witnessed(small(old), third), "the log was rolled back")
		grown := old.clone()
		run(t, small(grown), 1)
		later := refused(t, witnessed(small(grown), second), "the log was rolled back")
		if len(losses) != 1 || losses[0].ID == other[0].ID || losses[0].ID == later[0].ID {
			t.Fatalf("losses %+v, %+v and %+v", losses, other, later)
		}
		accept := witnessed(small(old), second)
		accept.Accept = []string{other[0].ID}
		if _, _, err := Open(accept); err == nil || !strings.Contains(err.Error(), "there is no gap") {
			t.Fatalf("another gap is accepted: %v", err)
		}
		before := old.clone()
		forged := old.clone()
		names, _ := forged.List()
		live, last := slices.Max(logfile.SegmentNames(names)), uint64(len(contents(t, forged)))
		text := forged.bytes(live)
		for i, r := range []*logfile.Record{{Kind: logfile.KindStart}, losses[0].record()} {
			r.Seq, r.Commit, r.Time = last+1+uint64(i), last+1, contents(t, old)[0].Time
			text = append(r.Append(text), '\n')
		}
		forged.put(live, text)
		refused(t, witnessed(small(forged), second), "") // no checkpoint covers it

		accept.Accept = []string{losses[0].ID}
		l, found, err := Open(accept)
		if err != nil || len(found.Accepted) != 1 || found.Accepted[0].ID != losses[0].ID {
			t.Fatalf("accepting: %v, %+v", err, found)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		records := contents(t, old)
		i := slices.IndexFunc(records, func(r logfile.Record) bool { return r.Event == logfile.EventLossAccepted })
		if i < 0 || records[i].Kind != logfile.KindEvent || records[i].Subject != "/mnt/copy" || records[i].Data["gap"] != losses[0].ID {
			t.Fatalf("the records are %+v", records)
		}
		run(t, witnessed(small(old), second), 2*calls) // the copy was not written since: it does not refuse again
		run(t, witnessed(small(old), second), 1)       // nor when the log is longer than it
		leaveHashes(old, 1)                            // nor when what is in front of the acceptance was pruned
		run(t, witnessed(small(old), second), 1)
		refused(t, witnessed(small(old), third), "")     // what was not accepted is refused still
		refused(t, witnessed(small(before), second), "") // and so is a log from before the acceptance
		accept = witnessed(small(old), third)
		accept.Accept = []string{losses[0].ID}
		if _, _, err := Open(accept); err == nil {
			t.Error("an id that was used is good for another gap")
		}
	})
}

// TestKeyWithoutLog: a key in the log's directory says that there was a log.
func TestKeyWithoutLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		note := run(t, small(d), calls)
		names, _ := d.List()
		for _, name := range logfile.SegmentNames(names) {
			d.remove(name)
		}
		losses := refused(t, small(d), "the key signing.key is there, and the segments that it signed are not")
		both := refused(t, witnessed(small(d), note), "/mnt/copy states a checkpoint of")
		if len(losses) != 1 || len(both) != 2 || both[0].ID != losses[0].ID {
			t.Fatalf("losses %+v and %+v", losses, both)
		}
		empty := d.clone()
		empty.put(logfile.SegmentName(1), make([]byte, 8<<10))
		refused(t, small(empty), "the segments that it signed are not")
		begun := d.clone() // as if a first start had been cut off, but then the key has another name
		key, _ := memKeys{begun}.Load()
		var text []byte
		for i, r := range []logfile.Record{{Kind: logfile.KindStart}, {Kind: logfile.KindKey, Key: key.Public().String()}} {
			r.Seq, r.Commit = uint64(1+i), 1
			text = append(r.Append(text), '\n')
		}
		begun.put(logfile.SegmentName(1), text)
		refused(t, small(begun), "the segments that it signed are not")

		elsewhere := small(d.clone())
		elsewhere.Dir = "/elsewhere" // a key that was made beforehand is outside the log's directory
		run(t, elsewhere, 1)

		accept := witnessed(small(d), note)
		accept.Accept = []string{losses[0].ID}
		if _, _, err := Open(accept); err == nil || !strings.Contains(err.Error(), "/mnt/copy") {
			t.Errorf("one of two is accepted: %v", err)
		}
		accept.Accept = []string{both[0].ID, both[1].ID}
		l, _, err := Open(accept)
		if err != nil {
			t.Fatal(err)
		}
		end(l)
		run(t, witnessed(small(d), note), 1)
		if records := contents(t, d); count(records, logfile.KindEvent) != 2 {
			t.Errorf("the records are %+v", records)
		}
	})
}

// TestIndexAhead: what followed the log before it was synced may know more of it, and steps back; below the last checkpoint it
// may not.
func TestIndexAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		run(t, small(d), calls)
		records := contents(t, d)
		last := uint64(len(records))
		lineOf := func(seq uint64) (hash [32]byte) {
			names, _ := d.List()
			for _, name := range logfile.SegmentNames(names) {
				for line := range strings.Lines(string(d.bytes(name))) {
					if strings.HasPrefix(line, fmt.Sprintf(`{"seq":%d,`, seq)) {
						return sha256.Sum256([]byte(strings.TrimSuffix(line, "\n")))
					}
				}
			}
			return hash
		}
		stepped := 0
		with := func(w Witness) Options {
			w.Place, w.StepBack = "/index", func(first uint64) error {
				stepped++
				if first != 1 {
					t.Errorf("the log begins with record %d", first)
				}
				return errors.New("it is busy")
			}
			cfg := small(d.clone())
			cfg.Witnesses = func(context.Context, string) []Witness { return []Witness{w} }
			return cfg
		}
		for _, seq := range []uint64{1, 2, last / 2, last} {
			l, found, err := Open(with(Witness{Record: seq, LineHash: lineOf(seq)}))
			if err != nil || found.Ahead != nil || stepped != 0 {
				t.Fatalf("record %d: %v, %+v", seq, err, found)
			}
			end(l)
		}
		l, found, err := Open(with(Witness{Record: last + 1, LineHash: lineOf(1)}))
		if err != nil || len(found.Ahead) != 2 || !strings.Contains(found.Ahead[1], "it is busy") || stepped != 1 {
			t.Fatalf("ahead: %v, %+v", err, found)
		}
		end(l)
		for _, seq := range []uint64{1, last / 2, last} {
			refused(t, with(Witness{Record: seq, LineHash: lineOf(3)}), fmt.Sprintf("/index knows another record %d", seq))
		}
		if stepped != 1 {
			t.Error("an index was changed by a start that was refused")
		}
	})
}

// TestEndWhileReading: a start whose context ends while it reads the log ends, and changes nothing.
func TestEndWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		run(t, growing(d), 200)
		before := files(d)
		for at := 1; ; at++ {
			ctx, cancel := context.WithCancel(t.Context())
			cfg, reads := growing(d), 0
			cfg.Progress = func(read, total int64) {
				if reads++; reads == at {
					cancel()
				}
				if read < 1 || read > total {
					t.Errorf("%d bytes of %d were read", read, total)
				}
			}
			l, _, err := OpenContext(ctx, cfg)
			cancel()
			if err == nil {
				end(l)
				if reads >= at || at < 3 {
					t.Errorf("the log was opened after %d reads, of which number %d ended the start", reads, at)
				}
				return
			}
			if !errors.Is(err, context.Canceled) || files(d) != before || d.locked {
				t.Fatalf("at read %d: %v, or the log was changed or is locked", at, err)
			}
		}
	})
}

// replaceLine puts a record in the place of one, which must be longer, with a line of the same length.
func replaceLine(t *testing.T, d *memDisk, seq uint64, r logfile.Record) {
	t.Helper()
	names, _ := d.List()
	for _, name := range slices.Backward(logfile.SegmentNames(names)) {
		if first, _ := logfile.ParseSegmentName(name); first > seq {
			continue
		}
		text := d.bytes(name)
		at := strings.Index(string(text), fmt.Sprintf(`{"seq":%d,`, seq))
		end := at + strings.IndexByte(string(text[at:]), '\n')
		r.Detail = ""
		r.Detail = strings.Repeat("x", end-at-len(r.Append(nil))-len(`,"detail":""`))
		if line := r.Append(nil); len(line) != end-at || copy(text[at:], line) != len(line) {
			t.Fatalf("record %d has %d bytes, and %s %d", seq, end-at, line, len(line))
		}
		d.put(name, text)
		return
	}
}

// TestForgedAcceptance: who can write to the disk and has no key cannot accept a loss, neither where a start does not read.
func TestForgedAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		run(t, small(d), 3*calls)
		run(t, small(d), 1)
		run(t, small(d), 1) // has no call of the first run open
		old := d.clone()
		note := run(t, small(d), calls)
		losses := refused(t, witnessed(small(old), note), "and the log ends with record ")
		records := contents(t, old)
		i := slices.IndexFunc(records, func(r logfile.Record) bool { return r.Seq > 10 && r.Kind == logfile.KindIntent })
		forged := *losses[0].record()
		forged.Seq, forged.Commit, forged.Time = records[i].Seq, records[i].Commit, records[i].Time
		replaceLine(t, old, forged.Seq, forged)
		run(t, small(old.clone()), 1) // a start does not see it
		refused(t, witnessed(small(old), note), "and the log ends with record ")
	})
}

// TestPaddedRollback: a copy is not satisfied by records that are not signed, however many they are, and not by the signed note in a
// place where a start does not read.
func TestPaddedRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := growing(d)
		cfg.Checkpoints.Records = 20
		run(t, cfg, 100)
		run(t, cfg, 1)
		run(t, cfg, 1) // has no call of the first run open
		old := d.clone()
		note := run(t, growing(d), 1)
		kept, err := checkpoint.Parse(note)
		if err != nil {
			t.Fatal(err)
		}
		records := contents(t, old)
		last, at := uint64(len(records)), records[len(records)-1].Time
		live := logfile.SegmentName(1)
		text := strings.TrimRight(string(old.bytes(live)), "\x00")
		for seq := last + 1; seq <= kept.Size+5; seq++ {
			r := logfile.Record{Kind: logfile.KindStart, Seq: seq, Commit: seq, Time: at}
			text = string(append(r.Append([]byte(text)), '\n'))
		}
		old.put(live, []byte(text))
		refused(t, witnessed(growing(old), note), "never had that one")
		stated := contents(t, d)[kept.Size]
		middle := len(text) / 2 // where a search that halves the segment looks first
		i := slices.IndexFunc(records, func(r logfile.Record) bool {
			return r.Kind == logfile.KindIntent && strings.Index(text, fmt.Sprintf(`{"seq":%d,`, r.Seq)) > middle
		})
		stated.Key, stated.Peaks, stated.Open, stated.Signatures, stated.Previous = "", nil, nil, nil, nil
		replaceLine(t, old, records[i].Seq, stated)
		refused(t, witnessed(growing(old), note), "never had that one")
	})
}

// TestSuccessorWithoutLog: a key that was prepared says what the lost log was called, too.
func TestSuccessorWithoutLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		note := run(t, small(d), calls)
		names, _ := d.List()
		for _, name := range logfile.SegmentNames(names) {
			d.remove(name)
		}
		if err := d.Rename(keyName, keyName+newSuffix); err != nil {
			t.Fatal(err)
		}
		run(t, small(d.clone()), 1) // as a first start that was cut off
		refused(t, witnessed(small(d), note), "/mnt/copy states a checkpoint of")
	})
}

// TestCrashWhileAccepting: wherever power is lost while losses are accepted, the log refuses them still, or has them on record; and
// they can be accepted then.
func TestCrashWhileAccepting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		run(t, small(d), calls)
		old, gone := d.clone(), d.clone()
		note := run(t, small(d), calls)
		names, _ := gone.List()
		for _, name := range logfile.SegmentNames(names) {
			gone.remove(name)
		}
		for _, lost := range []*memDisk{old, gone} {
			refusals, opened := 0, 0
			for at := 1; ; at++ {
				d := lost.clone()
				hit := false
				d.fault = func(_ string, n int) fault {
					if n == at {
						hit = true
						return notDone
					}
					return fine
				}
				acceptAll(t, d, note)
				if !hit {
					break
				}
				after := d.powerLoss(rand.New(rand.NewPCG(uint64(at), 1)))
				l, _, err := Open(witnessed(small(after), note))
				var refused *LossError
				switch {
				case errors.As(err, &refused):
					refusals++
					if err := acceptAll(t, after, note); err != nil {
						t.Fatalf("after a loss of power at operation %d: %v", at, err)
					}
				case err != nil:
					t.Fatalf("after a loss of power at operation %d: %v", at, err)
				default:
					opened++
					end(l)
				}
				events := 0
				for _, r := range contents(t, after) {
					if r.Event == logfile.EventLossAccepted {
						events++
					}
				}
				if events == 0 {
					t.Fatalf("after a loss of power at operation %d nothing is on record", at)
				}
				run(t, witnessed(small(after), note), 1)
			}
			if refusals == 0 || opened == 0 {
				t.Errorf("%d starts were refused, %d were not", refusals, opened)
			}
		}
	})
}

// acceptAll accepts all that a log has lost.
func acceptAll(t *testing.T, d *memDisk, note string) error {
	cfg := witnessed(small(d), note)
	losses, err := Losses(t.Context(), cfg)
	for _, loss := range losses {
		cfg.Accept = append(cfg.Accept, loss.ID)
	}
	if err != nil || len(losses) == 0 {
		return err
	}
	l, _, err := Open(cfg)
	if err == nil {
		err = l.Close(t.Context())
	}
	return err
}
