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

// duration is a time span: "2s", "1m30s", "250ms".
type duration time.Duration

const durationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`

var durationExpr = regexp.MustCompile(durationPattern)

func (d *duration) parse(text string) error {
	if isNumber(text) {
		return fmt.Errorf("a duration needs a unit: write \"%ss\" for seconds (ms, s, m, h)", text)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || !durationExpr.MatchString(text) {
		return errors.New(`want a duration such as "500ms", "2s" or "1m30s" (ms, s, m, h)`)
	}
	*d = duration(parsed)
	return nil
}

func (d duration) duration() time.Duration { return time.Duration(d) }

func (d duration) pattern() string { return durationPattern }
func (d duration) what() string    { return "duration" }
func (d duration) String() string {
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

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
