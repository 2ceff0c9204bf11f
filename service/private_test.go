package service

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/config"
	"tollgate/internal/private"
)

// loose makes a file with a mode.
func loose(t *testing.T, name string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, mode)
	return path
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestPrivateFilesAreWatched: what is said is true now, in the log once for each state, in readiness as long as it lasts.
func TestPrivateFilesAreWatched(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	sk, later := loose(t, "sk", 0o644), loose(t, "later", 0o400)
	p := newPrivateFiles([]config.PrivateFile{{Path: sk, Key: "credentials.a.secret_key"}, {Path: later, Key: "b"}, {Path: "/none", Key: "c"}}, zap.New(core))
	expect := func(step string, said int, want ...string) {
		t.Helper()
		for range 3 { // the loop, and requests for readiness
			got := p.exposed()
			if len(got) != len(want) || !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("%s: %q, want %q", step, got, want)
			}
		}
		if all := logs.TakeAll(); len(all) != said {
			t.Errorf("%s: logged %v, want %d lines", step, all, said)
		}
	}
	expect("at start", 1, "credentials.a.secret_key: "+sk+" has mode 0644: every user may read it;")
	chmod(t, sk, 0o666)
	expect("worse", 1, "credentials.a.secret_key: "+sk+" has mode 0666: every user may read and change it;")
	chmod(t, later, 0o404)
	expect("another", 1, "credentials.a.secret_key: ", "b: "+later+" has mode 0404: every user may read it;")
	chmod(t, sk, 0o600)
	chmod(t, later, 0o440)
	expect("corrected", 0)
	chmod(t, sk, 0o666)
	expect("again", 1, "credentials.a.secret_key: ")
	if err := os.Remove(sk); err != nil {
		t.Fatal(err)
	}
	expect("removed", 0)
}

// TestFoundFiles: what was tightened is logged; what could not be is looked at from then on.
func TestFoundFiles(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	p := newPrivateFiles(nil, zap.New(core))
	p.found(private.Finding{Path: "/a", Mode: 0o660, Now: 0o600})
	all := logs.TakeAll()
	if len(all) != 1 || all[0].ContextMap()["file"] != "/a" || all[0].ContextMap()["mode_found"] != "0660" || all[0].ContextMap()["mode"] != "0600" {
		t.Errorf("logged %v", all)
	}
	stays := loose(t, "stays", 0o604)
	for range 2 {
		p.found(private.Finding{Path: stays, Mode: 0o604, Now: 0o604})
	}
	if got := p.exposed(); len(got) != 1 || !strings.HasPrefix(got[0], stays+" has mode 0604: every user may read it;") || logs.Len() != 1 {
		t.Errorf("%q, logged %v", got, logs.All())
	}
}
