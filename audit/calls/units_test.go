package calls

import (
	"testing"

	"tollgate/audit"
	"tollgate/catalog"
)

// TestUnitsOfLists: an amount is in no sum, or of no known currency, where its own unit is not on record.
func TestUnitsOfLists(t *testing.T) {
	field := func(name string, kind catalog.FieldKind, omitted int, values ...string) audit.Field {
		return audit.Field{Name: name, Kind: string(kind), Values: values, Omitted: omitted}
	}
	amounts := field("orders[].amount", catalog.FieldAmount, 0, "5", "500")
	for name, c := range map[string]struct {
		fields   []audit.Field
		unsummed int
		currency string
	}{
		"units of both":               {[]audit.Field{field("orders[].measure_id", catalog.FieldOther, 0, "3", "3"), amounts}, 0, "CNY"},
		"no unit":                     {[]audit.Field{amounts}, 0, "CNY"},
		"one unit for the whole list": {[]audit.Field{field("measure_id", catalog.FieldOther, 0, "3"), amounts}, 0, "CNY"},
		"the unit of one":             {[]audit.Field{field("orders[].measure_id", catalog.FieldOther, 0, "3"), amounts}, 2, "CNY"},
		"units left out":              {[]audit.Field{field("orders[].measure_id", catalog.FieldOther, 3, "1", "1"), amounts}, 2, "CNY"},
		"all units left out":          {[]audit.Field{field("orders[].measure_id", catalog.FieldOther, 3), amounts}, 2, "CNY"},
		"the currency of one":         {[]audit.Field{field("orders[].currency", catalog.FieldCurrency, 0, "USD"), amounts}, 0, NoCurrency},
		"currencies left out":         {[]audit.Field{field("orders[].currency", catalog.FieldCurrency, 3, "CNY", "CNY"), amounts}, 0, NoCurrency},
		"currencies of both":          {[]audit.Field{field("orders[].currency", catalog.FieldCurrency, 0, "USD", "USD"), amounts}, 0, "USD"},
	} {
		call := &Call{
			Intent:  &audit.Record{Seq: 1, Kind: audit.KindIntent, Call: "c", Site: "cn", Operation: "x", Effect: "read"},
			Outcome: &audit.Record{Seq: 2, Kind: audit.KindOutcome, Call: "c", Outcome: audit.Succeeded, Fields: c.fields},
		}
		_, unsummed := call.Amounts()
		if unsummed != c.unsummed || call.Currency() != c.currency {
			t.Errorf("%s: %d in no sum, in %s; want %d, %s", name, unsummed, call.Currency(), c.unsummed, c.currency)
		}
	}
}
