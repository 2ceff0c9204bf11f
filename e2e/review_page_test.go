package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestReviewAMonth runs the commands of the manual's page for reviewers in a shell, one after the other and as they stand, but for the month
// and ids: in a folder with what a reviewer has, a copy of the log without its keys, the public key, and checkpoints kept elsewhere.
func TestReviewAMonth(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/tasks/review-a-month.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "{dir: audit}", "{dir: audit, checkpoints: {copies: [{file: kept.jsonl}]}}"))
	p := w.start()
	w.serves(p, orderName(1))
	p.stop()
	folder := w.reviewers()
	plan := w.recorded(logfile.KindIntent, w.firstCall()).Plan
	names := strings.NewReplacer("CALL-ID", w.firstCall(), "612910af63ff3785 93a35f5dca36ea96", plan+" "+plan, "/var/lib/tollgate/audit", "log",
		"2026-11", monthOf(t, w.records()[0].Time))
	commands := 0
	shell := func(line string) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), raceOptions, "PATH="+folder+":"+os.Getenv("PATH"))
		if got := runCommand(t, cmd); got.code != 0 {
			t.Errorf("%s: exit code %d: %s%s", line, got.code, got.stdout, got.stderr)
		}
	}
	archived := 0
	for _, line := range commandsOf(string(page)) {
		commands++
		shell(names.Replace(line))
		if withArchive.MatchString(line) {
			archived++
			shell(strings.Replace(names.Replace(line), "--dir log", "--bundle november.zip", 1))
		}
	}
	if commands < 12 || archived < 6 {
		t.Errorf("the page has %d commands only, and %d that an archive answers", commands, archived)
	}
	w.audited("verify", "--bundle", filepath.Join(folder, "november.zip"), "--key", filepath.Join(folder, "tollgate.pub"))
}

// withArchive are the commands that the page says an archive is good for as well.
var withArchive = regexp.MustCompile(`^tollgate audit (verify|records|plan|report|list|show)\b.*--dir log\b`)

// reviewers makes a folder with what the page wants a reviewer to have, and the program under its name.
func (w *world) reviewers() string {
	w.t.Helper()
	folder := w.t.TempDir()
	if err := os.CopyFS(filepath.Join(folder, "log"), os.DirFS(w.file("audit"))); err != nil {
		w.t.Fatal(err)
	}
	for _, key := range []string{"signing.key", "hash.key"} {
		if err := os.Remove(filepath.Join(folder, "log", key)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Symlink(binary, filepath.Join(folder, "tollgate")); err != nil {
		w.t.Fatal(err)
	}
	kept, err := os.ReadFile(w.file("kept.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kept.jsonl": string(kept), "kept-2026-10.txt": w.audited("checkpoint", "--dir", w.file("audit")), "tollgate.pub": w.audited("key", "--dir", w.file("audit")),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return folder
}

// monthOf returns the month of a time as the page's commands want it, in the zone of its commands.
func monthOf(t *testing.T, at time.Time) string {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return at.In(zone).Format("2006-01")
}

// commandsOf returns the commands of tollgate in a page's blocks of code.
func commandsOf(page string) (commands []string) {
	code := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch command := strings.TrimPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			code = !code
		case code && strings.HasPrefix(command, "tollgate "):
			commands = append(commands, command)
		}
	}
	return commands
}
