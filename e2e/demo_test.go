package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// TestDemoOnce is what a newcomer runs first. It needs no environment, and no temporary files: then its folder is in the user's cache, or where
// it was started.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	dir, nowhere := t.TempDir(), "TMPDIR="+filepath.Join(t.TempDir(), "nowhere")
	for name, c := range map[string]struct {
		env   []string
		files string // the folder that the demo's folder is in
	}{
		"temporary files": {[]string{"TMPDIR=" + dir}, dir},
		"the cache":       {[]string{nowhere, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}, filepath.Join(dir, "cache")},
		"here":            {[]string{nowhere}, dir},
	} {
		cmd := exec.Command(binary, "demo", "--once")
		cmd.Dir, cmd.Env = dir, append(c.env, raceOptions)
		got := runCommand(t, cmd)
		if got.code != 0 || !strings.Contains(got.stdout, "the log is whole") || !strings.Contains(got.stdout, "Every call did what the tour says.") {
			t.Errorf("%s: exit code %d\n%s\n%s", name, got.code, got.stdout, got.stderr)
			continue
		}
		if _, files, _ := strings.Cut(got.stdout, "\nFiles: "+c.files+"/tollgate-demo-"); files == "" {
			t.Errorf("%s: the files are not in %s:\n%s", name, c.files, got.stdout)
		}
		if left, err := filepath.Glob(filepath.Join(c.files, "tollgate-demo-*")); len(left) > 0 || err != nil {
			t.Errorf("%s: it leaves %v, %v", name, left, err)
		}
		tour, _, _ := strings.Cut(got.stdout, "\nWhat the audit log says:")
		for line := range strings.Lines(tour) {
			if n := utf8.RuneCountInString(line); n > 101 && !strings.HasPrefix(line, "Files: ") {
				t.Errorf("%s: a line has %d columns: %s", name, n, line)
			}
		}
	}
}

// pasted are the lines that a visitor pastes: indented, and no comments.
var pasted = regexp.MustCompile(`(?m)^  ([^ #].+)$`)

// TestDemoLines pastes what the demo prints, as it was started: by go run in the folder of the sources, by the path of a binary, and by the
// name of one that is on PATH. The program with the provider's SDK is run, too.
func TestDemoLines(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Abs("..")
	must(t, err)
	bin := t.TempDir()
	must(t, os.Symlink(binary, filepath.Join(bin, "tollgate")))
	for name, c := range map[string]struct {
		dir     string
		command []string
	}{
		"go run":        {sources, []string{"go", "run", "./cmd/proxy"}},
		"go run inside": {filepath.Join(sources, "cmd/proxy"), []string{"go", "run", "."}},
		"a path":        {bin, []string{"./tollgate"}},
		"a name":        {t.TempDir(), []string{filepath.Join(bin, "tollgate")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), raceOptions, "TMPDIR="+t.TempDir())
			cmd := exec.Command(c.command[0], append(c.command[1:], "demo")...)
			if name == "a name" {
				cmd.Args[0] = "tollgate" // as a shell calls what it finds on PATH
			}
			cmd.Dir, cmd.Env, cmd.SysProcAttr = c.dir, env, &syscall.SysProcAttr{Setpgid: true}
			text, stop := printedBy(t, cmd)
			defer stop()
			lines, program, _ := strings.Cut(text, "The provider's Go SDK")
			_, lines, _ = strings.Cut(lines, "Paste into another terminal")
			var script strings.Builder
			for _, match := range pasted.FindAllStringSubmatch(lines, -1) {
				if !strings.HasPrefix(match[1], "less ") { // for people
					script.WriteString(match[1] + "; echo\n")
				}
			}
			paste := exec.Command("sh", "-ec", script.String())
			paste.Dir, paste.Env = c.dir, env
			out, err := paste.CombinedOutput()
			for _, want := range []string{"provinces", "c-17", "TG.3001", "whole", "PayOrders", "tollgate_upstream_seconds_count", "listeners:"} {
				if err != nil || !strings.Contains(string(out), want) {
					t.Fatalf("%v, there is no %s:\n%s\n%.3000s", err, want, script.String(), out)
				}
			}
			if name == "a path" {
				runProgram(t, program)
			}
		})
	}
}

// printedBy starts a demo and returns what it prints until it waits.
func printedBy(t *testing.T, cmd *exec.Cmd) (text string, stop func()) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	stop = func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // go run waits for the demo
		_ = cmd.Wait()
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		text += lines.Text() + "\n"
		if lines.Text() == "}" && strings.Contains(text, "fmt.Println(answer, err)") {
			return text, stop
		}
	}
	stop()
	t.Fatalf("the demo ended: %s", text)
	return "", nil
}

// runProgram runs the Go program behind a line of text.
func runProgram(t *testing.T, text string) {
	t.Helper()
	_, program, _ := strings.Cut(text, "\n\n")
	var script strings.Builder
	for _, match := range exported.FindAllStringSubmatch(program, -1) {
		script.WriteString(match[1] + "\n")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	must(t, os.WriteFile(file, []byte(program), 0o600))
	out, err := exec.Command("sh", "-ec", script.String()+"go run "+file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "account_balances") {
		t.Errorf("%v\n%s\n%s", err, program, out)
	}
}
