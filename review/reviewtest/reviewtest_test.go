package reviewtest_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"tollgate/audit/blobs"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/review/reviewtest"
)

// large is the large log, which is made once.
var large struct {
	dir  string
	made reviewtest.Made
}

// small returns the smaller log.
var small func() string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reviewtest")
	if err != nil {
		panic(err)
	}
	large.dir = filepath.Join(dir, "large")
	large.made = reviewtest.Log(large.dir)
	small = sync.OnceValue(func() string {
		reviewtest.Second(filepath.Join(dir, "small"))
		return filepath.Join(dir, "small")
	})
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func verified(t *testing.T, dir string) *verify.Report {
	t.Helper()
	report, err := verify.Verify(context.Background(), os.DirFS(dir), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Faults {
		t.Errorf("record %d: %s: %s", f.Seq, f.Kind, f.Text)
	}
	return report
}

func TestLogIsWhole(t *testing.T) {
	dir, made := large.dir, large.made
	report := verified(t, dir)
	t.Logf("%d calls, %d records, %d checkpoints, %d segments", made.Calling, report.Records, report.Checkpoints, report.Segments)
	if report.Last != made.Last || report.Open != 2 || report.Plans != 4 || report.Starts != 3 || len(report.Pruned) == 0 || len(report.Signers) != 2 {
		t.Errorf("%d records, %d open, %d plans, %d starts, pruned %v, signers %v", report.Last, report.Open, report.Plans, report.Starts, report.Pruned, report.Signers)
	}
	if made.Calling < 3800 || len(made.Unknown) != 5 {
		t.Errorf("%d calls, of which %v are unknown", made.Calling, made.Unknown)
	}
	if names, err := blobs.List(os.DirFS(dir)); err != nil || len(names) != 4 {
		t.Errorf("plans %v, %v", names, err)
	}
}

func TestWhatThereIsToSee(t *testing.T) {
	dir, made := large.dir, large.made
	reasons, outcomes, events, begun := map[string]int{}, map[string]int{}, map[logfile.EventCode]int{}, map[string]bool{}
	err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
		events[r.Event]++
		outcomes[r.Outcome]++
		if r.Kind == logfile.KindRefusal {
			reasons[r.Reason]++
		}
		if r.Kind == logfile.KindRefusal || r.Kind == logfile.KindIntent {
			begun[r.Call] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range made.Calls {
		if !begun[id] {
			t.Errorf("the call %q, %s, is not in the log", name, id)
		}
	}
	for _, outcome := range logfile.Outcomes() {
		if outcomes[outcome] == 0 {
			t.Errorf("no outcome %s", outcome)
		}
	}
	for _, reason := range []string{"no_grant", "cap_full", "act_held", "frozen", "over_limit", "bad_signature", "unknown_access_key", "wrong_class", "replayed", "no common suite"} {
		if reasons[reason] == 0 {
			t.Errorf("no refusal %s", reason)
		}
	}
	for _, event := range []logfile.EventCode{
		logfile.EventCredentialPaused, logfile.EventCredentialResumed, logfile.EventLogStalled, logfile.EventCopyFailing, logfile.EventConfigLoaded,
		logfile.EventConfigReloaded, logfile.EventConfigRefused, logfile.EventFrozen, logfile.EventUnfrozen, logfile.EventResolved, logfile.EventUnresolved,
		logfile.EventRepeated, logfile.EventRepeatAllowed, logfile.EventCapCounted,
	} {
		if events[event] == 0 {
			t.Errorf("no event %s", event)
		}
	}
	t.Log(reasons, outcomes)
}

func TestSameBytesEachTime(t *testing.T) {
	one, two := small(), t.TempDir()
	reviewtest.Second(two)
	files, err := filepath.Glob(filepath.Join(one, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		a, _ := os.ReadFile(file)
		b, err := os.ReadFile(filepath.Join(two, filepath.Base(file)))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", filepath.Base(file), err)
		}
	}
	verified(t, one)
}

func TestBundle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "october.zip")
	reviewtest.Bundle(small(), file)
	files, meta, closer, err := export.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	report, err := verify.Verify(context.Background(), files, verify.Options{Bundle: true, Blobs: meta.Blobs})
	if err != nil || len(report.Faults) > 0 {
		t.Error(report, err)
	}
}

func TestHostile(t *testing.T) {
	dir := t.TempDir()
	made := reviewtest.Hostile(dir)
	verified(t, dir)
	seen := 0
	err := logfile.Read(dir, func(r *logfile.Record, line []byte) error {
		if bytes.ContainsAny(line, "\x00\x1b\u202e\u2028\r") {
			t.Errorf("record %d holds a control character", r.Seq)
		}
		for _, payload := range reviewtest.Payloads {
			if made.Calls[payload] == r.Call && r.Kind == logfile.KindIntent {
				seen++
			}
		}
		return nil
	})
	if err != nil || seen != len(reviewtest.Payloads) {
		t.Errorf("%d of %d payloads, %v", seen, len(reviewtest.Payloads), err)
	}
}

func TestSteps(t *testing.T) {
	with, without := 0, 0
	err := logfile.Read(large.dir, func(r *logfile.Record, _ []byte) error {
		if r.Kind != logfile.KindOutcome {
			return nil
		}
		if r.Steps == nil {
			without++
			return nil
		}
		with++
		last := int64(0)
		for _, at := range []int64{r.Steps.Decided, r.Steps.Limited, r.Steps.Durable, r.Steps.Sent, r.Steps.FirstByte, r.Steps.Answered, r.TotalMicros} {
			if at != 0 && at < last {
				t.Fatalf("record %d: %+v of %d", r.Seq, r.Steps, r.TotalMicros)
			}
			last = max(last, at)
		}
		return nil
	})
	if err != nil || with < 2000 || without < 500 {
		t.Errorf("%d outcomes with steps, %d without, %v", with, without, err)
	}
}
