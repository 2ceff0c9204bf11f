package cli

import (
	"testing"
	"time"
)

// FuzzMoment: a time in the flags of the audit commands is one moment for every reader, and an age lies in the past.
func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"", "24h", "-1h", "2026-01-31", "2026-01-31T15:04", "2026-01-31T15:04:05.5+08:00", "2026-02-30", "1e3s", "0", "9999999h", "7d", "2026-01-31 15:04:05.006", "2026-01-31T24:00:00Z"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseMoment(text, now, time.UTC)
		if err != nil || text == "" {
			if !got.IsZero() {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			return
		}
		if age, err := parseAge(text); err == nil {
			if got.After(now) || now.Sub(got) != age {
				t.Errorf("the age %q is the time %v", text, got)
			}
			return
		}
		if len(text) < len("2026-01-31") || got.Format("2006-01-02") != text[:10] {
			t.Errorf("%q is the time %v", text, got)
		}
	})
}
