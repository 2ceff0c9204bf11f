package logfile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestData: an event's data is one flat object of texts, in the order of its names, with each name once.
func TestData(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, tt := range map[string]struct {
		data map[string]string
		want string
		cut  bool
	}{
		"none":         {nil, ``, false},
		"empty":        {map[string]string{}, ``, false},
		"sorted":       {map[string]string{"b": "2", "a": `"1"`, "c_3": ""}, `,"data":{"a":"\"1\"","b":"2","c_3":""}`, false},
		"alike":        {map[string]string{"\xff": "1", "\xfe": "2", "a": "3"}, `,"data":{"a":"3"}`, true},
		"no such name": {map[string]string{`a"`: "1", "": "2", "A": "3", strings.Repeat("a", 65): "4"}, ``, true},
		"long value":   {map[string]string{"a": long}, `,"data":{"a":"` + long[:1024] + `"}`, true},
	} {
		r := Record{Kind: KindEvent, Event: "e", Data: tt.data}
		line := string(r.Append(nil))
		want := `"kind":"event","event":"e"` + tt.want
		if tt.cut {
			want += `,"cut":true`
		}
		if !strings.HasSuffix(line, want+"}") {
			t.Errorf("%s: got %s\nwant …%s}", name, line, want)
		}
	}
}

func TestDataIsBounded(t *testing.T) {
	r := Record{Kind: KindEvent, Event: "e", Data: map[string]string{}, Note: "stays"}
	for i := range 1000 {
		r.Data[fmt.Sprintf("%s_%03d", strings.Repeat("n", 60), i)] = strings.Repeat("\x01", 5000)
	}
	var got Record
	if err := json.Unmarshal(r.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 32 || !got.Cut || got.Note != r.Note {
		t.Errorf("%d entries, cut %v, note %q", len(got.Data), got.Cut, got.Note)
	}
	for name, value := range got.Data {
		if value != strings.Repeat("\x01", maxDataValue/6) {
			t.Errorf("%s: %d bytes", name, len(value))
		}
	}
}

// FuzzData: the line of an event with any data is read back with the same data, or has the mark that it was cut.
func FuzzData(f *testing.F) {
	f.Add("access_key", "AK", "until", "later")
	f.Add("\xff", "1", "\xfe", "2")
	f.Add(`a":"b`, "", "", `"`)
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string) {
		r := Record{Kind: KindEvent, Event: EventCode(value), Data: map[string]string{name: value, name2: value2}}
		line := r.Append([]byte{})
		var got Record
		if err := ParseLine(line, &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for n, v := range got.Data {
			if want, ok := r.Data[n]; !ok || !got.Cut && v != string([]rune(want)) {
				t.Errorf("%q is %q in %s", n, v, line)
			}
		}
		if !got.Cut && len(got.Data) != len(r.Data) {
			t.Errorf("entries are missing, and %s does not say so", line)
		}
	})
}

// TestCodesAreDocumented: the manual of the format lists every code of an event, a stage and a TLS failure.
func TestCodesAreDocumented(t *testing.T) {
	manual, err := os.ReadFile("../../docs/audit-format.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range slices.Concat(Stages(), TLSFailures(), []string{TLSAlert}) {
		if !strings.Contains(string(manual), "`"+code) {
			t.Errorf("docs/audit-format.md does not list %q", code)
		}
	}
	_, events, _ := strings.Cut(string(manual), "| `event` | when |")
	events, _, _ = strings.Cut(events, "\n\n")
	for _, code := range EventCodes() {
		if !strings.Contains(events, "\n| `"+string(code)+"` | ") {
			t.Errorf("the table of events in docs/audit-format.md does not list %q", code)
		}
	}
}
