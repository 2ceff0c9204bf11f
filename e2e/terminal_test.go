package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// atHome is a configuration that needs nothing but its directory.
const atHome = `
listeners: [{name: app, address: "127.0.0.1:0", caller: app}]
upstreams: {desk: {url: "http://127.0.0.1:1", endpoints: [{name: All, method: GET, path: "/{path...}", effect: read}]}}
callers: {app: {grants: [{operations: ["*"], upstream: desk}]}}
audit: {dir: audit}
bounds: {drain: 1s}
`

// terminal returns both ends of a terminal.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestRunAtHome: without a flag run takes ./tollgate.yaml, says so in its first line, and logs for people on a terminal and for machines
// elsewhere; the commands about the log find it by the same rule.
func TestRunAtHome(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, "tollgate.yaml")
	if err := os.WriteFile(file, []byte(atHome), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, onTerminal := range []bool{true, false} {
		first := strings.TrimRight(firstLine(t, home, onTerminal), "\r\n")
		text := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} INFO  starting +configuration=` + regexp.QuoteMeta(file) + `$`)
		if is := text.MatchString(first); is != onTerminal || !onTerminal && (!strings.HasPrefix(first, "{") || !strings.Contains(first, `"configuration":"`+file+`"`)) {
			t.Errorf("on a terminal %v: %q", onTerminal, first)
		}
	}
	in := func(args ...string) result {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env = home, []string{raceOptions}
		return runCommand(t, cmd)
	}
	if got := in("audit", "records", "--kind", "start"); got.code != 0 || strings.Count(got.stdout, " start ") != 2 {
		t.Errorf("%+v", got)
	}
	if got := in("check", "--json"); got.code != 0 || !strings.Contains(got.stdout, `"good": true`) {
		t.Errorf("%+v", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := in("run"); got.code != 2 || !strings.Contains(got.stderr, "--config FILE") || !strings.Contains(got.stderr, "TOLLGATE_CONFIG") || !strings.Contains(got.stderr, "there is no ./tollgate.yaml") {
		t.Errorf("%+v", got)
	}
}

// firstLine runs a gateway in a directory until it is up, and returns the first line of its log.
func firstLine(t *testing.T, home string, onTerminal bool) string {
	t.Helper()
	cmd := exec.Command(binary, "run")
	cmd.Dir, cmd.Env = home, []string{raceOptions}
	ours, theirs, err := (*os.File)(nil), (*os.File)(nil), error(nil)
	if onTerminal {
		ours, theirs = terminal(t)
	} else if ours, theirs, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = ours.Close()
	}()
	log := bufio.NewReader(ours)
	first, err := log.ReadString('\n')
	for line := first; err == nil && !strings.Contains(line, "tollgate is up"); {
		line, err = log.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("the gateway ended before it was up: %v, %q", err, first)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, log) // a terminal ends with an error
	return first
}
