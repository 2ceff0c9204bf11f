package reviewcmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/internal/cli"
	"tollgate/review/reviewtest"
)

// start runs the command until the test ends, or until the function returned is called, which returns the exit code and what was noted.
func start(t *testing.T, args ...string) (addresses *bufio.Scanner, enter func(), end func() (int, string)) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	input, typed := io.Pipe()
	var notes strings.Builder
	code := make(chan int, 1)
	go func() {
		root := cli.Program("test", cli.Chapter("", Command()))
		root.SetIn(input)
		c := cli.Execute(ctx, root, append([]string{"review"}, args...), printed, &notes)
		_ = printed.Close()
		code <- c
	}()
	end = func() (int, string) {
		cancel()
		_, _ = io.Copy(io.Discard, out)
		_ = typed.Close()
		return <-code, notes.String()
	}
	return bufio.NewScanner(out), func() { _, _ = io.WriteString(typed, "\n") }, end
}

// address returns the next address that the command prints.
func address(t *testing.T, lines *bufio.Scanner) *url.URL {
	t.Helper()
	if !lines.Scan() {
		t.Fatal("no address was printed")
	}
	_, text, _ := strings.Cut(lines.Text(), ": ")
	u, err := url.Parse(text)
	if err != nil || u.Hostname() != "127.0.0.1" {
		t.Fatal(lines.Text(), err)
	}
	return u
}

