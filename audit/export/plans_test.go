package export_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/blobs"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/testlog"
)

// planned makes a log whose records name two plans, and an event that names one alone, and returns the names of their texts.
func planned(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	store := blobs.New(dir)
	for i := range 4 { // no record names the last
		name, err := store.Put(fmt.Appendf(nil, `{"callers":{"app-%d":{}},"version":1}`, i))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	id := func(i int) string { return names[i][:logfile.PlanDigits] }
	log := testlog.New(dir, nil)
	for i := range 2 {
		log.Call()
		log.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: fmt.Sprint("refused-", i), Plan: id(i), Decision: logfile.Refused})
	}
	log.Add(&logfile.Record{Kind: logfile.KindEvent, Event: "config_loaded", Data: map[string]string{"plan": id(2), "plan_before": id(1)}})
	log.Add(&logfile.Record{Kind: logfile.KindEvent, Event: "unknown_code", Data: map[string]string{"plan": "gold"}})
	log.Close()
	return dir, names
}

// TestPlans: a bundle has the texts that its records name, and no other; both verifiers miss one that is not there, or is another, in the
// log and in the bundle.
func TestPlans(t *testing.T) {
	dir, names := planned(t)
	e, err := exportPeriod(t, dir, at(0), at(100))
	if err != nil {
		t.Fatal(err)
	}
	e.check(t)
	folder := unzip(t, e.file)
	want := slices.Sorted(slices.Values(names[:3]))
	if there, err := blobs.List(os.DirFS(folder)); err != nil || !slices.Equal(there, want) || !slices.Equal(e.summary.Plans, want) {
		t.Errorf("the bundle has %q, %v; its summary %q; want %q", there, err, e.summary.Plans, want)
	}
	for _, place := range []string{dir, folder} {
		bundle := place == folder
		verifyPlans(t, place, bundle, "")
		for _, name := range names[:3] {
			file := filepath.Join(place, blobs.Folder, name)
			text := contents(t, file)
			for _, c := range []struct {
				do   func() error
				want string
			}{
				{func() error { return os.WriteFile(file, append(slices.Clone(text), ' '), 0o600) }, "the text of a plan was changed"},
				{func() error { return os.Remove(file) }, "whose text is missing"},
			} {
				if err := c.do(); err != nil {
					t.Fatal(err)
				}
				verifyPlans(t, place, bundle, c.want)
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			verifyPlans(t, place, bundle, "")
		}
	}
}

// verifyPlans verifies a log or an unpacked bundle with both verifiers, which find one fault, or none.
func verifyPlans(t *testing.T, place string, bundle bool, want string) {
	t.Helper()
	args, o, log := []string{"-B", "verify.py", place}, verify.Options{}, os.DirFS(place)
	if bundle {
		opened, meta, closer, err := export.Open(place)
		if err != nil {
			t.Fatal(err)
		}
		defer closer.Close()
		args, o, log = []string{"-B", "verify.py", "--bundle", place}, verify.Options{Bundle: true, Blobs: meta.Blobs}, opened
	}
	out, err := exec.Command("python3", args...).CombinedOutput()
	if (err == nil) != (want == "") || strings.Count(string(out), "FAULT") != min(len(want), 1) || !strings.Contains(string(out), want) {
		t.Errorf("%s: verify.py says %s, want %q", place, out, want)
	}
	report, err := verify.Verify(t.Context(), log, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Faults) != min(len(want), 1) || report.Plans != 3 || want != "" && (report.Faults[0].Kind != verify.FaultPlan || !strings.Contains(report.Faults[0].Text, want)) {
		t.Errorf("%s: %+v of %d plans, want %q", place, report.Faults, report.Plans, want)
	}
}

// TestExportWithoutText: a log that lost the text of a plan can be handed over all the same, and its bundle says so.
func TestExportWithoutText(t *testing.T) {
	dir, names := planned(t)
	if err := os.Remove(filepath.Join(dir, blobs.Folder, names[1])); err != nil {
		t.Fatal(err)
	}
	e, err := exportPeriod(t, dir, at(0), at(100))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{names[1][:logfile.PlanDigits]}; !slices.Equal(e.summary.NoText, want) {
		t.Errorf("without the texts of %q, want %q", e.summary.NoText, want)
	}
	verifyPlans(t, unzip(t, e.file), true, "whose text is missing")
}
