package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// scalar is a value that is written as one text and reads itself from it.
type scalar interface {
	// parse says in its error what is wrong, without the text itself, and what to write.
	parse(text string) error
	// pattern is a regular expression for the JSON Schema; it admits whatever parse admits.
	pattern() string
	// what is the type's name in the manual.
	what() string
}

// duration is a time span: "2s", "1m30s", "250ms", "180d". Days are whole, come first and have 24 hours.
type duration time.Duration

const day = 24 * time.Hour

const durationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$`

var durationExpr = regexp.MustCompile(durationPattern)

func (d *duration) parse(text string) error {
	if isNumber(text) {
		return fmt.Errorf("a duration needs a unit: write \"%ss\" for seconds (ms, s, m, h, d)", text)
	}
	parsed, err := parseDays(text)
	if err != nil || !durationExpr.MatchString(text) {
		return errors.New(`want a duration such as "500ms", "2s", "1m30s" or "180d" (ms, s, m, h, d)`)
	}
	*d = duration(parsed)
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
		return time.Duration(n) * day, err
	}
	more, err := time.ParseDuration(rest)
	if err == nil && more > math.MaxInt64-time.Duration(n)*day {
		err = errors.New("out of range")
	}
	return time.Duration(n)*day + more, err
}

func (d duration) duration() time.Duration { return time.Duration(d) }

func (d duration) pattern() string { return durationPattern }
func (d duration) what() string    { return "duration" }
func (d duration) String() string {
	if whole := time.Duration(d); whole > 0 && whole%day == 0 {
		return fmt.Sprintf("%dd", whole/day)
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

// size is a number of bytes: "12MiB", "64KB".
type size int64

const (
	kib = size(1) << 10
	mib = size(1) << 20
	gib = size(1) << 30
)

const sizePattern = `^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$`

// sizeUnits in descending order, so that a size prints with the largest unit that fits.
var sizeUnits = []struct {
	name  string
	bytes size
}{{"GiB", gib}, {"GB", 1e9}, {"MiB", mib}, {"MB", 1e6}, {"KiB", kib}, {"KB", 1e3}, {"B", 1}}

func (s *size) parse(text string) error {
	if isNumber(text) {
		return fmt.Errorf("a size needs a unit: write \"%sB\" for bytes (B, KB, MB, GB, KiB, MiB, GiB)", text)
	}
	digits := strings.TrimRight(text, "BKMGi")
	n, err := strconv.ParseUint(digits, 10, 63)
	for _, u := range sizeUnits {
		if err == nil && text[len(digits):] == u.name && n <= math.MaxInt64/uint64(u.bytes) {
			*s = size(n) * u.bytes
			return nil
		}
	}
	return errors.New(`want a size such as "12MiB" or "64KB" (B, KB, MB, GB, KiB, MiB, GiB)`)
}

func (s size) pattern() string { return sizePattern }
func (s size) what() string    { return "size" }
func (s size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return "0B"
}

// rate is a number of calls in a time: "10/s", "5/min", "100/h". It holds calls per second.
type rate float64

const ratePattern = `^[0-9]+(\.[0-9]+)?/(s|min|h)$`

var rateExpr = regexp.MustCompile(ratePattern)

var rateUnits = map[string]float64{"s": 1, "min": 60, "h": 3600}

// maxRate is more than one gateway can serve.
const maxRate = 1e6

func (r *rate) parse(text string) error {
	number, unit, _ := strings.Cut(text, "/")
	if isNumber(text) {
		return fmt.Errorf("a rate needs a unit: write \"%s/s\" (/s, /min, /h)", text)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !rateExpr.MatchString(text) {
		return errors.New(`want a rate such as "10/s", "5/min" or "100/h"`)
	}
	perSecond := n / rateUnits[unit]
	if perSecond <= 0 || perSecond > maxRate {
		return errors.New("a rate must be above 0 and at most 1000000/s")
	}
	*r = rate(perSecond)
	return nil
}

func (r rate) pattern() string { return ratePattern }
func (r rate) what() string    { return "rate" }
func (r rate) String() string {
	switch perMinute := float64(r) * 60; {
	case r >= 1:
		return strconv.FormatFloat(float64(r), 'g', 6, 64) + "/s"
	case perMinute >= 1:
		return strconv.FormatFloat(perMinute, 'g', 6, 64) + "/min"
	default:
		return strconv.FormatFloat(perMinute*60, 'g', 6, 64) + "/h"
	}
}

// logName is the name of an audit log, as package checkpoint takes it.
type logName string

const logNamePattern = `^[!#-*,-\[\]-~]{1,200}$`

var logNameExpr = regexp.MustCompile(logNamePattern)

func (n *logName) parse(text string) error {
	if !logNameExpr.MatchString(text) {
		return errors.New("want 1 to 200 printable ASCII characters without blank, plus, quote or backslash")
	}
	*n = logName(text)
	return nil
}

func (n logName) pattern() string { return logNamePattern }
func (n logName) what() string    { return "name" }

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
