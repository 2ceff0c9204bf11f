package accept

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tollgate/internal/testkubelet"
)

// TestSocketsForOthers have the mode and the group that were asked for.
func TestSocketsForOthers(t *testing.T) {
	group := testkubelet.AnyGroup()
	for _, access := range []Access{{Mode: 0o600}, {Mode: 0o660}, {Mode: 0o666}, {Mode: 0o660, Group: &group}} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := ListenFor(t.Context(), "unix", path, access)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|access.Mode {
			t.Errorf("mode %v, want %v (%v)", info.Mode(), access.Mode, err)
		}
		if got := int(info.Sys().(*syscall.Stat_t).Gid); access.Group != nil && got != group {
			t.Errorf("group %d, want %d", got, group)
		}
		wantEcho(t, l, path)
		_ = l.Close()
	}
}

// TestSocketIsNeverOpenToOthers: at no name has a socket, at no moment, another mode or group than it is to have, unless others cannot come
// into its folder. The folder of the socket is looked at all the time while sockets come and go.
func TestSocketIsNeverOpenToOthers(t *testing.T) {
	dir, group := t.TempDir(), testkubelet.AnyGroup()
	old := syscall.Umask(0) // so that nothing but what Listen does keeps others out
	defer syscall.Umask(old)
	stop := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				seen(t, dir, group)
			}
		}
	})
	for i := range 200 {
		l, err := ListenFor(t.Context(), "unix", filepath.Join(dir, "s"+strconv.Itoa(i)), Access{Mode: 0o660, Group: &group})
		if err != nil {
			t.Error(err)
			break
		}
		_ = l.Close()
	}
	close(stop)
	looking.Wait()
}

// seen looks at all that is in a folder now.
func seen(t *testing.T, dir string, group int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, entry := range entries {
		info, err := os.Lstat(filepath.Join(dir, entry.Name()))
		if err != nil {
			continue // gone
		}
		switch {
		case info.IsDir() && info.Mode().Perm() != 0o700:
			t.Errorf("a folder of mode %v", info.Mode())
		case !info.IsDir() && (info.Mode() != fs.ModeSocket|0o660 || int(info.Sys().(*syscall.Stat_t).Gid) != group):
			t.Errorf("a socket of mode %v and group %d", info.Mode(), info.Sys().(*syscall.Stat_t).Gid)
		}
	}
}

// TestGroupOfOthers: a group that the process may not hand the socket to is an error that names it, and leaves nothing behind.
func TestGroupOfOthers(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may hand files to any group")
	}
	dir, group := t.TempDir(), 0
	_, err := ListenFor(context.Background(), "unix", filepath.Join(dir, "s"), Access{Mode: 0o660, Group: &group})
	if err == nil || !strings.Contains(err.Error(), "group 0, of which the gateway's user must be a member") {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}

// TestGrant changes who may connect to a socket that is open, and no other file.
func TestGrant(t *testing.T) {
	path, group := filepath.Join(t.TempDir(), "s"), testkubelet.AnyGroup()
	l, err := ListenFor(t.Context(), "unix", path, Private)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, access := range []Access{{Mode: 0o660, Group: &group}, Private, {Mode: 0o666}} {
		if err := Grant(l, access); err != nil {
			t.Fatal(err)
		}
		want := os.Getegid()
		if access.Group != nil {
			want = group
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != access.Mode || int(info.Sys().(*syscall.Stat_t).Gid) != want {
			t.Errorf("mode %v, group %d; want %v, %d (%v)", info.Mode(), info.Sys().(*syscall.Stat_t).Gid, access.Mode, want, err)
		}
		wantEcho(t, l, path)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Grant(l, Access{Mode: 0o666}); err == nil || !strings.Contains(err.Error(), "removed or replaced") {
		t.Errorf("another file: %v", err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("another file has got the mode: %v, %v", info, err)
	}
}
