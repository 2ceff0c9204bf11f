package text

import (
	"fmt"
	"strconv"
	"strings"
)

// Grouped returns a number, or the text of a decimal, with its digits in groups of three, as people write amounts. Other texts stay as they are.
func Grouped(n any) string {
	digits := fmt.Sprint(n)
	sign, whole := "", digits
	if strings.HasPrefix(digits, "-") {
		sign, whole = "−", digits[1:]
	}
	whole, rest, _ := strings.Cut(whole, ".")
	if _, err := strconv.ParseUint(whole, 10, 64); err != nil && strings.Trim(whole, "0123456789") != "" {
		return digits
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return sign + whole + rest
}
