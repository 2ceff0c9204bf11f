// Package firstversion builds the first released version of Tollgate from the repository's history, for tests of upgrades and
// rollbacks as processes.
package firstversion

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/internal/durable"
)

// The first version: CHANGELOG.md names its commit.
const (
	Commit  = "82316d52dabdd73d5b3db731aa21563f6ae23969"
	Version = "0.1.0"
)

// variable names a binary to use in place of a build, for machines without the history.
const variable = "TOLLGATE_FIRST_BINARY"

// errNoHistory says that no history is at hand, as in an unpacked archive of the sources.
var errNoHistory = errors.New("the sources are no git checkout, so that the first version (" + Commit + ") cannot be built; " +
	variable + " may name its binary")

// Binary returns the path of the first version's binary. It is built once and kept in the user's cache directory. Without a git
// checkout the test is skipped; a checkout that lacks the commit fails it, with the command that fetches it.
func Binary(t testing.TB) string {
	t.Helper()
	name, err := built()
	if errors.Is(err, errNoHistory) {
		skipped.Add(1)
		t.Skip("SKIPPED, NOTHING IS TESTED HERE: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var skipped atomic.Int64

// Skipped returns how many tests of this process were skipped for want of the history.
func Skipped() int64 { return skipped.Load() }

var built = sync.OnceValues(func() (string, error) {
	name := os.Getenv(variable)
	if name == "" {
		root, err := repository()
		if err != nil {
			return "", err
		}
		if name, err = cached(root); err != nil {
			return "", err
		}
	}
	return name, checkVersion(name)
})

// repository returns the root of the checkout that the running test belongs to: the folder of the product's module, above the test's own,
// which is where tests run. Names of source files would not do: a build with -trimpath has none of this machine.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(text, []byte("module tollgate\n")) {
			return dir, hasCommit(dir, Commit)
		}
	}
	return "", errNoHistory
}

// hasCommit returns an error unless the history of the checkout at root has a commit.
func hasCommit(root, commit string) error {
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil { // a repository around it is another's
		return errNoHistory
	}
	if text, err := exec.Command("git", "-C", root, "cat-file", "-e", commit+"^{commit}").CombinedOutput(); err != nil {
		return fmt.Errorf("the git history at hand lacks the first version, commit %s; `git fetch --unshallow` or "+
			"`git fetch origin %[1]s` fetches it: %w %s", commit, err, bytes.TrimSpace(text))
	}
	return nil
}

// cached returns the binary in the user's cache directory, which it builds first where it is not there. Of several processes one builds.
func cached(root string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "tollgate-tests", Commit+"-"+runtime.GOOS+"-"+runtime.GOARCH+"-"+runtime.Version())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }() // and with it the lock
	if err := durable.Lock(lock); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "tollgate")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	return name, buildFrom(root, name)
}

// buildFrom builds the binary of the commit in the history at root.
func buildFrom(root, name string) error {
	source, err := os.MkdirTemp("", "tollgate-first-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(source) }()
	if err := checkOut(root, source); err != nil {
		return err
	}
	unfinished := name + ".unfinished"
	if err := build(source, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, name)
}

// build builds a folder of sources as `make build` does.
func build(source, name string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w -X main.version=" + Version, "-o", name}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/proxy")...)
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the first version: %w\n%s", err, text)
	}
	return nil
}

// checkOut writes the files of the first version's commit into a folder.
func checkOut(root, to string) error {
	archive, err := exec.Command("git", "-C", root, "archive", "--format=zip", "-0", Commit).Output()
	if err != nil {
		return fmt.Errorf("reading the first version from the history: %w", err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	return os.CopyFS(to, files)
}

func checkVersion(name string) error {
	text, err := exec.Command(name, "version").Output()
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", name, err)
	}
	if got := strings.TrimSpace(string(text)); got != "tollgate "+Version {
		return fmt.Errorf("%s is %q, not the first version %s", name, got, Version)
	}
	return nil
}
