package calls

import (
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// TestUnitsOfLists: an amount whose own unit is not on record is in no sum, or of no known currency.
func TestUnitsOfLists(t *testing.T) {
	field := func(name string, kind catalog.FieldKind, omitted int, values ...string) logfile.Field {
		return logfile.Field{Name: name, Kind: string(kind), Values: values, Omitted: omitted}
	}
	amounts := field("orders[].amount", catalog.FieldAmount, 0, "5", "500")
	for name, c := range map[string]struct {
		fields   []logfile.Field
		unsummed int
		currency string
	}{
		"units of both":               {[]logfile.Field{field("orders[].measure_id", catalog.FieldOther, 0, "3", "3"), amounts}, 0, "CNY"},
		"no unit":                     {[]logfile.Field{amounts}, 0, "CNY"},
		"one unit for the whole list": {[]logfile.Field{field("measure_id", catalog.FieldOther, 0, "3"), amounts}, 0, "CNY"},
		"the unit of one":             {[]logfile.Field{field("orders[].measure_id", catalog.FieldOther, 0, "3"), amounts}, 2, "CNY"},
		"units left out":              {[]logfile.Field{field("orders[].measure_id", catalog.FieldOther, 3, "1", "1"), amounts}, 2, "CNY"},
		"all units left out":          {[]logfile.Field{field("orders[].measure_id", catalog.FieldOther, 3), amounts}, 2, "CNY"},
		"the currency of one":         {[]logfile.Field{field("orders[].currency", catalog.FieldCurrency, 0, "USD"), amounts}, 0, NoCurrency},
		"currencies left out":         {[]logfile.Field{field("orders[].currency", catalog.FieldCurrency, 3, "CNY", "CNY"), amounts}, 0, NoCurrency},
		"currencies of both":          {[]logfile.Field{field("orders[].currency", catalog.FieldCurrency, 0, "USD", "USD"), amounts}, 0, "USD"},
	} {
		call := &Call{
			Intent:  &logfile.Record{Seq: 1, Kind: logfile.KindIntent, Call: "c", Site: "cn", Operation: "x", Effect: "read"},
			Outcome: &logfile.Record{Seq: 2, Kind: logfile.KindOutcome, Call: "c", Outcome: logfile.Succeeded, Fields: c.fields},
		}
		_, unsummed := call.Amounts()
		if unsummed != c.unsummed || call.Currency() != c.currency {
			t.Errorf("%s: %d in no sum, in %s; want %d, %s", name, unsummed, call.Currency(), c.unsummed, c.currency)
		}
	}
}
