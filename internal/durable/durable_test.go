package durable

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// temporary makes a file of the mode that holds "new".
func temporary(dir string, mode fs.FileMode) *os.File {
	f := must(os.OpenFile(filepath.Join(dir, "temporary"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode))
	must(f.WriteString("new"))
	return f
}

// wantFiles looks for exactly the files, by name and content.
func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries := must(os.ReadDir(dir))
	for _, entry := range entries {
		if got := string(must(os.ReadFile(filepath.Join(dir, entry.Name())))); got != want[entry.Name()] {
			t.Errorf("%s holds %q, want %q", entry.Name(), got, want[entry.Name()])
		}
	}
	if len(entries) != len(want) {
		t.Errorf("there are %v, want %v", entries, want)
	}
}

type placing func(*os.File, string, error) error

func TestPlace(t *testing.T) {
	failed, old := errors.New("disk full"), map[string]string{"name": "old"}
	for name, c := range map[string]struct {
		place     placing
		before    map[string]string
		written   error
		want      error
		wantFiles map[string]string
	}{
		"replace nothing":              {Replace, nil, nil, nil, map[string]string{"name": "new"}},
		"replace":                      {Replace, old, nil, nil, map[string]string{"name": "new"}},
		"replace, not written":         {Replace, old, failed, failed, old},
		"create":                       {create, nil, nil, nil, map[string]string{"name": "new"}},
		"create what is there":         {create, old, nil, fs.ErrExist, old},
		"create, not written":          {create, nil, failed, failed, nil},
		"create, both":                 {create, old, failed, failed, old},
		"replace nothing, not written": {Replace, nil, failed, failed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.before {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f := temporary(dir, 0o600)
			if err := c.place(f, filepath.Join(dir, "name"), c.written); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("the temporary file was left open: %v", err)
			}
			wantFiles(t, dir, c.wantFiles)
		})
	}
}

// TestPlaceFails: what cannot be synced gets no name, and where no file can be none is left.
func TestPlaceFails(t *testing.T) {
	for _, place := range []placing{Replace, create} {
		dir := t.TempDir()
		f := temporary(dir, 0o600)
		_ = f.Close()
		if err := place(f, filepath.Join(dir, "name"), nil); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a closed file: %v", err)
		}
		wantFiles(t, dir, nil)
		for _, name := range []string{dir, filepath.Join(dir, "none", "name")} {
			if err := place(temporary(dir, 0o600), name, nil); err == nil {
				t.Errorf("%s was written", name)
			}
			wantFiles(t, dir, nil)
		}
	}
}

func TestModes(t *testing.T) {
	for _, place := range []placing{Replace, create} {
		for _, mode := range []fs.FileMode{0o600, 0o640, 0o400} {
			dir := t.TempDir()
			f := temporary(dir, mode)
			want := must(f.Stat()).Mode()
			if err := place(f, filepath.Join(dir, "name"), nil); err != nil {
				t.Fatal(err)
			}
			if got := must(os.Stat(filepath.Join(dir, "name"))).Mode(); got != want {
				t.Errorf("the mode is %v, want %v", got, want)
			}
		}
	}
}

// TestWriteFile replaces a file, also beside what a killed process left of it, and leaves the old one where it cannot.
func TestWriteFile(t *testing.T) {
	for name, before := range map[string]map[string]string{
		"none": nil, "old": {"name": "old"}, "old and a temporary one": {"name": "old", "name.tmp": "half of another"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range before {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, "name")
			if err := WriteFile(file, []byte("new"), 0o600); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, dir, map[string]string{"name": "new"})
			if got := must(os.Stat(file)).Mode(); got != 0o600 {
				t.Errorf("the mode is %v", got)
			}
		})
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "none", "name"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestTry takes locks of one file, or folder, through two open files.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lock")
	_ = must(os.Create(file)).Close()
	for _, path := range []string{file, dir} {
		for _, c := range []struct {
			first, second func(*os.File) error
			want          error
		}{
			{TryLock, TryLock, ErrLocked},
			{Lock, TryLock, ErrLocked},
			{Lock, TryShare, ErrLocked},
			{TryLock, TryShare, ErrLocked},
			{TryShare, TryLock, ErrLocked},
			{TryShare, TryShare, nil},
		} {
			a, b := must(os.Open(path)), must(os.Open(path))
			if err := c.first(a); err != nil {
				t.Error(err)
			}
			if err := c.second(b); !errors.Is(err, c.want) {
				t.Errorf("beside another: %v, want %v", err, c.want)
			}
			_ = a.Close()
			if err := TryLock(b); err != nil {
				t.Errorf("released: %v", err)
			}
			_ = b.Close()
			if err := TryLock(a); err == nil {
				t.Error("a closed file was locked")
			}
		}
	}
}

// TestLockWaits: many that wait for a lock have it one after the other.
func TestLockWaits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	first := must(os.Create(file))
	if err := Lock(first); err != nil {
		t.Fatal(err)
	}
	const many = 20
	var all, come sync.WaitGroup
	var holders atomic.Int32
	come.Add(many)
	for range many {
		all.Go(func() {
			f := must(os.Open(file))
			come.Done()
			if err := Lock(f); err != nil {
				t.Error(err)
			}
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			holders.Add(-1)
			_ = f.Close()
		})
	}
	come.Wait()
	_ = first.Close()
	all.Wait()
}

const held = "TOLLGATE_TEST_LOCK" // names the file that the process of TestLockOfKilled locks

// TestLockOfKilled: a process that is killed has no lock any more.
func TestLockOfKilled(t *testing.T) {
	if file := os.Getenv(held); file != "" {
		f := must(os.Open(file))
		must(os.Stdout.WriteString(must("locked\n", Lock(f))))
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
		_ = f.Close()
		return
	}
	file := filepath.Join(t.TempDir(), "lock")
	f := must(os.Create(file))
	defer f.Close()
	other := exec.Command(must(os.Executable()), "-test.run=^TestLockOfKilled$")
	other.Env = append(os.Environ(), held+"="+file)
	out := must(other.StdoutPipe())
	_ = must(other.StdinPipe())
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Errorf("the process says %q, %v", line, err)
	}
	if err := TryLock(f); !errors.Is(err, ErrLocked) {
		t.Errorf("while it runs: %v", err)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	if err := TryLock(f); err != nil {
		t.Errorf("after it was killed: %v", err)
	}
}
