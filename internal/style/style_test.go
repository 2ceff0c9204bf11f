package style

import (
	"strings"
	"testing"
)

// TestSheet holds that the sheet can stand inside a page, and that it loads nothing.
func TestSheet(t *testing.T) {
	for _, not := range []string{"<", "@import", "url(http", "url(//", "expression("} {
		if strings.Contains(Sheet, not) {
			t.Errorf("the sheet has %q", not)
		}
	}
	if len(Version) != 12 || strings.Count(Sheet, "{") != strings.Count(Sheet, "}") {
		t.Errorf("version %q, or braces that do not match", Version)
	}
}
