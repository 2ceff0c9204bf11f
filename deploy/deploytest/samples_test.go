package deploytest

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

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
