package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the module, seen from this package.
const root = "../.."

// mapped is a row of CONTRIBUTING's map of packages.
type mapped struct {
	name    string
	imports []string
}

var quoted = regexp.MustCompile("`([^`]+)`")

// packageMap reads the rows of the map: name, what it is, imports.
func packageMap(t *testing.T) (rows []mapped) {
	t.Helper()
	for line := range strings.Lines(read(t, "CONTRIBUTING.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.HasPrefix(line, "| `") {
			continue
		}
		row := mapped{name: strings.Trim(cells[1], " `")}
		for _, match := range quoted.FindAllStringSubmatch(cells[3], -1) {
			row.imports = append(row.imports, match[1])
		}
		rows = append(rows, row)
	}
	return rows
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMapOfPackages holds CONTRIBUTING's map against the packages and what they import, and lets arrows go down only: what a
// package imports stands further down in the map. An arrow that is new is a change of the design.
func TestMapOfPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "tollgate/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	actual := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		var ours []string
		for _, word := range strings.Fields(line) {
			if name, ok := strings.CutPrefix(word, "tollgate/"); ok {
				ours = append(ours, name)
			}
		}
		actual[ours[0]] = ours[1:]
	}
	above := map[string]bool{}
	for _, row := range packageMap(t) {
		imports, known := actual[row.name]
		delete(actual, row.name)
		above[row.name] = true
		if slices.Sort(row.imports); !known || !slices.Equal(row.imports, imports) {
			t.Errorf("%s imports %v; the map says %v", row.name, imports, row.imports)
		}
		for _, name := range imports {
			if above[name] {
				t.Errorf("%s imports %s, which stands above it in the map", row.name, name)
			}
		}
	}
	for name := range actual {
		t.Errorf("%s is not in the map", name)
	}
}

// TestNamedTests: the tests that SECURITY.md names are where it says.
func TestNamedTests(t *testing.T) {
	count := 0
	for _, list := range regexp.MustCompile("(?:`[a-z/]+`, )*`[a-z/]+`: (?:(?:Test|Fuzz)\\w+(?:, )?)+").FindAllString(read(t, "SECURITY.md"), -1) {
		folders, tests, _ := strings.Cut(list, ": ")
		for _, folder := range quoted.FindAllStringSubmatch(folders, -1) {
			text := testsIn(t, folder[1])
			for name := range strings.SplitSeq(strings.TrimSuffix(tests, ", "), ", ") {
				if count++; !strings.Contains(text, "func "+name+"(") {
					t.Errorf("%s has no %s", folder[1], name)
				}
			}
		}
	}
	if count < 50 {
		t.Errorf("SECURITY.md names only %d tests in this way", count)
	}
}

func testsIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range files {
		text.WriteString(read(t, strings.TrimPrefix(name, root+"/")))
	}
	return text.String()
}

// maxPicture bounds a picture of the README, in bytes: each clone of the repository has all of them.
const maxPicture = 200 << 10

// TestPictures holds that the README shows the pictures that are there, and that they are small.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs/screenshots/*"))
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	readme := read(t, "README.md")
	for _, file := range files {
		name := "docs/screenshots/" + filepath.Base(file)
		if !strings.Contains(readme, "]("+name+")") {
			t.Errorf("the README does not show %s", name)
		}
		if info, err := os.Stat(file); err != nil || info.Size() > maxPicture || info.Size() == 0 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if shown := strings.Count(readme, "](docs/screenshots/"); shown != len(files) {
		t.Errorf("the README shows %d pictures, and there are %d", shown, len(files))
	}
}
