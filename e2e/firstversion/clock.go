package firstversion

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ClockVariable names the environment variable that sets the clock of the audit log of a binary of [WithClock], as a duration: -480h is 20
// days ago.
const ClockVariable = "TOLLGATE_TEST_CLOCK"

// change is a source file that a build changes: texts, each of which is in it once, and those in their place.
type change struct {
	file  string
	pairs [][2]string
}

// WithClock returns a binary of the first version in which the clock of the audit log is set by [ClockVariable], and which prunes each second:
// for logs of several weeks.
func WithClock(t testing.TB) string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "tollgate")
	if err := buildWithClock(root, dir, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Source writes a file of the first version's sources to a path.
func Source(name, to string) error {
	root, err := repository()
	if err != nil {
		return err
	}
	text, err := exec.Command("git", "-C", root, "show", Commit+":"+name).Output()
	if err != nil {
		return fmt.Errorf("reading %s of the first version: %w", name, err)
	}
	return os.WriteFile(to, text, 0o600)
}

func buildWithClock(root, dir, name string) error {
	source := filepath.Join(dir, "source")
	if err := errors.Join(os.Mkdir(source, 0o700), checkOut(root, source)); err != nil {
		return err
	}
	overlay, err := overlayOf(dir, []change{
		{filepath.Join(source, "audit/config.go"), [][2]string{{"\t\"path/filepath\"\n", "\t\"os\"\n\t\"path/filepath\"\n"}, {"o.Now = time.Now\n", clockSetting}}},
		{filepath.Join(source, "service/log.go"), [][2]string{{"pruneFirst, pruneEvery = 5 * time.Minute, time.Hour", "pruneFirst, pruneEvery = time.Second, time.Second"}}},
	})
	if err != nil {
		return err
	}
	return build(source, name, "-overlay", overlay)
}

// clockSetting is Go source that sets the clock of [audit.Options].
const clockSetting = `d, err := time.ParseDuration(os.Getenv("` + ClockVariable + `"))
		if err != nil {
			return err
		}
		o.Now = func() time.Time { return time.Now().Add(d) }
`

// overlayOf writes changed files, and the overlay for them, into dir.
func overlayOf(dir string, changes []change) (string, error) {
	replace := map[string]string{}
	for i, c := range changes {
		text, err := c.apply()
		if err != nil {
			return "", err
		}
		replace[c.file] = filepath.Join(dir, fmt.Sprintf("changed%d.go", i))
		if err := os.WriteFile(replace[c.file], text, 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}

func (c *change) apply() ([]byte, error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return nil, err
	}
	for _, pair := range c.pairs {
		if bytes.Count(text, []byte(pair[0])) != 1 {
			return nil, fmt.Errorf("%s does not have %q once", c.file, pair[0])
		}
		text = bytes.Replace(text, []byte(pair[0]), []byte(pair[1]), 1)
	}
	return text, nil
}
