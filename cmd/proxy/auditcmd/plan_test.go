package auditcmd

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testlog"
)

// TestPlan: the texts of plans are printed from a log and from a bundle, and compared in words.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	store, log := blobs.New(dir), testlog.New(dir, nil)
	var ids []string
	for _, rate := range []string{"10/s", "5/s"} {
		name, err := store.Put(fmt.Appendf(nil, `{"limits":{"rules":[{"name":"all","rate":%q}]},"version":1}`, rate))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, name[:logfile.PlanDigits])
		log.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: rate, Plan: name[:logfile.PlanDigits], Decision: logfile.Refused})
	}
	log.Close()
	other, err := store.Put([]byte("\x1b]0;a title\x07"))
	if err != nil {
		t.Fatal(err)
	}
	if code, out, problem := run(t, "audit", "plan", "--dir", dir, other); code != cli.ExitFailure || strings.Contains(out+problem, "title") {
		t.Errorf("a text that is none of a plan: %d %s%s", code, out, problem)
	}
	bundle := filepath.Join(t.TempDir(), "bundle.zip")
	code, export, _ := run(t, "audit", "export", "--dir", dir, "--from", "2026-10-01", "--to", "2026-11-01", "--zone", "UTC", "-o", bundle)
	if code != cli.ExitOK || !strings.Contains(export, "with the texts of 2 plans") {
		t.Fatalf("%d %s", code, export)
	}
	for _, place := range [][]string{{"--dir", dir}, {"--bundle", bundle}} {
		for _, c := range []struct {
			args []string
			want string
			code int
		}{
			{nil, ids[0] + "\n", cli.ExitOK}, {nil, ids[1] + "\n", cli.ExitOK},
			{ids[:1], `{"limits":{"rules":[{"name":"all","rate":"10/s"}]},"version":1}` + "\n", cli.ExitOK},
			{ids, "limits.rules.all.rate is lowered to 5/s (was 10/s)\n", cli.ExitDiffers},
			{append(ids[:2:2], "--json"), `"text": "is lowered to 5/s (was 10/s)"`, cli.ExitDiffers},
			{[]string{ids[0], ids[0]}, "no difference\n", cli.ExitOK},
			{[]string{"0000000000000000"}, "no text 0000000000000000", cli.ExitFailure},
			{[]string{"../signing.key"}, "is not the name of a text", cli.ExitFailure},
			{[]string{ids[0], ids[0], ids[0]}, "up to two ids", cli.ExitUsage},
		} {
			code, out, problem := run(t, append(append([]string{"audit", "plan"}, place...), c.args...)...)
			if code != c.code || !strings.Contains(out+problem, c.want) {
				t.Errorf("%v %v: %d, %s%s; want %d, %s", place, c.args, code, out, problem, c.code, c.want)
			}
		}
	}
	code, out, _ := run(t, "audit", "list", "--dir", dir, "--plan", ids[1], "--json")
	if code != cli.ExitOK || !strings.Contains(out, `"plan":"`+ids[1]+`"`) || strings.Contains(out, ids[0]) {
		t.Errorf("list --plan: %d %s", code, out)
	}
}
