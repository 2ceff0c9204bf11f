package export_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/freeze"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

// The two verifiers, one written from the format's document and one beside the writer, say the same of each log.
func TestBothVerifiersAgree(t *testing.T) {
	l := newLogs(t)
	samples := slices.Concat(l.whole(), l.tampered(), l.unsignedChanges())
	for i, found := range faults(t, samples) {
		s := samples[i]
		t.Run(s.Name, func(t *testing.T) {
			if report, err := l.verify(s); (err == nil && report.Whole()) != (len(found) == 0) {
				t.Errorf("verify.py: %q\nGo: %+v, %v", found, report, err)
			}
		})
	}
}

// unsignedChanges are single bytes changed behind the last checkpoint, where it depends on the byte if a record is still one.
// Verifiers do not check what records of calls have besides their ids, so they are short.
func (l *logs) unsignedChanges() (samples []sample) {
	dir := l.edit(l.make(func(log *testlog.Log) {
		log.Rotate()
		l.calls(log, "iaoa", "a")
		log.Add(&logfile.Record{Kind: logfile.KindRefusal, Note: "a text"})
	}), 1, func(lines [][]byte) [][]byte { return lines[:len(lines)-1] })
	file := l.files(dir, "*.jsonl")[1]
	data, err := os.ReadFile(file)
	l.ok(err)
	for at := 0; at < len(data); at++ {
		samples = append(samples, sample{Name: fmt.Sprintf("byte %d", at), Log: dir, Allow: true, Flip: &flip{filepath.Base(file), at}})
	}
	return samples
}

// verify verifies a sample as `tollgate audit verify` does.
func (l *logs) verify(s sample) (*verify.Report, error) {
	o := verify.Options{AllowUnsigned: s.Allow}
	for _, text := range s.Keys {
		key, err := checkpoint.ParsePublicKey(text)
		l.ok(err)
		o.Keys = append(o.Keys, key)
	}
	var kept []io.Reader
	for _, file := range s.Copies {
		data, err := os.ReadFile(file)
		l.ok(err)
		kept = append(kept, strings.NewReader(string(data)))
	}
	if len(kept) > 0 {
		o.Witnesses = io.MultiReader(kept...)
	}
	var files fs.FS
	files, o.Bundle = l.open(s)
	return verify.Verify(context.Background(), files, o)
}

// open returns a sample's files, and whether it is a bundle.
func (l *logs) open(s sample) (fs.FS, bool) {
	if strings.HasSuffix(s.Log, ".zip") {
		r, err := zip.OpenReader(s.Log)
		l.ok(err)
		l.t.Cleanup(func() { _ = r.Close() })
		sub, err := fs.Sub(r, "log")
		l.ok(err)
		return sub, true
	}
	dir, bundle := s.Log, filepath.Base(s.Log) != "log"
	if bundle {
		dir = filepath.Join(dir, "log")
	}
	if s.Flip == nil {
		return os.DirFS(dir), bundle
	}
	files := fstest.MapFS{}
	for _, name := range l.files(dir, "*") {
		data, err := os.ReadFile(name)
		l.ok(err)
		if filepath.Base(name) == s.Flip.File {
			data[s.Flip.At] ^= 1
		}
		files[filepath.Base(name)] = &fstest.MapFile{Data: data}
	}
	return files, bundle
}

// TestBothVerifiersAgreeOnStates makes random logs, whose checkpoints may have forged states, whole and as bundles.
func TestBothVerifiersAgreeOnStates(t *testing.T) {
	l, rng := newLogs(t), rand.New(rand.NewPCG(7, 31))
	var samples []sample
	for i := range soaktest.Some(100, 3) {
		dir := l.make(func(log *testlog.Log) { randomStates(log, rng) })
		s := sample{Name: fmt.Sprint(i), Log: dir, Allow: true, Keys: []string{l.key.Public().String()}}
		if files := l.files(dir, "*.jsonl"); len(files) > 1 && rng.IntN(2) == 0 {
			for _, file := range files[:1+rng.IntN(len(files)-1)] {
				l.ok(os.Remove(file))
			}
			s.Log = filepath.Dir(dir)
		}
		samples = append(samples, s)
	}
	bad := 0
	for i, found := range faults(t, samples) {
		report, err := l.verify(samples[i])
		if (err == nil && report.Whole()) != (len(found) == 0) {
			t.Errorf("log %d: verify.py: %q\nGo: %+v, %v", i, found, report, err)
		}
		if len(found) > 0 {
			bad++
		}
	}
	if n := len(samples); bad < n/10 || bad > n-n/10 {
		t.Errorf("%d of %d logs have faults", bad, len(samples))
	}
}

// randomStates writes calls, starts, segments, and a checkpoint that may be forged.
func randomStates(log *testlog.Log, rng *rand.Rand) {
	var open []string
	log.Old = rng.IntN(4) == 0
	forged := rng.IntN(40)
	for n := range 30 {
		if n == forged {
			log.Forge = func(s *logfile.State) { forgeState(s, rng) }
		}
		switch rng.IntN(12) {
		case 10:
			log.Add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventUnfrozen})
		case 11:
			one := freeze.Freeze{ID: "f-00000001", Subject: freeze.Subject{Kind: freeze.All}, Reason: "why", Since: testlog.Start}
			log.Add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventFrozen, Freezes: []freeze.Freeze{one}})
		case 0:
			log.Rotate()
			log.Forge = nil
		case 1, 2:
			log.Checkpoint()
			log.Forge = nil
			log.Old = log.Old && rng.IntN(3) > 0
		case 3:
			if len(open) == 0 {
				log.Add(&logfile.Record{Kind: logfile.KindStart})
			}
		case 4, 5:
			if len(open) > 0 {
				i := rng.IntN(len(open))
				log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: open[i], Outcome: logfile.Succeeded})
				open = slices.Delete(open, i, i+1)
			}
		default:
			r := &logfile.Record{Kind: logfile.KindIntent, Call: fmt.Sprint(n), Effect: []string{"", "read", "write", "spend"}[rng.IntN(4)]}
			r.SignatureHash = []string{"", strings.Repeat("ab", 32), strings.Repeat("a", 128), strings.Repeat("a", 129), "é\"\\"}[rng.IntN(5)]
			if rng.IntN(4) > 0 {
				r.SignatureDate = testlog.Start.Add(time.Duration(n) * time.Second)
			}
			log.Add(r)
			open = append(open, r.Call)
		}
	}
}

// forgeState changes one thing, which may not be there.
func forgeState(s *logfile.State, rng *rand.Rand) {
	places := [...]*logfile.Place{s.Open, s.Previous, s.Frozen}
	place := places[rng.IntN(3)]
	switch n := rng.IntN(11); {
	case n == 9:
		s.Frozen = nil
	case n == 10:
		s.Frozen = s.Previous
	case n == 0:
		*s = logfile.State{}
	case n == 1:
		s.Open = nil
	case n == 2:
		s.Previous = nil
	case n == 3:
		s.Open = s.Previous
	case n == 4 && len(s.Signatures) > 0:
		s.Signatures = s.Signatures[1:]
	case n == 5:
		s.Signatures = append(slices.Clone(s.Signatures), logfile.Signature{Hash: "x"})
	case n == 6 && place != nil:
		place.Seq += uint64(rng.IntN(3))
	case n == 7 && place != nil:
		place.Back += int64(rng.IntN(400) - 200)
	case n == 8 && place != nil:
		place.Hash += "A"
	}
}
