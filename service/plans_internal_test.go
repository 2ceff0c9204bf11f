package service

import (
	"strings"
	"testing"

	"tollgate/config/snapshot"
)

// TestSummary: the summary of a reload has as many changes as fit, and of the first as much as fits.
func TestSummary(t *testing.T) {
	short, long := snapshot.Change{Where: "bounds.body", Text: "is lowered"}, snapshot.Change{Where: "callers.app.grants", Text: strings.Repeat("x", 2*maxSummary)}
	for want, changes := range map[string][]snapshot.Change{
		"bounds.body: is lowered":                          {short},
		"bounds.body: is lowered; and 2 more":              {short, long, short},
		"callers.app.grants: xxxx":                         {long},
		"bounds.body: is lowered; bounds.body: is lowered": {short, short},
	} {
		got := (&Reloaded{Changed: true, Changes: changes}).summary()
		if !strings.HasPrefix(got, want) || len(got) > maxSummary+len("; and 10000 more") {
			t.Errorf("%d bytes: %s, want %s", len(got), got, want)
		}
	}
}
