package deploytest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tollgate/config"
)

// load loads a sample, without secrets and files. It has nothing that tollgate check would remark on, its cloud keys can change while the
// gateway runs, and it has what probes need.
func load(t *testing.T, name string, text []byte) *config.Config {
	t.Helper()
	c, err := config.Parse(name, text, "/etc/tollgate", config.Options{LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range c.Notes() {
		t.Errorf("%s: %s", name, note)
	}
	for _, one := range c.Credentials {
		if one.Keys == nil || strings.HasPrefix(one.Keys.File, "/run/credentials/") {
			t.Errorf("%s: the keys of credential %s cannot change whole while the gateway runs", name, one.Name)
		}
	}
	if c.Admin == nil || c.Audit.Dir != "/var/lib/tollgate/audit" {
		t.Errorf("%s: admin %+v, audit %+v", name, c.Admin, c.Audit)
	}
	return c
}

// stopTime returns how long a gateway may take to stop: service.StopTime, whose package would have most of the product compiled once more.
func stopTime(c *config.Config) time.Duration {
	return time.Duration(c.Bounds.Drain) + 2*time.Duration(c.Audit.Deadline) + 7*time.Second
}

// TestSamples loads every configuration of a gateway that is a file below deploy/. Those in ConfigMaps are loaded by TestManifests.
func TestSamples(t *testing.T) {
	loaded := 0
	err := filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if text := readFile(t, name); bytes.Contains(text, []byte("\nlisteners:\n")) && !bytes.Contains(text, []byte("{{")) {
			loaded++
			t.Run(name, func(t *testing.T) { load(t, name, text) })
		}
		return nil
	})
	if err != nil || loaded < 3 {
		t.Errorf("%d configurations in deploy: %v", loaded, err)
	}
}

// yamlBlock is an example in a page; in a list it is indented.
var yamlBlock = regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```$")

// TestPages loads the whole configurations that pages of the manual show: those with listeners, upstreams and an audit log. Others are parts.
func TestPages(t *testing.T) {
	dir, loaded := t.TempDir(), 0
	if err := os.Mkdir(filepath.Join(dir, "callers.d"), 0o700); err != nil { // which an example includes
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(string(readFile(t, page)), -1) {
			text := regexp.MustCompile("(?m)^"+block[1]).ReplaceAllString(block[2], "")
			if !isWhole(text) {
				continue
			}
			loaded++
			if _, err := config.Parse(page, []byte(text), dir, config.Options{}); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if loaded < 3 {
		t.Errorf("the pages show only %d whole configurations", loaded)
	}
}

func isWhole(text string) bool {
	for _, section := range []string{"listeners", "upstreams", "audit"} {
		if !regexp.MustCompile("(?m)^" + section + ":").MatchString(text) {
			return false
		}
	}
	return true
}

// pages returns the names of all pages, from the top of the repository.
func pages(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/tasks/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
	}
	return names
}
