package setting

import (
	"regexp"
	"testing"
	"time"
)

func TestNotAfter(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-31": "2026-12-31T23:59:59.999999999Z", "2024-02-29": "2024-02-29T23:59:59.999999999Z",
		"2026-12-31T18:00:00Z": "2026-12-31T18:00:00Z", "2026-12-31T18:00:00+01:00": "2026-12-31T17:00:00Z", "2026-12-31T18:00:00.5Z": "2026-12-31T18:00:00.5Z",
		"2025-02-29": "", "2026-12-31 18:00:00Z": "", "2026-12-31T18:00:00": "", "31.12.2026": "", "": "", "90d": "", "1970-06-01": "", "2262-01-01": "", "2026-12-31T18:00:00,5Z": "", "2026-12-31T8:00:00Z": "", "9999-12-31": "",
	} {
		var n NotAfter
		err := n.UnmarshalText([]byte(text))
		if got := n.Time().Format(time.RFC3339Nano); (err != nil) != (want == "") || want != "" && got != want {
			t.Errorf("%q: %s, %v, want %q", text, got, err, want)
		}
	}
}

// TestPassed: a key counts to the end of its day, and not a nanosecond longer.
func TestPassed(t *testing.T) {
	var n NotAfter
	if err := n.UnmarshalText([]byte("2026-12-31")); err != nil {
		t.Fatal(err)
	}
	next := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if n.Passed(next.Add(-1)) || !n.Passed(next) || NotAfter(0).Passed(next) {
		t.Error("the day does not end where the next begins")
	}
}

// FuzzNotAfter: what is read is admitted by the schema's pattern, and printed as something that is read as the same.
func FuzzNotAfter(f *testing.F) {
	for _, text := range []string{"2026-12-31", "2026-12-31T18:00:00Z", "2026-12-31t18:00:00.25-23:59", "1970-01-01", "2261-12-31", "2026-12-31T23:59:59.999999999Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n, again NotAfter
		if n.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !regexp.MustCompile(n.Pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if err := again.UnmarshalText([]byte(n.String())); err != nil || again != n {
			t.Errorf("%q is %v, which is read as %v, %v", text, n, again, err)
		}
	})
}
