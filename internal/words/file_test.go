package words

import (
	"os"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestFiles holds that the files are YAML, of which a reader of YAML reads the same.
func TestFiles(t *testing.T) {
	for lang, name := range map[Language]string{English: "en.yaml", Chinese: "zh.yaml"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var read map[string]any
		if err := yaml.Unmarshal(source, &read); err != nil {
			t.Fatal(name, err)
		}
		if len(read) < 1000 || len(read) != len(In(lang).messages) {
			t.Errorf("%s: %d messages, %d are read", name, len(read), len(In(lang).messages))
		}
		for id, message := range read {
			if got, want := In(lang).messages[id], formsOf(message); got != want || got.other == "" {
				t.Errorf("%s: %s is %q, read as %q", name, id, want, got)
			}
		}
	}
}

func formsOf(message any) forms {
	switch m := message.(type) {
	case string:
		return forms{other: m}
	case map[string]any:
		one, _ := m["one"].(string)
		other, _ := m["other"].(string)
		return forms{one, other}
	}
	return forms{}
}

// TestParseRefuses holds that a file with anything else in it is refused.
func TestParseRefuses(t *testing.T) {
	for _, file := range []string{
		"a", "  one: \"x\"", "a: x", "a: \"x", "a: 'x'", "a: \"x\"\na: \"y\"", "a:\n  few: \"x\"", "a:\n  one: x", "a: |\n  x", "a: \"x\" # y", "- a: \"x\"\n  b",
	} {
		if got, err := parse(file); err == nil {
			t.Errorf("%q: read as %q", file, got)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		load(English, english)
	}
}

func BenchmarkText(b *testing.B) {
	w := In(English)
	b.ReportAllocs()
	for b.Loop() {
		w.Text("frame.log", "Log", "main", "To", 7)
	}
}
