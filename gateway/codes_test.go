package gateway_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/gateway"
)

// Codes are unique, in order, and of the form that callers see.
func TestCodes(t *testing.T) {
	var numbers, reasons []string
	form := regexp.MustCompile(`^TG\.[1-9][0-9]{3}$`)
	for _, c := range gateway.Codes() {
		if !form.MatchString(c.Number) || c.Status < 400 || c.Status > 599 || strings.Contains(c.Title().String(), ".title.") || c.Reason == "" {
			t.Errorf("code %+v", c)
		}
		numbers, reasons = append(numbers, c.Number), append(reasons, c.Reason)
	}
	if !slices.IsSorted(numbers) || len(slices.Compact(numbers)) != len(gateway.Codes()) {
		t.Errorf("numbers are not in order, or not unique: %q", numbers)
	}
	slices.Sort(reasons)
	if len(slices.Compact(reasons)) != len(gateway.Codes()) {
		t.Error("reasons are not unique")
	}
}

// Every code that the source declares is listed, so that none escapes the tests and the documentation.
func TestCodesAreComplete(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`Code\{"(TG\.[0-9]+)"`).FindAllSubmatch(source, -1)
	for _, match := range declared {
		number := string(match[1])
		if !slices.ContainsFunc(gateway.Codes(), func(c gateway.Code) bool { return c.Number == number }) {
			t.Errorf("Codes does not list %s", number)
		}
	}
	if len(declared) != len(gateway.Codes()) {
		t.Errorf("%d codes are declared, %d are listed", len(declared), len(gateway.Codes()))
	}
}

// docs/errors.md has a section for each code.
func TestEveryCodeIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			headings = append(headings, line)
		}
	}
	for _, c := range gateway.Codes() {
		word := regexp.MustCompile(regexp.QuoteMeta(c.Number) + `\b`)
		if !slices.ContainsFunc(headings, word.MatchString) {
			t.Errorf("docs/errors.md has no heading with %s (%s)", c.Number, c.Title())
		}
	}
}
