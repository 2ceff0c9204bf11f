package confine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// world is a folder with files, and links as Kubernetes and certbot make them.
func world(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for _, folder := range []string{"tls/..2026_1", "tls/..2026_2", "live", "archive", "log", "empty", "callers.d"} {
		must(t, os.MkdirAll(filepath.Join(root, folder), 0o700))
	}
	for _, file := range []string{"tls/..2026_1/tls.key", "tls/..2026_2/tls.key", "archive/privkey1.pem", "config.yaml", "callers.d/a.yaml"} {
		must(t, os.WriteFile(filepath.Join(root, file), nil, 0o600))
	}
	for link, to := range map[string]string{
		"tls/..data": "..2026_1", "tls/tls.key": "..data/tls.key", "live/privkey.pem": "../archive/privkey1.pem", "callers.d/out.yaml": "/etc/shadow",
	} {
		must(t, os.Symlink(to, filepath.Join(root, link)))
	}
	return root
}

func TestFolders(t *testing.T) {
	root := world(t)
	for _, test := range []struct {
		name        string
		needs       []Need
		read, write []string
	}{
		{"a file stands for its folder", []Need{{Path: "live/../empty/later.pem"}}, []string{"empty"}, nil},
		{"links of a volume stay in it", []Need{{Path: "tls/tls.key"}}, []string{"tls"}, nil},
		{"a link to elsewhere", []Need{{Path: "live/privkey.pem"}}, []string{"archive", "live"}, nil},
		{"a folder is itself", []Need{{Path: "callers.d"}}, []string{"callers.d"}, nil},
		{"writing includes reading", []Need{{Path: "log", Write: true}, {Path: "log/index.sqlite"}, {Path: "log/deeper/x", Write: true}}, nil, []string{"log"}},
		{"reading above does not include writing", []Need{{Path: "config.yaml"}, {Path: "log", Write: true}, {Path: "tls/tls.key"}}, []string{"."}, []string{"log"}},
		{"a folder to be made", []Need{{Path: "made/of/several", Write: true, Folder: true, Make: true}}, nil, []string{"made/of/several"}},
		{"one that cannot be made", []Need{{Path: "config.yaml/below", Write: true, Folder: true, Make: true}}, nil, nil},
		{"what is not there has no rule", []Need{{Path: "nowhere/a"}}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.needs {
				test.needs[i].Path = filepath.Join(root, test.needs[i].Path)
			}
			s, err := NewSet(test.needs)
			must(t, err)
			read, write := s.Folders()
			if !slices.Equal(read, in(root, test.read)) || !slices.Equal(write, in(root, test.write)) {
				t.Errorf("read %q, write %q", read, write)
			}
		})
	}
}

func in(root string, names []string) (paths []string) {
	for _, name := range names {
		paths = append(paths, filepath.Join(root, name))
	}
	return paths
}

// TestMissing: of a folder that is missing the one above is not allowed in its place.
func TestMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "later")
	if _, err := NewSet([]Need{{Path: missing, Key: "hardening.paths[0]", Folder: true}}); err == nil || !strings.Contains(err.Error(), "hardening.paths[0]: there is no "+missing) {
		t.Errorf("error %v", err)
	}
}

// TestEverything: a file at the top of all would allow all.
func TestEverything(t *testing.T) {
	_, err := NewSet([]Need{{Path: "/tollgate.yaml", Key: "the configuration file"}})
	if err == nil || !strings.Contains(err.Error(), "/tollgate.yaml (the configuration file)") {
		t.Errorf("error %v", err)
	}
}

func TestAllows(t *testing.T) {
	root := world(t)
	s, err := NewSet([]Need{{Path: filepath.Join(root, "tls/tls.key")}, {Path: filepath.Join(root, "callers.d")}, {Path: filepath.Join(root, "log"), Write: true}})
	must(t, err)
	s.AddSystem()
	for _, test := range []struct {
		path        string
		read, write bool
	}{
		{"tls/tls.key", true, false}, {"tls/other.key", true, false}, {"tls", true, false}, {"log/x", true, true}, {"log/new/deeper/x", true, true},
		{"callers.d/a.yaml", true, false}, {"callers.d/out.yaml", false, false}, {"live/privkey.pem", false, false}, {"config.yaml", false, false}, {".", false, false},
	} {
		path := filepath.Join(root, test.path)
		if read, write := s.Allows(path, false), s.Allows(path, true); read != test.read || write != test.write {
			t.Errorf("%s: reading %v, writing %v", test.path, read, write)
		}
	}
	must(t, os.Symlink("..2026_2", filepath.Join(root, "tls/new")))
	must(t, os.Rename(filepath.Join(root, "tls/new"), filepath.Join(root, "tls/..data"))) // as the kubelet does
	if !s.Allows(filepath.Join(root, "tls/tls.key"), false) {
		t.Error("the next version of a volume is not allowed")
	}
	for _, path := range []string{"/etc/shadow", "/etc", "/", "/root/.ssh/id", "/proc/1/environ"} {
		if s.Allows(path, false) {
			t.Errorf("%s is allowed", path)
		}
	}
}
