package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tollgate/config/strictyaml"
)

// mainText is a configuration without callers, which includes something.
const mainText = `listeners: [{name: l, address: 127.0.0.1:8080, upstreams: [bss]}]
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {acme: {class: customer, access_key: {env: AK}, secret_key: {env: SK}}}
audit: {dir: audit}
`

// callerText is a caller with a key whose secret is in a file.
func callerText(name, secret string) string {
	return fmt.Sprintf("  %s:\n    auth: [{access_key: {id: TG-%s, secret: {file: %s}}}]\n    grants: [{operations: [PayOrders], credential: acme}]\n", name, name, secret)
}

// writeTree writes files, by their paths in a new folder.
func writeTree(tb testing.TB, files map[string]string) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func loadTree(tb testing.TB, dir string) (*Config, error) {
	tb.Helper()
	return Load(filepath.Join(dir, "main.yaml"), testOptions())
}

// TestInclude: callers come from the directory's *.yaml in the order of their names, from a file, and from the main file; paths in all of
// them are relative to the main one.
func TestInclude(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"main.yaml":                mainText + "include: [callers.d, more/one.txt]\ncallers:\n" + callerText("zero", "zero.txt"),
		"callers.d/b.yaml":         "callers:\n" + callerText("bee", "callers.d/bee.secret"),
		"callers.d/a.yaml":         "callers:\n" + callerText("yak", "yak.txt") + "  bee: {extends: true, auth: [{certificate: {dns: bee.corp.example}}]}\n",
		"callers.d/.hidden.yaml":   "not: read",
		"callers.d/..data/x.yaml":  "not: read",
		"callers.d/below.yaml/x":   "not: read",
		"callers.d/old.yaml.bak":   "not: read",
		"callers.d/mistyped.yml":   "not: read",
		"callers.d/bee.secret":     "s3cr3t-0f-the-bee-1",
		"more/one.txt":             "callers:\n" + callerText("one", "one.txt"),
		"zero.txt":                 "s3cr3t-number-zero-1",
		"yak.txt":                  "s3cr3t-0f-the-yak-1",
		"one.txt":                  "s3cr3t-number-one-1",
		"empty.d/.keep":            "",
		"callers.d/sub/below.yaml": "not: read",
	})
	c, err := loadTree(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, known := range c.Callers {
		names = append(names, fmt.Sprintf("%s/%d", known.Name, len(known.Auth)))
	}
	if want := []string{"bee/2", "one/1", "yak/1", "zero/1"}; !slices.Equal(names, want) {
		t.Errorf("callers are %v, want %v", names, want)
	}
	var files []string
	for _, file := range c.Files {
		files = append(files, strings.TrimPrefix(file, dir+"/"))
	}
	if want := []string{"main.yaml", "callers.d/a.yaml", "callers.d/b.yaml", "more/one.txt"}; !slices.Equal(files, want) {
		t.Errorf("files are %v, want %v", files, want)
	}
	if want := []string{filepath.Join(dir, "callers.d")}; !slices.Equal(c.Dirs, want) {
		t.Errorf("directories are %v, want %v", c.Dirs, want)
	}
	if notes := strings.Join(c.Notes(), "\n"); !strings.Contains(notes, "mistyped.yml is not read") {
		t.Errorf("notes: %s", notes)
	}
	if place := c.GrantPlace(0); place != filepath.Join(dir, "callers.d/b.yaml")+": callers.bee.grants[0]" {
		t.Errorf("the first grant is at %s", place)
	}
}

