package signing

import (
	"errors"
	"time"
)

const dateLayout = "20060102T150405Z"

var errDate = errors.New("x-sdk-date is not a UTC time of the form 20060102T150405Z")

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
		return date, "", &DateError{true, "the " + dateName + " header is missing"}
	case 1:
		if date, err = parseDate(values[0]); err != nil {
			return date, "", &DateError{Msg: err.Error()}
		}
		return date, values[0], nil
	}
	return date, "", &DateError{Msg: "the " + dateName + " header is sent more than once"}
}

// isDate reports whether a text has the form of a date; there may be no such day.
func isDate(s string) bool {
	return len(s) == len(dateLayout) && s[8] == 'T' && s[15] == 'Z' && all(s[:8], digit) && all(s[9:15], digit)
}
