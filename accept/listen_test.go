package accept

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/source"
)

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.sock")
	l, err := Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, want a socket for its owner only", info.Mode())
	}
	if got := l.Addr().String(); got != path || !source.OfPeer(l.Addr()).IsLocal() {
		t.Errorf("address %q, loopback %t", got, source.OfPeer(l.Addr()).IsLocal())
	}
	wantEcho(t, l, path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside the socket: %v, %v", entries, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there after Close: %v", err)
	}
}

func wantEcho(t *testing.T, l net.Listener, path string) {
	t.Helper()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	if got := source.OfPeer(server.RemoteAddr()); got != (source.Source{}) {
		t.Errorf("the peer's source is %v", got)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestListenUnixInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.sock")
	first, err := Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	if second, err := Listen(t.Context(), "unix", path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening twice: %v, %v", second, err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first listener is gone: %v", err)
	}
	_ = conn.Close()
}

func TestListenUnixStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false) // as a process that was killed
	_ = old.Close()
	l, err := Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	wantEcho(t, l, path)
}

func TestListenRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir, "", "@abstract", filepath.Join(dir, "no", "such"), filepath.Join(dir, strings.Repeat("x", 120))} {
		if l, err := Listen(t.Context(), "unix", path); err == nil {
			_ = l.Close()
			t.Errorf("%q: listening", path)
		}
	}
	if data, err := os.ReadFile(link); err != nil || string(data) != "data" {
		t.Errorf("the file is damaged: %q, %v", data, err)
	}
}

// TestLongestPath: a path near the system's limit is an error that explains it, or works.
func TestLongestPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	path = filepath.Join(filepath.Dir(path), strings.Repeat("d", max(1, 100-len(path))), "s")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), "unix", path)
	if err == nil {
		t.Errorf("a path of %d bytes leaves no room for the private directory", len(path))
		_ = l.Close()
	} else if !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

// TestCloseLeavesAnother: a socket that another process put in our place is left there.
func TestCloseLeavesAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.sock")
	l, err := Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestListenTCP(t *testing.T) {
	l, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !source.OfPeer(l.Addr()).IsLocal() {
		t.Errorf("%v is not loopback", l.Addr())
	}
	_ = l.Close()
	if _, err := Listen(t.Context(), "udp", "127.0.0.1:0"); err == nil {
		t.Error("listening on UDP")
	}
}

// TestStaleSocketOfTwo: of two processes that find one stale socket, the second does not remove what the first has put there.
func TestStaleSocketOfTwo(t *testing.T) {
	dir := t.TempDir()
	path, away := filepath.Join(dir, "s"), filepath.Join(dir, "away")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	stale, err := findStale(t.Context(), path)
	if err != nil || stale == nil {
		t.Fatalf("%v, %v", stale, err)
	}
	first, err := Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := moveStale(stale, path, away); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the second: %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("nothing answers at the socket of the first: %v", err)
	}
	_ = conn.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first does not know its socket any more: %v", err)
	}
}
