package auditcmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testlog"
)

// TestCallAmount: a table never shows an empty cell, or one amount alone, for a call that names others that are in no sum.
func TestCallAmount(t *testing.T) {
	amount := func(values ...string) []logfile.Field {
		return []logfile.Field{{Name: "amount", Kind: "amount", Values: values}}
	}
	for name, c := range map[string]struct {
		asked []logfile.Field
		want  string
	}{
		"none":               {nil, ""},
		"one":                {amount("5.00"), "5.00 CNY"},
		"several":            {amount("5.00", "6"), "5.00 CNY …"},
		"one twice":          {amount("5.00", "5.00"), "5.00 CNY"},
		"one in no sum":      {amount(" 777777"), "not summed"},
		"one of two":         {amount("5.00", "777,779"), "5.00 CNY, not summed"},
		"one left out":       {[]logfile.Field{{Name: "amount", Kind: "amount", Omitted: 1}}, "not summed"},
		"in an unknown unit": {append(amount("5"), logfile.Field{Name: "measure_id", Kind: "other", Values: []string{"4"}}), "not summed"},
	} {
		call := &calls.Call{Intent: &logfile.Record{Site: "cn", Operation: "oldAdjustAmount", Effect: "spend", Fields: c.asked}}
		if got := callAmount(call, true); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestListBundle: an archive, and the folder that it was unpacked into, list, show and sum up as the log does that they were made of.
func TestListBundle(t *testing.T) {
	dir, _, _, _ := testLog(t)
	file := filepath.Join(t.TempDir(), "bundle.zip")
	must(t, "audit", "export", "--dir", dir, "--from", "2026-10-01", "--to", "2026-12-01", "-o", file)
	folder := unpack(t, file)
	for _, command := range [][]string{{"list", "--json"}, {"list", "--effect", "spend"}, {"report"}, {"report", "--by", "account", "-o", "csv"}, {"records", "--json"}, {"show", firstCall(t, dir)}} {
		args := append([]string{"audit"}, command...)
		want := must(t, append(args, "--dir", dir)...)
		for _, bundle := range []string{file, folder} {
			if got := must(t, append(args, "--bundle", bundle)...); strings.ReplaceAll(got, `"bundle"`, `"log"`) != want || got == "" {
				t.Errorf("%q --bundle %s\n%s\n--dir\n%s", command, bundle, got, want)
			}
		}
	}
	part := filepath.Join(t.TempDir(), "part.zip")
	must(t, "audit", "export", "--dir", dir, "--from", testlog.Start.Add(11*time.Second).Format(time.RFC3339), "--to", "2026-12-01", "-o", part)
	whole, some := must(t, "audit", "list", "--bundle", file, "--json"), must(t, "audit", "list", "--bundle", part, "--json")
	if !strings.HasSuffix(whole, some) || some == whole || some == "" {
		t.Errorf("a part of the log lists\n%s\nand all of it\n%s", some, whole)
	}
	whole, some = must(t, "audit", "records", "--bundle", file, "--json"), must(t, "audit", "records", "--bundle", part, "--json")
	if !strings.HasSuffix(whole, some) || some == whole || some == "" {
		t.Errorf("a part of the log has the records\n%s\nand all of it\n%s", some, whole)
	}
	for _, args := range [][]string{{"list"}, {"show", "--dir", dir, "--bundle", file, "c"}, {"list", "--dir", dir, "--bundle", file}, {"report", "--bundle", file, "--index", "none"}} {
		if code, _, stderr := run(t, append([]string{"audit"}, args...)...); code != cli.ExitUsage || stderr == "" {
			t.Errorf("%q: exit %d, %s", args, code, stderr)
		}
	}
	gone := filepath.Join(folder, "log", logfile.SegmentName(1))
	if err := os.Truncate(gone, 900); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{dir + "/lock", dir, folder} {
		if code, _, stderr := run(t, "audit", "list", "--bundle", place); code != cli.ExitFailure || stderr == "" {
			t.Errorf("%s: exit %d, %s", place, code, stderr)
		}
	}
}
