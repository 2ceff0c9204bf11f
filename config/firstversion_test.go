package config

import "testing"

// TestFirstVersion: a configuration with every key of the first version is read still.
func TestFirstVersion(t *testing.T) {
	c := parseFile(t, "../e2e/testdata/first-version/full.yaml")
	if len(c.Listeners) != 4 || len(c.Callers) != 2 {
		t.Errorf("%+v", c)
	}
}
