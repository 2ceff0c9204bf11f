package service

import (
	"math"
	"strings"
	"testing"

	"tollgate/audit"
	"tollgate/config"
	"tollgate/upstream"
)

// TestShareDescriptors has two listeners of 1024 and 300 connections, and upstreams of 150. The process itself needs 132.
func TestShareDescriptors(t *testing.T) {
	c := &config.Config{
		Listeners: []*config.Listener{{MaxConnections: 1024}, {MaxConnections: 300}},
		Upstreams: []*upstream.Config{{MaxConnections: 100}, {MaxConnections: 50}},
		Audit:     audit.Config{Checkpoints: audit.Checkpoints{Copies: make([]audit.CheckpointCopy, 2)}},
	}
	for _, test := range []struct{ limit, first, second int }{
		{math.MaxInt, 1024, 300},
		{1608, 1024, 300}, // the sum
		{1605, 1021, 299},
		{1024, 572, 167}, // 740 of 1324
		{400, 102, 30},   // half of 266
		{134, 25, 7},     // a quarter of all
		{64, 12, 3},
		{10, 1, 1},
	} {
		d := shareDescriptors(c, test.limit)
		if first, second := d.connections(1024), d.connections(300); first != test.first || second != test.second {
			t.Errorf("of %d the listeners have %d and %d, want %d and %d", test.limit, first, second, test.first, test.second)
		}
		if warnings := d.warnings(); (len(warnings) > 0) != (test.limit < 1608) {
			t.Errorf("of %d: %q", test.limit, warnings)
		} else if len(warnings) > 0 && !strings.Contains(warnings[0], "needs 1608: ") {
			t.Errorf("of %d: %q", test.limit, warnings)
		}
	}
}
