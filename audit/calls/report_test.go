package calls

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

func reportOf(t testing.TB, by string, list []*logfile.Record) *Report {
	t.Helper()
	dimensions, err := ParseDimensions(by)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport(dimensions, nil)
	if err := (Scan{write(t, list)}).Calls(t.Context(), &Filter{}, r.Add); err != nil {
		t.Fatal(err)
	}
	return r
}

// asText returns a report's rows, total and money: names, then the cells, those that are empty left out.
func asText(r *Report) string {
	var b strings.Builder
	line := func(name string, m *Money, n *Counts) {
		fmt.Fprintln(&b, name, strings.Join(strings.Fields(strings.Join(Cells(m, n), " ")), " "))
	}
	for _, g := range r.Groups() {
		line(strings.Join(g.Names, "/"), &g.Money, &g.Counts)
	}
	line("=", nil, r.Total())
	for _, m := range r.Money() {
		line("=", m, nil)
	}
	return b.String()
}

func TestReport(t *testing.T) {
	for by, want := range map[string]string{
		//                 calls ok failed partial unknown not_sent open refused moved partly perhaps no_amount unsummed
		"caller": `(shop?) XXX 1 0 0 0 0 0 0 1 0.00 0.00 0.00 0 0
report USD 1 1 0 0 0 0 0 0 0.00 0.00 0.00 0 0
shop CNY 5 2 1 1 0 0 1 0 141.10 0.00 0.00 request 2 0
shop USD 1 0 0 0 1 0 0 0 0.00 0.00 25.00 request 0 0
= 8 3 1 1 1 0 1 1 2 0
= CNY 141.10 0.00 0.00 request
= USD 0.00 0.00 25.00 request
`,
		"customer,credential": `/ XXX 1 0 0 0 0 0 0 1 0.00 0.00 0.00 0 0
/acme USD 1 1 0 0 0 0 0 0 0.00 0.00 0.00 0 0
/main CNY 3 0 1 1 0 0 1 0 0.00 0.00 0.00 2 0
c-17/main CNY 2 2 0 0 0 0 0 0 120.60 0.00 0.00 request 0 0
c-18/main USD 1 0 0 0 1 0 0 0 0.00 0.00 25.00 request 0 0
c-19/main CNY 1 1 0 0 0 0 0 0 20.50 0.00 0.00 request 0 0
= 8 3 1 1 1 0 1 1 2 0
= CNY 141.10 0.00 0.00 request
= USD 0.00 0.00 25.00 request
`,
		"account": ` XXX 1 0 0 0 0 0 0 1 0.00 0.00 0.00 0 0
c-17 USD 1 1 0 0 0 0 0 0 0.00 0.00 0.00 0 0
p-1 CNY 5 2 1 1 0 0 1 0 141.10 0.00 0.00 request 2 0
p-1 USD 1 0 0 0 1 0 0 0 0.00 0.00 25.00 request 0 0
= 8 3 1 1 1 0 1 1 2 0
= CNY 141.10 0.00 0.00 request
= USD 0.00 0.00 25.00 request
`,
	} {
		if got := asText(reportOf(t, by, sample())); got != want {
			t.Errorf("by %s:\n%swant\n%s", by, got, want)
		}
	}
}

