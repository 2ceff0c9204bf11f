package bsssim

import (
	"regexp"
	"strconv"
	"strings"
)

// cents is an amount in hundredths of the site's currency. It is written as a JSON number with two decimals.
type cents int64

// MarshalJSON implements [encoding/json.Marshaler].
func (c cents) MarshalJSON() ([]byte, error) { return []byte(c.String()), nil }

func (c cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	fraction := strconv.Itoa(100 + int(c%100))[1:]
	return sign + strconv.FormatInt(int64(c/100), 10) + "." + fraction
}

// amountText is what the API takes: at most two decimals. Twelve digits keep every sum far from overflow.
var amountText = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,2})?$`)

// parseCents reads a positive amount.
func parseCents(text string) (cents, bool) {
	amount, valid := readCents(text)
	return amount, valid && amount > 0
}

// readCents reads an amount, which may be 0.
func readCents(text string) (cents, bool) {
	if !amountText.MatchString(text) {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	return cents(n), err == nil
}
