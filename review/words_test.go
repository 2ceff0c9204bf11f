package review

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/words"
)

// used finds the messages that templates and handlers name as they are.
var used = regexp.MustCompile(`(?:\(said |\(t |\{\{t |\bt |Said\(|Text\()"([a-z_]+\.[A-Za-z0-9_.-]*[A-Za-z0-9-])"`)

// TestMessages holds that each message that pages name is there, in each language.
func TestMessages(t *testing.T) {
	n := 0
	check := func(file string, source []byte) {
		for _, found := range used.FindAllStringSubmatch(string(source), -1) {
			n++
			for _, lang := range words.Languages() {
				if !words.In(lang).Has(found[1]) {
					t.Errorf("%s: %s is missing in %s", file, found[1], lang)
				}
			}
		}
	}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".html") {
			return err
		}
		source, err := os.ReadFile(name)
		check(name, source)
		return err
	})
	if err != nil || n < 10 {
		t.Fatal(n, "messages found:", err)
	}
}
