package e2e

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// takeOver puts a copy of what the first version left into the world, with the modes that a gateway left it with.
func (w *world) takeOver() {
	w.t.Helper()
	must(w.t, os.CopyFS(w.dir, os.DirFS(firstFolder)))
	must(w.t, filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == w.dir || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
	w.configure(firstConfig(w.t))
}

// TestReadsFirstVersion: all that reads a log reads that of the first version, and nothing of it is changed.
func TestReadsFirstVersion(t *testing.T) {
	t.Parallel()
	w := newFirstWorld(t)
	w.takeOver()
	before, plan := w.folderNow("audit"), w.lastPlan()
	for _, of := range [][]string{{"--dir", w.file("audit")}, {"--bundle", w.file("bundle.zip")}} {
		for _, c := range firstQuestions {
			if c.dir && of[0] == "--bundle" {
				continue
			}
			got := run(t, w.env, slices.Concat(strings.Split(strings.Replace(strings.Join(c.args, " "), "PLAN", plan, 1), " "), of, w.named(c.more))...)
			if got.code != 0 || !regexp.MustCompile(c.want).MatchString(got.stdout) {
				t.Errorf("%q %q: %+v, want %q", c.args, of, got, c.want)
			}
		}
	}
	if out, err := exec.Command("python3", "../audit/export/verify.py", "--key", w.file("first.pub"), w.file("audit")).CombinedOutput(); err != nil {
		t.Errorf("verify.py: %v\n%s", err, out)
	}
	if got := w.command("check"); got.code != 0 {
		t.Errorf("check: %+v", got)
	}
	w.sameFolder("audit", before)
}

// firstQuestions are commands over the log, and what they must say.
var firstQuestions = []struct {
	args, more []string
	dir        bool // not over an archive
	want       string
}{
	{[]string{"audit", "verify"}, []string{"--key", "first.pub"}, false, `The log is whole`},
	{[]string{"audit", "verify"}, []string{"--since-checkpoint", "kept.jsonl"}, true, `The log is whole`},
	{[]string{"audit", "list", "--json", "--outcome", "unknown"}, nil, false, `PayOrders`},
	{[]string{"audit", "list", "--json", "--outcome", "partial"}, nil, false, `CreatePartnerCoupons`},
	{[]string{"audit", "list", "--json", "--reason", "cap_full"}, nil, false, `till`},
	{[]string{"audit", "list", "--json", "--index", "none", "--reason", "act_held"}, nil, true, `shop`},
	{[]string{"audit", "report", "--json"}, nil, false, `succeeded`},
	{[]string{"audit", "records", "--json", "--kind", "event"}, nil, false, `(?s)"repeat_allowed".*"frozen"`},
	{[]string{"audit", "records", "--json", "--kind", "prune"}, nil, false, `"last"`},
	{[]string{"audit", "plan", "PLAN"}, nil, false, `till-day`},
	{[]string{"tls", "report", "--json"}, nil, true, `"version": "TLS 1.3"`},
}

// lastPlan is the plan of the last call.
func (w *world) lastPlan() (plan string) {
	w.t.Helper()
	for _, r := range w.records() {
		if r.Plan != "" {
			plan = r.Plan
		}
	}
	return plan
}

// named makes paths of names of files.
func (w *world) named(args []string) []string {
	args = slices.Clone(args)
	for i := 1; i < len(args); i += 2 {
		args[i] = w.file(args[i])
	}
	return args
}

// TestTakesOverFromFirstVersion: a gateway goes on from the log of the first version: what was unknown is held, what was frozen is frozen, the
// index is there, pages show the old calls, and the old records stand as they were.
func TestTakesOverFromFirstVersion(t *testing.T) {
	t.Parallel()
	w := newFirstWorld(t)
	w.addOrders(20, "50.00")
	w.takeOver()
	before, seq := w.folderNow("audit"), w.records()
	p := w.start()
	for _, order := range []string{"CS-T1", "CS-T4", "CS-T8"} { // lost answers of 80, 20 and 0 days before, the second by a kill
		w.turnsDown(p, paying(asTill, 1, order), http.StatusConflict, "TG.4008")
	}
	w.turnsDown(p, couponIssue("1"), http.StatusForbidden, "TG.3010")
	if got := w.command("unfreeze", freezeID.FindString(w.command("freezes").stdout), "--reason", "replaced"); got.code != 0 {
		t.Errorf("unfreeze: %+v", got)
	}
	w.does(p, couponIssue("1"))
	w.does(p, attempt{who: w.firstKey(), path: payVersions[0].path, body: `{"order_id":"CS-T15","use_coupon":"NO","use_discount":"NO"}`})
	eventually(t, "the index has it all", func() bool {
		return p.metric("tollgate_audit_indexed_seq") >= p.metric("tollgate_audit_last_seq")
	})
	w.firstPages(p)
	p.stop()
	w.oldRecordsKept(before)
	w.verified("--key", w.file("first.pub"))
	if now := w.records(); now[len(seq)].Seq != seq[len(seq)-1].Seq+1 || now[len(seq)].Kind != logfile.KindStart && now[len(seq)].Kind != logfile.KindCheckpoint {
		t.Errorf("the log goes on with %+v", now[len(seq)])
	}
	for _, index := range []string{"auto", "none"} {
		got := run(t, w.env, "audit", "list", "--json", "--index", index, "--outcome", "unknown", "--dir", w.file("audit"))
		if n := strings.Count(got.stdout, "\n"); got.code != 0 || n != firstUnknown {
			t.Errorf("by index %s, %d calls are unknown, want %d: %+v", index, n, firstUnknown, got)
		}
	}
}

// firstUnknown is how many of the calls are unknown that are still there: that of 80 days before is pruned.
const firstUnknown = 2

// firstKey is the key that `key new` of the first version made.
func (w *world) firstKey() identity {
	w.t.Helper()
	files, err := filepath.Glob(w.file("callers.d/*.yaml"))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("%q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	must(w.t, err)
	id := regexp.MustCompile(`id: (\S+?)[,}\s]`).FindSubmatch(text)
	secrets, err := filepath.Glob(w.file("callers.d/*.secret"))
	if err != nil || len(secrets) != 1 || id == nil {
		w.t.Fatalf("%q, %v\n%s", secrets, err, text)
	}
	secret, err := os.ReadFile(secrets[0])
	must(w.t, err)
	return identity{string(id[1]), strings.TrimSpace(string(secret))}
}

// firstPages has a reviewer look at pages of the old log.
func (w *world) firstPages(p *process) {
	w.t.Helper()
	at := "http://" + p.address("review")
	li := w.browser(p, "li")
	li.expect("303 "+at+"/calls", at+"/signin", "--data", "token="+reviewerToken+"&next=/calls")
	li.expect("200 PayOrders", at+"/calls?effect=spend&outcome=unknown")
	for _, page := range []string{"/", "/calls", "/access", "/tls", "/log", "/about", "/search?q=CS-T4"} {
		li.expect("200", at+page)
	}
}

// oldRecordsKept checks that each segment begins with what the first version left.
func (w *world) oldRecordsKept(before map[string]string) {
	w.t.Helper()
	kept := 0
	for path, text := range before {
		if !strings.HasSuffix(path, logfile.SegmentSuffix) && !strings.HasSuffix(path, ".hashes") {
			continue
		}
		kept++
		now, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(now, []byte(text)) {
			w.t.Errorf("%s was changed: %v", path, err)
		}
	}
	if kept < 4 {
		w.t.Errorf("%d segments and hashes", kept)
	}
}
