package version

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// history is what git says of a tree; nothing of one that has none.
type history struct {
	commit string
	time   time.Time
	tag    string // without its v
	dirty  bool
}

// readHistory returns nothing where there is no repository in the folder itself, which may be in that of another project, or no git.
func readHistory(root string) (h history, err error) {
	if !hasHistory(root) {
		return history{}, nil
	}
	if h.commit, err = git(root, "rev-parse", "HEAD"); err != nil {
		return history{}, err
	}
	if h.time, err = commitTime(root); err != nil {
		return history{}, err
	}
	tags, err := git(root, "tag", "--points-at", "HEAD", "--list", "v*")
	if err != nil {
		return history{}, err
	}
	h.tag = newest(strings.Fields(tags))
	changes, err := git(root, "status", "--porcelain")
	h.dirty = changes != ""
	return h, err
}

func hasHistory(root string) bool {
	if _, err := os.Stat(filepath.Join(root, ".git")); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := exec.LookPath("git")
	return err == nil
}

// Files returns the names of the files that belong to the version of a tree, with slashes; nil, which stands for all, of one without history.
func Files(root string) (map[string]bool, error) {
	if !hasHistory(root) {
		return nil, nil
	}
	list, err := git(root, "ls-files", "-z")
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for name := range strings.SplitSeq(list, "\x00") {
		files[name] = true
	}
	return files, nil
}

func commitTime(root string) (time.Time, error) {
	text, err := git(root, "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// newest returns the highest of tags, without its v; "" if none is a version.
func newest(tags []string) string {
	tags = slices.DeleteFunc(tags, func(tag string) bool { return !semver.IsValid(tag) || strings.Count(tag, ".") < 2 })
	if len(tags) == 0 {
		return ""
	}
	return strings.TrimPrefix(slices.MaxFunc(tags, semver.Compare), "v")
}

// git trusts the folder, whichever user owns it, as what is built of it is trusted.
func git(root string, args ...string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=" + root, "-C", root}, args...)...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
