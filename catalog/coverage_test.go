package catalog

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCoverage holds docs/coverage.md to the catalog and to the tests: what a row of its first table names must exist,
// and no operation that the data marks as a subject of the guides may be missing.
func TestCoverage(t *testing.T) {
	text, err := os.ReadFile("../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| .* \\| `([A-Za-z0-9]+)` \\| `([a-z]+)\\.(Test[A-Za-z0-9]+)` \\|$").FindAllStringSubmatch(string(text), -1)
	covered := make(map[string]bool)
	for _, row := range rows {
		if Find("cn", row[1]) == nil && Find("intl", row[1]) == nil {
			t.Errorf("no operation %s", row[1])
		}
		if !hasTest(t, row[2], row[3]) {
			t.Errorf("no test %s.%s", row[2], row[3])
		}
		covered[row[1]] = true
	}
	for line := range strings.Lines(operationsCSV) {
		columns := strings.Split(strings.TrimSpace(line), ",")
		if columns[len(columns)-1] == "yes" && !covered[columns[1]] {
			t.Errorf("docs/coverage.md lacks %s", columns[1])
		}
	}
	for _, mention := range regexp.MustCompile("`([a-z]+)\\.(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1) {
		if !hasTest(t, mention[1], mention[2]) {
			t.Errorf("no test %s.%s", mention[1], mention[2])
		}
	}
}

func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	folders := map[string]string{"catalog": ".", "bsssim": "../internal/bsssim"}
	files, err := filepath.Glob(filepath.Join(folders[pkg], "*_test.go"))
	if err != nil || folders[pkg] == "" {
		t.Fatalf("package %s: %v", pkg, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
