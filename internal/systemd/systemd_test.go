package systemd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// listen is a service manager: it returns the manager that a process finds, and a function that reads the next message.
func listen(t *testing.T, socket string) (Manager, func() string) {
	t.Helper()
	connection, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	return Find(), func() string {
		t.Helper()
		buffer := make([]byte, 4096)
		_ = connection.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := connection.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

// TestStates sends every state over a socket with a path, and over an abstract one.
func TestStates(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), "@" + filepath.Join(t.TempDir(), "abstract")} {
		m, next := listen(t, socket)
		for _, step := range []struct {
			send func() error
			want string
		}{
			{func() error { return m.Status("reading the log, 40 %") }, `^STATUS=reading the log, 40 %$`},
			{func() error { return m.Ready("serving") }, `^READY=1\nSTATUS=serving$`},
			{m.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\nSTATUS=reloading$`},
			{func() error { return m.Stopping("draining") }, `^STOPPING=1\nSTATUS=draining$`},
			{func() error { return m.Status("a\nREADY=1\r\n" + strings.Repeat("x", 1000)) }, `^STATUS=a READY=1  x{100,290}…$`},
		} {
			if err := step.send(); err != nil {
				t.Fatal(err)
			}
			if got := next(); !regexp.MustCompile(step.want).MatchString(got) {
				t.Errorf("%s: sent %q, want %s", socket, got, step.want)
			}
		}
	}
}

// TestWithoutManager: a process that no manager started has no one to notify.
func TestWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := Find()
	if err := errors.Join(m.Ready("serving"), m.Reloading(), m.Stopping("draining"), m.Status("x")); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "missing"))
	if err := Find().Ready("serving"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that is missing: %v", err)
	}
}

// TestManagerThatDoesNotRead: messages that do not fit into the queue of the socket end with an error.
func TestManagerThatDoesNotRead(t *testing.T) {
	m, _ := listen(t, filepath.Join(t.TempDir(), "notify"))
	for range 10000 {
		if err := m.Status("full"); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the queue of the socket is never full")
}