// TestReportOfManyCustomers: a customer whose part is not known has no amount, never that of the whole call.
func TestReportOfManyCustomers(t *testing.T) {
	list := field("customer_ids[]", "customer", "a", "b", "a")
	list.Omitted = 2
	transfer := spend("UpdateCustomerAccountAmount", field("customer_id", "customer", "a"), field("customerId", "customer", "b"), field("amount", "amount", "9"))
	coupons := spend("CreatePartnerCoupons", list, field("face_value", "amount", "10"))
	transfer.Call, coupons.Call = "1", "2"
	records := []*logfile.Record{transfer, coupons}
	for _, id := range []string{"1", "2"} {
		end := ended(logfile.Succeeded, 200)
		end.Call = id
		records = append(records, end)
	}
	want := `(not recorded) CNY 1 1 0 0 0 0 0 0 20.00 0.00 0.00 request 0 0
a CNY 2 2 0 0 0 0 0 0 20.00 0.00 0.00 request 1 0
b CNY 2 2 0 0 0 0 0 0 10.00 0.00 0.00 request 1 0
= 2 2 0 0 0 0 0 0 0 0
= CNY 59.00 0.00 0.00 request
`
	if got := asText(reportOf(t, "customer", records)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestReportMoney: the outcome decides in which sum an amount is, if in any.
func TestReportMoney(t *testing.T) {
	for outcome, want := range map[string]string{
		logfile.Succeeded: "5.00 0.00 0.00", logfile.Failed: "0.00 0.00 0.00", logfile.Partial: "0.00 5.00 0.00", logfile.NotSent: "0.00 0.00 0.00",
		logfile.Unknown: "0.00 0.00 5.00", "": "0.00 0.00 5.00", "newer": "0.00 0.00 5.00",
	} {
		call := &Call{Intent: spend("UpdateCustomerAccountAmount", field("amount", "amount", "5"))}
		if outcome != "" {
			call.Outcome = ended(outcome, 200)
		}
		r := NewReport([]Dimension{ByCaller}, nil)
		if err := r.Add(call); err != nil {
			t.Fatal(err)
		}
		m, n := r.Money()[0], r.Total()
		if got := fmt.Sprint(m.Moved, m.MovedPartly, m.MovedPerhaps); got != want || n.NoAmount != 0 || n.Calls != 1 {
			t.Errorf("%q: %s, want %s, %+v", outcome, got, want, n)
		}
	}
}

// TestReportDecimals: all sums of a currency have as many decimals as the longest, at least two, and nothing is rounded.
func TestReportDecimals(t *testing.T) {
	var records []*logfile.Record
	for i, amount := range []string{"1000.5", "20", "0.125", "3e2"} {
		call := spend("UpdateCustomerAccountAmount", field("customer_id", "customer", amount), field("amount", "amount", amount))
		if call.Call = amount; i == 3 {
			call.Fields = append(call.Fields, field("currency", "currency", "USD"))
		}
		end := ended(logfile.Succeeded, 200)
		end.Call = amount
		records = append(records, call, end)
	}
	want := `0.125 CNY 1 1 0 0 0 0 0 0 0.125 0.000 0.000 request 0 0
1000.5 CNY 1 1 0 0 0 0 0 0 1000.500 0.000 0.000 request 0 0
20 CNY 1 1 0 0 0 0 0 0 20.000 0.000 0.000 request 0 0
3e2 USD 1 1 0 0 0 0 0 0 300.00 0.00 0.00 request 0 0
= 4 4 0 0 0 0 0 0 0 0
= CNY 1020.625 0.000 0.000 request
= USD 300.00 0.00 0.00 request
`
	if got := asText(reportOf(t, "customer", records)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestReportOfReads: prices in the answers to reads are in no sum.
func TestReportOfReads(t *testing.T) {
	read := &logfile.Record{Kind: logfile.KindIntent, Call: "1", Site: "cn", Operation: "ShowCustomerOrderDetails", Effect: "read", Account: "c-17"}
	end := ended(logfile.Succeeded, 200, field("order_info.amount_after_discount", "amount", "99.00"))
	end.Call = "1"
	want := "c-17 CNY 1 1 0 0 0 0 0 0 0.00 0.00 0.00 0 0\n= 1 1 0 0 0 0 0 0 0 0\n= CNY 0.00 0.00 0.00\n"
	if got := asText(reportOf(t, "account", []*logfile.Record{read, end})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestReportUnsummed: amounts that are in no sum are counted, whatever the call's effect, but not those of refused calls.
func TestReportUnsummed(t *testing.T) {
	spending := spend("UpdateCustomerAccountAmount", field("amount", "amount", "777,779"))
	reading := &logfile.Record{Effect: "read", Site: "cn", Fields: []logfile.Field{field("amount", "amount", " 777777")}}
	for name, c := range map[string]struct {
		call *Call
		want string // NoAmount, Unsummed
	}{
		"spend":          {&Call{Intent: spending, Outcome: ended(logfile.Succeeded, 200)}, "1 1"},
		"open spend":     {&Call{Intent: spending}, "1 1"},
		"failed spend":   {&Call{Intent: spending, Outcome: ended(logfile.Failed, 400)}, "0 1"},
		"read":           {&Call{Intent: reading, Outcome: ended(logfile.Succeeded, 200)}, "0 1"},
		"the answer's":   {&Call{Intent: spend("ReclaimCouponQuotas"), Outcome: ended(logfile.Succeeded, 200, field("quota_balance", "amount", "1 000"))}, "1 1"},
		"refused":        {&Call{Refusal: spending}, "0 0"},
		"a whole amount": {&Call{Intent: spend("UpdateCustomerAccountAmount", field("amount", "amount", "1")), Outcome: ended(logfile.Succeeded, 200)}, "0 0"},
		"a payment":      {&Call{Intent: spend("PayOrders"), Outcome: ended(logfile.Succeeded, 200)}, "1 0"},
	} {
		r := NewReport([]Dimension{ByCaller}, nil)
		if err := r.Add(c.call); err != nil {
			t.Fatal(err)
		}
		if s := r.Total(); fmt.Sprint(s.NoAmount, s.Unsummed) != c.want {
			t.Errorf("%s: %d %d, want %s", name, s.NoAmount, s.Unsummed, c.want)
		}
	}
}

func TestReportJSON(t *testing.T) {
	r := reportOf(t, "operation,caller", sample()[:3])
	got, err := json.Marshal(r.Groups()[1])
	want := `{"caller":"shop","operation":"UpdateCustomerAccountAmount","currency":"CNY","moved":"100.10","moved_partly":"0.00","moved_perhaps":"0.00",` +
		`"from":["request"],"calls":1,"succeeded":1,"failed":0,"partial":0,"unknown":0,"not_sent":0,"open":0,"refused":0,"no_amount":0,"unsummed":0}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestReportIsBounded(t *testing.T) {
	add := func(r *Report, customer, currency string) error {
		return r.Add(&Call{Refusal: &logfile.Record{Fields: []logfile.Field{field("customer_id", "customer", customer), field("currency", "currency", currency)}}})
	}
	r := NewReport([]Dimension{ByCustomer}, nil)
	if r.maxGroups != MaxGroups || r.maxBytes != maxKeyBytes {
		t.Errorf("%+v", r)
	}
	r.maxGroups = 2
	if err := errors.Join(add(r, "a", "CNY"), add(r, "b", "CNY"), add(r, "a", "CNY")); err != nil {
		t.Fatal(err)
	}
	if err := add(r, "c", "CNY"); !errors.Is(err, errTooManyGroups) {
		t.Errorf("a third group: %v", err)
	}
	r = NewReport([]Dimension{ByCaller}, nil)
	r.maxGroups = 1
	if err := errors.Join(add(r, "", "CNY"), add(r, "", "EUR")); !errors.Is(err, errTooManyGroups) {
		t.Errorf("a second currency: %v", err)
	}
	r = NewReport([]Dimension{ByCustomer}, nil)
	r.maxBytes = 4096
	if err := add(r, strings.Repeat("x", 1024), "CNY"); err != nil {
		t.Fatal(err)
	}
	if err := add(r, strings.Repeat("y", 1024), "CNY"); !errors.Is(err, errTooManyGroups) {
		t.Errorf("long names: %v", err)
	}
}

// TestReportKeepsGroupsApart: names that look alike when they are put together.
func TestReportKeepsGroupsApart(t *testing.T) {
	r := NewReport([]Dimension{ByCredential, ByOperation}, nil)
	for _, names := range [][2]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"a\x00", "b"}, {"a", "\x00b"}, {"a\x01b", ""}} {
		if err := r.Add(&Call{Refusal: &logfile.Record{Credential: names[0], Operation: names[1]}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.Groups()); n != 6 {
		t.Errorf("%d groups", n)
	}
}

func TestParseDimensions(t *testing.T) {
	if by, err := ParseDimensions(" customer, caller"); err != nil || len(by) != 2 || by[0] != ByCustomer {
		t.Errorf("%v, %v", by, err)
	}
	for _, text := range []string{"", "caller,", "caller,caller", "currency"} {
		if by, err := ParseDimensions(text); err == nil {
			t.Errorf("%q is read as %v", text, by)
		}
	}
}
