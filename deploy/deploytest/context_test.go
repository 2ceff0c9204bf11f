package deploytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignored returns what .dockerignore keeps out of the context of a build.
func ignored(t *testing.T) *patternmatcher.PatternMatcher {
	t.Helper()
	patterns, err := ignorefile.ReadAll(bytes.NewReader(readFile(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return matcher
}

// buildContext returns the files of the repository that are in the context of a build, by their names from its top, with their sizes.
func buildContext(t *testing.T) map[string]int64 {
	t.Helper()
	matcher, files := ignored(t), map[string]int64{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		out, err := matcher.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && out: // the lines with ! stand before those of folders
			return fs.SkipDir
		case entry.IsDir() || out:
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			files[name] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// needed returns the files that a build of the program reads, by their names from the top of the repository.
func needed(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,ImportPath,Module,GoFiles,EmbedFiles,SFiles,CFiles,HFiles", "./cmd/proxy")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"go.mod", "go.sum"}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir                                         string
			Module                                      *struct{ Main bool }
			GoFiles, EmbedFiles, SFiles, CFiles, HFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, file := range slices.Concat(p.GoFiles, p.EmbedFiles, p.SFiles, p.CFiles, p.HFiles) {
			name, err := filepath.Rel(top, filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
}

// largest is how large a file of the context may be, in bytes.
const largest = 1 << 20

// TestContext: the context of a build has every file that the build reads, and besides only Go files, none of them of tests.
func TestContext(t *testing.T) {
	files, reads := buildContext(t), needed(t)
	if len(reads) < 300 {
		t.Fatalf("the build reads %d files only", len(reads))
	}
	for _, name := range reads {
		if _, there := files[name]; !there {
			t.Errorf(".dockerignore keeps %s out, which the build needs", name)
		}
	}
	for name, size := range files {
		if size > largest {
			t.Errorf("%s has %d bytes, and is in the context", name, size)
		}
		if filepath.Ext(name) != ".go" && !slices.Contains(reads, name) {
			t.Errorf("%s is in the context, and the build does not need it", name)
		}
	}
}

// TestContextWithoutSecrets: what people have in a working copy does not get into the context.
func TestContextWithoutSecrets(t *testing.T) {
	matcher := ignored(t)
	for _, name := range []string{
		".git/config", ".env", "prod.env", "tollgate.yaml", "central.yaml", "first/tollgate.yaml", "first/secrets/partner.json", "first/secrets/app.sk", "partner.json",
		"first/callers.d/shop-TGVK5YAR4WFJPOPJMKKV.secret", "shop-TGVK5YAR4WFJPOPJMKKV.secret", "first/callers.d/shop-TGVK5YAR4WFJPOPJMKKV.yaml", "clients.p12", "clients.pfx",
		"first/audit/signing.key", "first/audit/00000001.jsonl", "first/audit/spend.state", "first/audit/signing.key.new", "tls.key", "ca.pem", "certs/clients.pem", "users.acl", "deploy/compose/secrets/token",
		"bin/tollgate", "build/screenshots/a.png", "dist/tollgate-linux-amd64", "e2e/node/node_modules/a/index.js", "e2e/testdata/a", "config/testdata/full.good.yml",
		"cmd/proxy/run_test.go", "first/admin.sock", "tollgate.tar", "tollgate", "index.sqlite-wal", "docs/config.md",
	} {
		if out, err := matcher.MatchesOrParentMatches(name); !out || err != nil {
			t.Errorf("%s is in the context (%v)", name, err)
		}
	}
}
