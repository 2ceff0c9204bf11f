package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testlog"
)

// copied keeps copies of checkpoints in a file. The pipe is no place that can be read: it holds up nothing.
const copied = "{dir: audit, index: {file: index.sqlite}, checkpoints: {copies: [{file: pipe}, {file: kept.jsonl}]}}"

// folder copies the world's audit directory.
func (w *world) folder(to string) {
	w.t.Helper()
	if err := os.CopyFS(w.file(to), os.DirFS(w.file("audit"))); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{to, to + "/signing.key"} { // CopyFS keeps no modes
		info, err := os.Stat(w.file(name))
		if err == nil {
			err = os.Chmod(w.file(name), info.Mode()&^0o077)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) replaceAudit(from string) {
	w.t.Helper()
	if err := os.RemoveAll(w.file("audit")); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(w.file(from), w.file("audit")); err != nil {
		w.t.Fatal(err)
	}
}

var gapLine = regexp.MustCompile(`(?m)^gap ([0-9a-f]{16}): (.*)$`)

// TestLogRolledBack: a log that is not what its copies of checkpoints prove it was does not open, until the loss is accepted,
// which is on record; and then the same copy does not refuse it again.
func TestLogRolledBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(*world)
		gaps   []string
	}{
		"an old state restored": {func(w *world) { w.replaceAudit("old") }, []string{"kept.jsonl states a checkpoint of"}},
		"segments deleted": {func(w *world) {
			for _, name := range w.segments() {
				if err := os.Remove(name); err != nil {
					w.t.Fatal(err)
				}
			}
		}, []string{"signing.key is there, and the segments that it signed are not", "kept.jsonl states a checkpoint of"}},
		"cut in a line": {func(w *world) {
			live := w.segments()[0]
			text, err := os.ReadFile(live)
			if err == nil {
				records := strings.TrimRight(string(text), "\n\x00")
				err = os.Truncate(live, int64(strings.LastIndex(records, "\n")-100)) // in the line before the last checkpoint's
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}, []string{"kept.jsonl states a checkpoint of"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "{dir: audit}", copied))
			if err := syscall.Mkfifo(w.file("pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			w.session()
			w.folder("old")
			w.session()
			kept, err := os.ReadFile(w.file("kept.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			c.damage(w)
			ids := w.refusedFor(c.gaps)
			if got := run(t, nil, append([]string{"audit", "accept-loss", "--config", w.config}, "--gap", "0123456789abcdef")...); got.code != 1 {
				t.Errorf("another gap: %+v", got)
			}
			w.refusedFor(c.gaps)
			args := []string{"audit", "accept-loss", "--config", w.config}
			for _, id := range ids {
				args = append(args, "--gap", id)
			}
			if got := run(t, nil, args...); got.code != 0 || strings.Count(got.stdout, "is accepted, and the log says so") != len(ids) {
				t.Fatalf("accept-loss: %+v", got)
			}
			w.write("kept.jsonl", string(kept)) // as if the copy could not be written since
			w.start().stop()
			w.write("kept.jsonl", string(kept))
			w.session()
			w.verified()
			if n := w.losses(); n != len(ids) {
				t.Errorf("%d losses are on record, want %d", n, len(ids))
			}
			if got := run(t, nil, "audit", "accept-loss", "--config", w.config); got.code != 0 || !strings.Contains(got.stdout, "nothing is missing") {
				t.Errorf("afterwards: %+v", got)
			}
		})
	}
}

// metric returns the value of a metric without labels, and -1 when it is not there.
func metric(page, name string) float64 {
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if n, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// session runs the gateway for one call.
func (w *world) session() {
	w.t.Helper()
	p := w.start()
	balance(w.t, w.shop(p).bss(w.t))
	p.stop()
}

// losses is how many losses the log says were accepted.
func (w *world) losses() (n int) {
	w.t.Helper()
	for _, r := range w.records() {
		if r.Event == logfile.EventLossAccepted {
			n++
		}
	}
	return n
}

// refusedFor wants a start to end with an error that names the gaps, and accept-loss to list the same; it returns their ids.
func (w *world) refusedFor(gaps []string) (ids []string) {
	w.t.Helper()
	p := launch(w.t, w.config, w.env)
	if code := p.code(); code != 1 {
		w.t.Fatalf("exit code %d", code)
	}
	listed := run(w.t, nil, "audit", "accept-loss", "--config", w.config)
	lines := gapLine.FindAllStringSubmatch(listed.stdout, -1)
	if listed.code != 1 || len(lines) != len(gaps) {
		w.t.Fatalf("accept-loss: %+v", listed)
	}
	for i, line := range lines {
		if !strings.Contains(line[2], gaps[i]) || !strings.Contains(p.log(), line[2]) || !strings.Contains(p.log(), "accept-loss") {
			w.t.Errorf("gap %q, want %q, and the error of the start is\n%s", line[2], gaps[i], p.log())
		}
		ids = append(ids, line[1])
	}
	return ids
}

// TestIndexAheadOfTheLog: an index that knows more of the log, as a crash may leave it, is warned of, and steps back; one that
// knows another log below the last checkpoint proves that the log was changed.
func TestIndexAheadOfTheLog(t *testing.T) {
	t.Parallel()
	const indexed = "{dir: audit, index: {file: index.sqlite}}"
	w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "{dir: audit}", indexed))
	follow := func() {
		p := w.start()
		balance(t, w.shop(p).bss(t))
		eventually(t, "the index has the call", func() bool {
			_, page := p.admin("/metrics")
			return metric(page, "tollgate_audit_indexed_seq") >= metric(page, "tollgate_audit_last_seq")
		})
		p.stop()
	}
	follow()
	w.folder("old")
	w.folder("older")
	follow()
	w.replaceAudit("old")
	p := w.start()
	if log := p.log(); !strings.Contains(log, "a crash may have taken its last records") || strings.Contains(log, "did not drop") {
		t.Errorf("the log says\n%s", log)
	}
	p.stop()
	follow()

	w.replaceAudit("older")
	with := w.config
	w.configure(replaceOnce(t, standard, "{dir: audit}", "{dir: audit, index: {enabled: false}}"))
	for range 4 {
		w.start().stop() // the log grows beyond what the index knows
	}
	w.configure(replaceOnce(t, standard, "{dir: audit}", indexed))
	ids := w.refusedFor([]string{"index.sqlite knows another record"})
	if got := run(t, nil, "audit", "accept-loss", "--config", with, "--gap", ids[0]); got.code != 0 {
		t.Fatalf("accept-loss: %+v", got)
	}
	follow()
	follow()
}

// TestStartReadsALongLog: meanwhile the gateway lives and is not ready, says how far it is, and stops when asked.
func TestStartReadsALongLog(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "{dir: audit}", "{dir: audit, checkpoints: {copies: [{file: endless}]}}"))
	// The comparison with a copy that has no end takes its two seconds, however fast the log is read.
	if err := errors.Join(os.MkdirAll(w.file("audit"), 0o700), os.WriteFile(w.file("endless"), nil, 0o600), os.Truncate(w.file("endless"), 1<<40)); err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.CreateKey(w.file("audit/signing.key"), "tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	long := testlog.New(w.file("audit"), key)
	long.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "open"}) // a start reads from here on
	long.Calls(50_000)
	long.Close()
	before := w.sizes()

	p := launch(t, w.config, w.env)
	w.reading(p)
	p.terminate()
	if code := p.code(); code != 0 || !strings.Contains(p.log(), "stopped while starting") {
		t.Errorf("exit code %d", code)
	}
	if after := w.sizes(); after != before {
		t.Errorf("the log was changed:\n%s\n%s", before, after)
	}
	p = launch(t, w.config, w.env)
	w.reading(p)
	w.healthWhileReading(p)
	p.wait().stop()
}

