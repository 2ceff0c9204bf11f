package ratelimit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rate is a number of calls in a time: "10/s", "5/min", "100/h". It holds calls per second.
type Rate float64

const ratePattern = `^[0-9]+(\.[0-9]+)?/(s|min|h)$`

var rateExpr = regexp.MustCompile(ratePattern)

var rateUnits = map[string]float64{"s": 1, "min": 60, "h": 3600}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Rate) UnmarshalText(b []byte) error {
	text := string(b)
	number, unit, _ := strings.Cut(text, "/")
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Errorf("a rate needs a unit: write \"%s/s\" (/s, /min, /h)", text)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !rateExpr.MatchString(text) {
		return errors.New(`want a rate such as "10/s", "5/min" or "100/h"`)
	}
	perSecond := n / rateUnits[unit]
	if perSecond <= 0 || perSecond > MaxPerSecond {
		return errors.New("a rate must be above 0 and at most 1000000/s")
	}
	*r = Rate(perSecond)
	return nil
}

func (r Rate) Pattern() string { return ratePattern }
func (r Rate) Kind() string    { return "rate" }

// String returns the rate in the largest unit in which six digits say it exactly; by the second with all digits where none does.
func (r Rate) String() string {
	for _, unit := range []string{"s", "min", "h"} {
		number := strconv.FormatFloat(float64(r)*rateUnits[unit], 'g', 6, 64)
		n, err := strconv.ParseFloat(number, 64)
		if err == nil && n >= 1 && !strings.Contains(number, "e") && Rate(n/rateUnits[unit]) == r {
			return number + "/" + unit
		}
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}