// TestIncludeMounted: a directory as the kubelet mounts a ConfigMap.
func TestIncludeMounted(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"main.yaml": mainText + "include: [callers.d]\n", "callers.d/..2026_11_29/app.yaml": "callers:\n" + callerText("app", "app.txt"), "app.txt": appSecret,
	})
	for link, to := range map[string]string{"..data": "..2026_11_29", "app.yaml": "..data/app.yaml"} {
		if err := os.Symlink(to, filepath.Join(dir, "callers.d", link)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := loadTree(t, dir)
	if err != nil || len(c.Callers) != 1 || len(c.Files) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// TestIncludePipe: nothing waits for the writer of a pipe.
func TestIncludePipe(t *testing.T) {
	dir := writeTree(t, map[string]string{"main.yaml": mainText + "include: [d]\n", "d/.keep": ""})
	if err := syscall.Mkfifo(filepath.Join(dir, "d", "x.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadTree(t, dir); err == nil || !strings.Contains(err.Error(), "x.yaml: not a regular file") {
		t.Errorf("got %v", err)
	}
}

// TestIncludeNothing: an empty directory is as good as no callers.
func TestIncludeNothing(t *testing.T) {
	dir := writeTree(t, map[string]string{"main.yaml": mainText + "include: [callers.d]\n", "callers.d/.keep": ""})
	c, err := loadTree(t, dir)
	if err != nil || len(c.Callers) != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// TestBadIncludes: each problem is reported in the file that has it, with its line.
func TestBadIncludes(t *testing.T) {
	app := "callers:\n" + callerText("app", "app.txt")
	for name, c := range map[string]struct {
		entries string // of include
		files   map[string]string
		want    []string
	}{
		"no directory":     {"[none.d]", nil, []string{"main.yaml:5:11: ", "none.d: no such file or directory", "    5 | include: [none.d]\n"}},
		"dangling link":    {"[dangling.d]", nil, []string{"main.yaml:5:11: ", "dangling.d/x.yaml: no such file"}},
		"a file twice":     {"[a.yaml, a.yaml]", map[string]string{"a.yaml": app}, []string{"main.yaml:5:19: ", "is included twice"}},
		"empty file":       {"[a.yaml]", map[string]string{"a.yaml": "# nothing\n"}, []string{"a.yaml: the file is empty"}},
		"no YAML":          {"[d]", map[string]string{"d/a.yaml": "callers: [\n"}, []string{"d/a.yaml:1:10: this is not YAML"}},
		"no mapping":       {"[d]", map[string]string{"d/a.yaml": "- a\n"}, []string{"d/a.yaml:1:1: want \"key: value\" lines, beginning with one such as \"callers:\""}},
		"no callers":       {"[d]", map[string]string{"d/a.yaml": "listeners: []\n"}, []string{"d/a.yaml:1:1: unknown key \"listeners\"", "callers is missing", "known: callers"}},
		"another key":      {"[d]", map[string]string{"d/a.yaml": app + "limits: {max_wait: 1s}\n"}, []string{"d/a.yaml:5:1: unknown key \"limits\"", "    5 | limits: {max_wait: 1s}"}},
		"include in it":    {"[d]", map[string]string{"d/a.yaml": app + "include: [d]\n"}, []string{"d/a.yaml:5:1: unknown key \"include\""}},
		"inline secret":    {"[d]", map[string]string{"d/a.yaml": "callers:\n  a:\n    auth: [{access_key: {id: X, secret: hunter2hunter2hunter2}}]\n"}, []string{"d/a.yaml:3:33: secrets are given by reference"}},
		"foreign secret":   {"[d]", map[string]string{"d/a.yaml": app + "credentials: {main: {secret_key: hunter2}}\n"}, []string{"d/a.yaml:5:1: unknown key"}},
		"unknown name":     {"[d]", map[string]string{"d/a.yaml": "callers:\n  a: {grants: [{operations: [PayOrders], credential: acne}]}\n"}, []string{"d/a.yaml:2:54: there is no credential \"acne\"", "did you mean \"acme\"?"}},
		"unread secret":    {"[d]", map[string]string{"d/a.yaml": "callers:\n" + callerText("app", "none.txt")}, []string{"d/a.yaml:3:38: secret: file none.txt: no such file"}},
		"a name twice":     {"[d]", map[string]string{"d/a.yaml": app, "d/b.yaml": "# mine\ncallers: {app: {}}\n"}, []string{"d/b.yaml:2:11: caller \"app\" is defined twice", "the first is at d/a.yaml:2;"}},
		"main's, twice":    {"[d]\n" + app, map[string]string{"d/b.yaml": "callers: {app: {}}\n"}, []string{"d/b.yaml:1:11: caller \"app\" is defined twice", "the first is at main.yaml:7;"}},
		"a key twice":      {"[d]", map[string]string{"d/a.yaml": app, "d/b.yaml": strings.ReplaceAll(app, "  app:", "  other:")}, []string{"d/b.yaml:3:12: access key \"TG-app\" already belongs to d/a.yaml: callers.app.auth[0]", "d/b.yaml:3:38: secret is the same as that of d/a.yaml: callers.app.auth[0].access_key.secret"}},
		"extends no one":   {"[d]", map[string]string{"d/a.yaml": app + "  ape: {extends: true, auth: [{certificate: {dns: a.b}}]}\n"}, []string{"d/a.yaml:5:3: there is no caller \"ape\" to extend", "did you mean \"app\"?"}},
		"extends, grants":  {"[d]", map[string]string{"d/a.yaml": app, "d/b.yaml": "callers: {app: {extends: true, grants: [{operations: [PayOrders], credential: acme}]}}\n"}, []string{"d/b.yaml:1:40: an entry that extends a caller grants nothing", "at d/a.yaml:2"}},
		"extends, nothing": {"[d]", map[string]string{"d/a.yaml": app, "d/b.yaml": "callers: {app: {extends: true}}\n"}, []string{"d/b.yaml:1:16: the entry extends the caller by nothing"}},
		"extends, bad key": {"[d]", map[string]string{"d/a.yaml": app, "d/b.yaml": "callers: {app: {extends: true, auth: [{access_key: {id: TG-app, secret: {file: app.txt}}}]}}\n"}, []string{"d/b.yaml:1:39: access key \"TG-app\" already belongs to d/a.yaml: callers.app.auth[0]"}},
		"control in it":    {"[d]", map[string]string{"d/a.yaml": app + "x: \x1b[1m\n"}, []string{"d/a.yaml:5:1: unknown key \"x\""}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeTree(t, map[string]string{"main.yaml": mainText + "include: " + c.entries + "\n", "app.txt": appSecret, "dangling.d/.keep": ""})
			for file, text := range c.files {
				path := filepath.Join(dir, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.d", "x.yaml")); err != nil {
				t.Fatal(err)
			}
			_, err := loadTree(t, dir)
			if _, ok := errors.AsType[*strictyaml.Errors](err); !ok {
				t.Fatalf("got %v", err)
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got:\n%s\nwant %q", got, want)
				}
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, appSecret) || strings.Contains(got, "\x1b") {
				t.Errorf("shows what it must not: %q", got)
			}
		})
	}
}

// TestIncludeBounds: what is included is bounded together.
func TestIncludeBounds(t *testing.T) {
	files := map[string]string{"main.yaml": mainText + "include: [d]\n"}
	text := "callers: {}\n#" + strings.Repeat("x", 3<<20) // right, so that nothing of it is quoted: looking for secrets in 64 MiB takes a minute
	for i := range maxIncludedSize/(3<<20) + 1 {
		files[fmt.Sprintf("d/%02d.yaml", i)] = text
	}
	if _, err := loadTree(t, writeTree(t, files)); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB together") {
		t.Errorf("got %.300v", err)
	}
}

// FuzzInclude: an included text is read as its callers are in the main file, and whatever else it has is a problem of that file.
func FuzzInclude(f *testing.F) {
	for _, text := range []string{
		"callers:\n" + callerText("app", "app.txt"), "callers: {}\n", "", "callers:\n  a: {extends: true}\n", "limits: {}\ncallers: {a: {}}\n", "callers: {a: {}, a: {}}\n", "a: [\n",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	file := filepath.Join(dir, "more.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{LookupEnv: noEnv}
		got, err := Parse("main.yaml", []byte(mainText+"include: [more.yaml]\n"), dir, o)
		whole, direct := Parse("main.yaml", []byte(mainText+text), dir, o)
		problems, _ := errors.AsType[*strictyaml.Errors](err)
		switch {
		case err != nil && (problems == nil || len(problems.Problems) == 0):
			t.Fatalf("error %v lists no problems", err)
		case err == nil && direct == nil && !reflect.DeepEqual(got.Callers, whole.Callers):
			t.Errorf("included: %+v\nin the main file: %+v", got.Callers, whole.Callers)
		case err == nil && len(got.Files) != 2:
			t.Errorf("files: %v", got.Files)
		}
	})
}
