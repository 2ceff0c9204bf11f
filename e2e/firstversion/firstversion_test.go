package firstversion

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBinary(t *testing.T) {
	name := Binary(t)
	if again := Binary(t); again != name {
		t.Errorf("%s, and the second time %s", name, again)
	}
	if err := checkVersion(name); err != nil {
		t.Error(err)
	}
}

// TestChangelogNamesIt has the changelog and this package name one commit and one version.
func TestChangelogNamesIt(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+Version+" ")
	section, _, _ = strings.Cut(section, "\n## ")
	if !strings.Contains(section, "commit `"+Commit+"`") {
		t.Errorf("the section of %s does not name commit %s", Version, Commit)
	}
}

// TestHistoryIsMissing: sources without a history are known from a history that lacks the commit, which can be fetched.
func TestHistoryIsMissing(t *testing.T) {
	around, inside := t.TempDir(), ""
	if text, err := exec.Command("git", "init", "-q", around).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := hasCommit(around, Commit); err == nil || errors.Is(err, errNoHistory) || !strings.Contains(err.Error(), "git fetch") {
		t.Errorf("a history without the commit: %v", err)
	}
	inside = filepath.Join(around, "unpacked")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := hasCommit(inside, Commit); !errors.Is(err, errNoHistory) {
		t.Errorf("sources unpacked in another repository: %v", err)
	}
}

func TestOtherVersionIsRefused(t *testing.T) {
	other := filepath.Join(t.TempDir(), "tollgate")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho tollgate v9\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := checkVersion(other); err == nil || !strings.Contains(err.Error(), "v9") {
		t.Error(err)
	}
}

// TestRepository: the checkout is found also by a test that was built with -trimpath, as `make test` builds all.
func TestRepository(t *testing.T) {
	want, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	root, err := repository()
	if root != want || err != nil && !errors.Is(err, errNoHistory) {
		t.Errorf("the repository is %q, want %q; %v", root, want, err)
	}
}
