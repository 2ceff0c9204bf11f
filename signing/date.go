package signing

import (
	"time"

	"tollgate/internal/words"
)

const dateLayout = "20060102T150405Z"

var errDate = words.Err("error.date.form")

// FormatDate writes a time as X-Sdk-Date carries it: UTC, in whole seconds, "20240102T030405Z".
func FormatDate(t time.Time) string { return t.UTC().Format(dateLayout) }

// parseDate reads what [FormatDate] writes, and nothing around it. Its error is meant for the caller.
func parseDate(value string) (time.Time, error) {
	t, err := time.Parse(dateLayout, value)
	if err != nil || !isDate(value) {
		return time.Time{}, errDate
	}
	return t, nil
}

// readDate reads the values of X-Sdk-Date.
func readDate(values []string) (date time.Time, text string, err error) {
	switch len(values) {
	case 0:
		return date, "", &DateError{true, words.Say("error.date.missing", "Header", dateName)}
	case 1:
		if date, err = parseDate(values[0]); err != nil {
			return date, "", &DateError{Msg: words.Of(err)}
		}
		return date, values[0], nil
	}
	return date, "", &DateError{Msg: words.Say("error.date.twice", "Header", dateName)}
}

// isDate reports whether a text has the form of a date; there may be no such day.
func isDate(s string) bool {
	return len(s) == len(dateLayout) && s[8] == 'T' && s[15] == 'Z' && all(s[:8], digit) && all(s[9:15], digit)
}