// reading waits until the gateway says that it reads the log.
func (w *world) reading(p *process) {
	w.t.Helper()
	eventually(w.t, "the admin listener listens", func() bool { return strings.Contains(p.log(), "admin listening") })
	eventually(w.t, "it reads the log", func() bool {
		status, body := p.readyz()
		return status == http.StatusServiceUnavailable && regexp.MustCompile(`^{"ready":false,"reasons":\["reading the log, \d+ %"\]}`).MatchString(body)
	})
}

// healthWhileReading asks the gateway how it is, which takes longer than one look at it.
func (w *world) healthWhileReading(p *process) {
	w.t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	asked := w.write("asked.yaml", replaceOnce(w.t, string(text), `admin: {address: "127.0.0.1:0"}`, `admin: {address: "`+p.address("admin")+`"}`))
	if status, _ := p.admin("/livez"); status != http.StatusOK {
		w.t.Errorf("/livez says %d", status)
	}
	if got := run(w.t, w.env, "health", "--config", asked); got.code != 1 || !strings.Contains(got.stderr, "reading the log, ") {
		w.t.Errorf("health: %+v", got)
	}
	if got := run(w.t, w.env, "health", "--live", "--config", asked); got.code != 0 {
		w.t.Errorf("health --live: %+v", got)
	}
}

// sizes are the names and lengths of the log's files.
func (w *world) sizes() string {
	w.t.Helper()
	var all []string
	for _, name := range w.segments() {
		info, err := os.Stat(name)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, filepath.Base(name)+" "+info.ModTime().String())
	}
	return strings.Join(all, "\n")
}