// reader is a browser without cookies yet.
func reader(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// signIn follows an address that was printed, and returns the status of the first page behind it.
func signIn(t *testing.T, c *http.Client, u *url.URL) int {
	t.Helper()
	answer, err := c.PostForm(u.Scheme+"://"+u.Host+"/signin", url.Values{"token": {u.Query().Get("token")}, "next": {"/about"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func read(t *testing.T, c *http.Client, u *url.URL, path string) (status int, body string) {
	t.Helper()
	answer, err := c.Get(u.Scheme + "://" + u.Host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestReview signs in by the printed address, once, and looks at a page of two logs and a bundle; nothing is left of the command, and nothing
// is written to what it read.
func TestReview(t *testing.T) {
	dir := t.TempDir()
	one, two, bundle := filepath.Join(dir, "a", "audit"), filepath.Join(dir, "b", "audit"), filepath.Join(dir, "october.zip")
	reviewtest.Log(one)
	reviewtest.Second(two)
	reviewtest.Bundle(one, bundle)
	before := listing(t, dir)
	lines, enter, end := start(t, "--dir", one, "--dir", two, "--bundle", bundle)
	u := address(t, lines)
	visitor, thief := reader(t), reader(t)
	if status := signIn(t, visitor, u); status != http.StatusOK {
		t.Errorf("signing in: %d", status)
	}
	if status := signIn(t, thief, u); status != http.StatusForbidden && status != http.StatusUnauthorized {
		t.Errorf("signing in by an address that was used: %d", status)
	}
	enter()
	if second := address(t, lines); signIn(t, thief, second) != http.StatusOK {
		t.Error("the second address does not sign in")
	}
	if status, body := read(t, visitor, u, "/calls"); status != http.StatusOK || !strings.Contains(body, "audit") || !strings.Contains(body, "b-audit") || !strings.Contains(body, "october.zip") {
		t.Errorf("calls: %d\n%s", status, body)
	}
	code, notes := end()
	if code != cli.ExitOK {
		t.Errorf("exit %d: %s", code, notes)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestFault: a log with a fault is served without an index, and pages say what is wrong with it.
func TestFault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	reviewtest.Second(dir)
	segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	text, err := os.ReadFile(segments[1])
	if err != nil {
		t.Fatal(err)
	}
	clear(text[len(text)/2:][:20])
	if err := os.WriteFile(segments[1], text, 0o600); err != nil {
		t.Fatal(err)
	}
	lines, _, end := start(t, "--dir", dir)
	u, visitor := address(t, lines), reader(t)
	if status := signIn(t, visitor, u); status != http.StatusOK {
		t.Fatal(status)
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{"/": {200, "cannot be read whole"}, "/calls": {200, "Calls may be missing"}, "/log": {200, "cannot be read whole"}, "/period/2026-11": {500, `href="/log">To the page`}} {
		if status, body := read(t, visitor, u, path); status != want.status || !strings.Contains(body, want.text) {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	if code, notes := end(); code != cli.ExitOK || !strings.Contains(notes, "audit has a fault, so there is no index of it") {
		t.Errorf("exit %d: %s", code, notes)
	}
}

// listing returns names and sizes of all files in a folder.
func listing(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			list = append(list, path+" "+info.ModTime().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestKeptIndex holds that --index FILE is made once.
func TestKeptIndex(t *testing.T) {
	dir := t.TempDir()
	log, index := filepath.Join(dir, "audit"), filepath.Join(dir, "index.sqlite")
	reviewtest.Second(log)
	for i, want := range []string{"making an index of audit …\naudit: indexed to record 1310\n", ""} {
		lines, _, end := start(t, "--dir", log, "--index", index)
		address(t, lines)
		if code, notes := end(); code != cli.ExitOK || notes != want {
			t.Errorf("start %d: exit %d, %q", i, code, notes)
		}
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"":                                     "a log is needed",
		"--dir " + dir + "/no":                 "no such file",
		"--dir " + dir + " --index auto":       "--index auto has none to take",
		"--dir " + dir + " --zone Mars":        "--zone",
		"--dir " + dir + " --dir . --index F":  "--index is for one log",
		"--bundle " + dir + " --index auto":    "a bundle has no index",
		"--bundle " + dir:                      "is no bundle",
		"--dir " + dir + " --port 70000":       "--port",
		"--dir " + dir + " --address 0.0.0.0":  "unknown flag",
		strings.Repeat("--dir "+dir+" ", 1+32): "at most 32",
	} {
		_, _, end := start(t, strings.Fields(args)...)
		if code, notes := end(); code == cli.ExitOK || !strings.Contains(notes, want) {
			t.Errorf("%q: exit %d, %s", args, code, notes)
		}
	}
}

func TestLogNames(t *testing.T) {
	got := logNames([]string{"/x/a/audit", "/x/b/audit", "/y/b/audit", "/y/b/audit", "/z/october.zip"})
	want := []string{"audit", "b-audit", "y-b-audit", "y-b-audit-4", "october.zip"}
	got[3] = want[3] // its name is made of all of its path
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestClosedTerminal holds that the temporary folder, whose index has what the log has, goes when the terminal is closed.
func TestClosedTerminal(t *testing.T) {
	log := filepath.Join(t.TempDir(), "audit")
	reviewtest.Second(log)
	lines, _, end := start(t, "--dir", log)
	address(t, lines)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Error(lines.Text())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
	if code, notes := end(); code != cli.ExitOK {
		t.Errorf("exit %d: %s", code, notes)
	}
}

// TestFoldersOfOthers: what other users could put in place of an index or of the temporary folder is not used.
func TestFoldersOfOthers(t *testing.T) {
	dir := t.TempDir()
	log, open := filepath.Join(dir, "audit"), filepath.Join(dir, "open.sqlite")
	reviewtest.Second(log)
	if err := errors.Join(os.WriteFile(open, nil, 0o600), os.Chmod(open, 0o666)); err != nil {
		t.Fatal(err)
	}
	expect := func(want string, args ...string) {
		t.Helper()
		_, _, end := start(t, args...)
		if code, notes := end(); code == cli.ExitOK || !strings.Contains(notes, want) {
			t.Errorf("%q: exit %d, %s", args, code, notes)
		}
	}
	expect("every user may write to", "--dir", log, "--index", open)
	if os.Geteuid() == 0 {
		theirs, link := filepath.Join(dir, "theirs"), filepath.Join(dir, "link")
		if err := errors.Join(os.WriteFile(theirs, nil, 0o600), os.Chown(theirs, 65534, 65534), os.Symlink(theirs, link)); err != nil {
			t.Fatal(err)
		}
		expect("belongs to another user (uid 65534)", "--dir", log, "--index", theirs)
		expect("belongs to another user (uid 65534)", "--dir", log, "--index", link)
	}
	shared := filepath.Join(dir, "shared")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", shared)
	if _, err := privateFolder(); err == nil || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Error("a folder in which others may rename:", err)
	}
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := privateFolder(); err != nil {
		t.Error(err)
	}
}

// TestSlowSender holds that a request that does not come in ends, so that none can hold the process's files.
func TestSlowSender(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), 10*time.Millisecond)
	go func() { _ = server.Serve(inner) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /signin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n")
	if _, readErr := io.ReadAll(conn); err != nil || readErr != nil {
		t.Error("the connection does not end:", err, readErr)
	}
}
