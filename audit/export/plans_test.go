package export_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tollgate/audit/blobs"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/testlog"
)

// planned writes a log whose records name two plans, and an event that names one alone, and returns the names of their texts.
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

// TestExportWithoutText: a log that lost the text of a plan, or whose text is damaged, can be exported all the same, and its bundle says so.
func TestExportWithoutText(t *testing.T) {
	dir, names := planned(t)
	file := filepath.Join(dir, blobs.Folder, names[1])
	for what, damage := range []func() error{func() error { return os.Truncate(file, 1) }, func() error { return os.Remove(file) }} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		e, err := exportPeriod(t, dir, at(0), at(100))
		if err != nil {
			t.Fatalf("%d: %v", what, err)
		}
		if want := []string{names[1][:logfile.PlanDigits]}; !slices.Equal(e.summary.NoText, want) {
			t.Errorf("%d: without the texts of %q, want %q", what, e.summary.NoText, want)
		}
		verifyPlans(t, unzip(t, e.file), true, "whose text is missing")
	}
}

// TestOddTexts: with anything in the place of a text or of their folder, both verifiers end, and agree whether the log is whole.
func TestOddTexts(t *testing.T) {
	dir, names := planned(t)
	folder := filepath.Join(dir, blobs.Folder)
	file, unnamed := filepath.Join(folder, names[0]), filepath.Join(folder, names[3])
	text := contents(t, file)
	for what, c := range map[string]struct {
		do    func() error
		whole bool
	}{
		"a pipe":                           {func() error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) }, false},
		"a folder":                         {func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, false},
		"a link to the text":               {func() error { return errors.Join(os.Rename(file, file+"~"), os.Symlink(file+"~", file)) }, false},
		"a link to nothing":                {func() error { return errors.Join(os.Remove(file), os.Symlink("nothing", file)) }, false},
		"an endless file":                  {func() error { return os.Truncate(file, 1<<40) }, false},
		"an empty file":                    {func() error { return os.Truncate(file, 0) }, false},
		"one that is damaged and unnamed":  {func() error { return os.Truncate(unnamed, 1) }, false},
		"one more that begins alike":       {func() error { return os.WriteFile(file[:len(file)-1]+"x", text, 0o600) }, true},
		"one more whose name begins alike": {func() error { return os.WriteFile(file[:len(file)-3]+"000", text, 0o600) }, false},
		"other files": {func() error {
			return errors.Join(os.WriteFile(file+".tmp", nil, 0o600), os.WriteFile(filepath.Join(folder, "segments"), nil, 0o600))
		}, true},
		"no folder":             {func() error { return os.RemoveAll(folder) }, false},
		"a file for the folder": {func() error { return errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)) }, false},
		"a pipe for the folder": {func() error { return errors.Join(os.RemoveAll(folder), syscall.Mkfifo(folder, 0o600)) }, false},
		"a link to a folder":    {func() error { return errors.Join(os.Rename(folder, folder+"~"), os.Symlink(folder+"~", folder)) }, true},
	} {
		t.Run(what, func(t *testing.T) {
			odd := t.TempDir()
			if err := os.CopyFS(odd, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			there := [...]*string{&folder, &file, &unnamed}
			for _, path := range there {
				*path = strings.Replace(*path, dir, odd, 1)
			}
			defer func() {
				for _, path := range there {
					*path = strings.Replace(*path, odd, dir, 1)
				}
			}()
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("python3", "-B", "verify.py", odd).CombinedOutput()
			if (err == nil) != c.whole || strings.Contains(string(out), "Traceback") {
				t.Errorf("verify.py: %v, %s", err, out)
			}
			report, err := verify.Verify(t.Context(), os.DirFS(odd), verify.Options{})
			if (err == nil && report.Whole()) != c.whole {
				t.Errorf("%v, %+v", err, report)
			}
		})
	}
}
