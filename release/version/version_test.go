package version

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

const (
	released   = "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-11-30\n\nThe first.\n"
	unreleased = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 - 2026-11-30\n\nThe first.\n"
)

// tree is a repository of one commit.
func tree(t *testing.T, changelog string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, changelog)
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "one"}} {
		run(t, dir, args...)
	}
	return dir
}

func write(t *testing.T, dir, changelog string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-12-24T18:00:00+0800")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func of(t *testing.T, dir string) Version {
	t.Helper()
	v, err := Of(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOf: each kind of tree has its version, and dirty ones say so.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		changelog   string
		tags        []string
		name, dirty string
	}{
		{unreleased, nil, `0\.2\.0-dev\.20261224100000\+[0-9a-f]{12}`, `0\.2\.0-dev\.20261224100000\+[0-9a-f]{12}\.dirty`},
		{released, nil, `0\.1\.0\+[0-9a-f]{12}`, `0\.1\.0\+[0-9a-f]{12}\.dirty`},
		{released, []string{"v0.1.0"}, `0\.1\.0`, `0\.1\.0\+dirty`},
		{released, []string{"v0.9.0", "v0.10.0", "v0.10.0-rc.1", "vain", "v1", "2.0.0"}, `0\.10\.0`, `0\.10\.0\+dirty`},
		{unreleased, []string{"vain"}, `0\.2\.0-dev\..*`, `0\.2\.0-dev\..*\.dirty`},
	} {
		dir := tree(t, c.changelog)
		for _, tag := range c.tags {
			run(t, dir, "tag", tag)
		}
		v := of(t, dir)
		match(t, v.Name, c.name)
		if len(v.Commit) != 40 || v.Dirty || v.Newest != "0.1.0" || v.Time.Format(timeForm) != "20261224100000" {
			t.Errorf("%+v", v)
		}
		if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if v := of(t, dir); !v.Dirty {
			t.Errorf("with a new file: %+v", v)
		} else {
			match(t, v.Name, c.dirty)
		}
	}
}

func match(t *testing.T, name, want string) {
	t.Helper()
	if !regexp.MustCompile("^" + want + "$").MatchString(name) {
		t.Errorf("version %q, want %s", name, want)
	}
	if !semver.IsValid("v" + name) {
		t.Errorf("%q is no version", name)
	}
}

// TestOrder: what follows a release is after it and before the next, and later commits are after earlier ones.
func TestOrder(t *testing.T) {
	dir := tree(t, unreleased)
	first := of(t, dir).Name
	write(t, dir, unreleased+"\n")
	run(t, dir, "commit", "-q", "-a", "-m", "two", "--date=2026-12-25T00:00:00Z")
	cmd := exec.Command("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", dir, "commit", "-q", "--amend", "--no-edit")
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-12-25T00:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	names := []string{"0.1.0", "0.1.9", first, of(t, dir).Name, "0.2.0-rc.1", "0.2.0"}
	for i := range names[1:] {
		if semver.Compare("v"+names[i], "v"+names[i+1]) >= 0 {
			t.Errorf("%s is not before %s", names[i], names[i+1])
		}
	}
}

// TestWithoutHistory: a tree that was unpacked has the changelog's version and date, also inside another repository.
func TestWithoutHistory(t *testing.T) {
	outer := tree(t, released)
	dir := filepath.Join(outer, "inner")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for changelog, want := range map[string]string{released: "0.1.0", unreleased: "0.2.0-dev"} {
		write(t, dir, changelog)
		if v := of(t, dir); v.Name != want || v.Commit != "" || v.Time.Format(timeForm) != "20261130000000" {
			t.Errorf("%+v, want %s", v, want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	if _, err := Of(t.TempDir()); err == nil {
		t.Error("a folder without a changelog has a version")
	}
	for _, text := range []string{"", "## Unreleased\n", "## 0.1 - 2026-11-30\n", "## 0.1.0 - 2026-13-30\n"} {
		if c, err := parseChangelog(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
}

// TestBrokenHistory: a repository that git cannot read is no tree without history.
func TestBrokenHistory(t *testing.T) {
	dir := tree(t, released)
	if err := os.Remove(filepath.Join(dir, ".git", "HEAD")); err != nil {
		t.Fatal(err)
	}
	if v, err := Of(dir); err == nil || !strings.Contains(err.Error(), "git rev-parse") {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestForms(t *testing.T) {
	v := Version{Name: "0.1.0+82316d52dabd", Commit: "82316d52"}
	if got := v.LinkerFlags(); got != "-s -w -X main.version=0.1.0+82316d52dabd -X main.commit=82316d52" {
		t.Error(got)
	}
	if got := v.ImageTag(); got != "0.1.0_82316d52dabd" {
		t.Error(got)
	}
}

// TestFiles are those of the version, and not what is ignored; of a tree without history all.
func TestFiles(t *testing.T) {
	dir := tree(t, released)
	for name, text := range map[string]string{".gitignore": "secret\n", "secret": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Files(dir)
	if err != nil || !files["CHANGELOG.md"] || files["secret"] || files[".gitignore"] {
		t.Errorf("%v, %v", files, err)
	}
	if files, err := Files(t.TempDir()); err != nil || files != nil {
		t.Errorf("without history: %v, %v", files, err)
	}
}
