package signing

import (
	"strconv"
	"testing"
	"time"
)

// FuzzParseDate holds parseDate against arithmetic on the digits: it takes exactly the dates of the calendar, in one
// spelling.
func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{
		"", "20240102T030405Z", "20240229T235959Z", "20230229T000000Z", "00000101T000000Z", "99991231T235959Z", "20240102T030460Z",
		"20240102T240000Z", "2024-01-02T03:04:05Z", "20240102T030405z", "+0240102T030405Z", "20240102T03040.Z", "２0240102T030405Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want, ok := calendar(value)
		got, err := parseDate(value)
		if (err == nil) != ok || ok && !got.Equal(want) {
			t.Fatalf("%q is read as %v, %v; want %v, %v", value, got, err, want, ok)
		}
		if ok && FormatDate(got) != value {
			t.Errorf("%q is written back as %q", value, FormatDate(got))
		}
	})
}

// calendar reads the digits of a date one by one, and lets time.Date decide whether there is such a second.
func calendar(value string) (time.Time, bool) {
	if len(value) != 16 || value[8] != 'T' || value[15] != 'Z' {
		return time.Time{}, false
	}
	var parts [6]int
	for i, at := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {9, 11}, {11, 13}, {13, 15}} {
		n, err := strconv.ParseUint(value[at[0]:at[1]], 10, 16)
		if err != nil {
			return time.Time{}, false
		}
		parts[i] = int(n)
	}
	at := time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC)
	same := at.Year() == parts[0] && int(at.Month()) == parts[1] && at.Day() == parts[2] && at.Hour() == parts[3] && at.Minute() == parts[4]
	return at, same && at.Second() == parts[5]
}
