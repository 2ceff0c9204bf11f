package setting

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span: "2s", "1m30s", "250ms", "180d". Days are whole, come first and have 24 hours.
type Duration time.Duration

// Day is 24 hours.
const Day = 24 * time.Hour

const durationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$`

var durationExpr = regexp.MustCompile(durationPattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	text := string(b)
	if isNumber(text) {
		return fmt.Errorf("a duration needs a unit: write \"%ss\" for seconds (ms, s, m, h, d)", text)
	}
	parsed, err := parseDays(text)
	if err != nil || !durationExpr.MatchString(text) {
		return errors.New(`want a duration such as "500ms", "2s", "1m30s" or "180d" (ms, s, m, h, d)`)
	}
	*d = Duration(parsed)
	return nil
}

// parseDays is time.ParseDuration with days in front.
func parseDays(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16) // a duration has 106751 days at most
	if err != nil || rest == "" {
		return time.Duration(n) * Day, err
	}
	more, err := time.ParseDuration(rest)
	if err == nil && more > math.MaxInt64-time.Duration(n)*Day {
		err = errors.New("out of range")
	}
	return time.Duration(n)*Day + more, err
}

func (d Duration) Pattern() string { return durationPattern }
func (d Duration) Kind() string    { return "duration" }
func (d Duration) String() string {
	if whole := time.Duration(d); whole > 0 && whole%Day == 0 {
		return fmt.Sprintf("%dd", whole/Day)
	}
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Size is a number of bytes: "12MiB", "64KB".
type Size int64

const (
	KiB = Size(1) << 10
	MiB = Size(1) << 20
	GiB = Size(1) << 30
)

const sizePattern = `^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$`

// sizeUnits in descending order, so that a size prints with the largest unit that fits.
var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", GiB}, {"GB", 1e9}, {"MiB", MiB}, {"MB", 1e6}, {"KiB", KiB}, {"KB", 1e3}, {"B", 1}}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(b []byte) error {
	text := string(b)
	if isNumber(text) {
		return fmt.Errorf("a size needs a unit: write \"%sB\" for bytes (B, KB, MB, GB, KiB, MiB, GiB)", text)
	}
	digits := strings.TrimRight(text, "BKMGi")
	n, err := strconv.ParseUint(digits, 10, 63)
	for _, u := range sizeUnits {
		if err == nil && text[len(digits):] == u.name && n <= math.MaxInt64/uint64(u.bytes) {
			*s = Size(n) * u.bytes
			return nil
		}
	}
	return errors.New(`want a size such as "12MiB" or "64KB" (B, KB, MB, GB, KiB, MiB, GiB)`)
}

func (s Size) Pattern() string { return sizePattern }
func (s Size) Kind() string    { return "size" }
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return "0B"
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
