package auditcmd

import (
	"testing"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// TestCallAmount: a table never shows an empty cell, or one amount alone, for a call that names others that are in no sum.
func TestCallAmount(t *testing.T) {
	amount := func(values ...string) []logfile.Field {
		return []logfile.Field{{Name: "amount", Kind: "amount", Values: values}}
	}
	for name, c := range map[string]struct {
		asked []logfile.Field
		want  string
	}{
		"none":               {nil, ""},
		"one":                {amount("5.00"), "5.00 CNY"},
		"several":            {amount("5.00", "6"), "5.00 CNY …"},
		"one in no sum":      {amount(" 777777"), "not summed"},
		"one of two":         {amount("5.00", "777,779"), "5.00 CNY, not summed"},
		"one left out":       {[]logfile.Field{{Name: "amount", Kind: "amount", Omitted: 1}}, "not summed"},
		"in an unknown unit": {append(amount("5"), logfile.Field{Name: "measure_id", Kind: "other", Values: []string{"4"}}), "not summed"},
	} {
		call := &calls.Call{Intent: &logfile.Record{Site: "cn", Operation: "oldAdjustAmount", Effect: "spend", Fields: c.asked}}
		if got := callAmount(call); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
