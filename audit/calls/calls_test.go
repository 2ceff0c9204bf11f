package calls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
	"tollgate/internal/testlog"
)

// at returns a time of the sample log.
func at(minute int) time.Time { return time.Date(2026, 10, 3, 4, minute, 0, 0, time.UTC) }

func field(name, kind string, values ...string) logfile.Field {
	return logfile.Field{Name: name, Kind: kind, Values: values}
}

func spend(operation string, fields ...logfile.Field) *logfile.Record {
	return &logfile.Record{Kind: logfile.KindIntent, Caller: "shop", Site: "cn", Operation: operation, Effect: "spend", Credential: "main", Class: "partner",
		Account: "p-1", Decision: logfile.Allowed, Fields: fields}
}

func ended(outcome string, status int, fields ...logfile.Field) *logfile.Record {
	return &logfile.Record{Kind: logfile.KindOutcome, Outcome: outcome, Status: status, Fields: fields}
}

// sample is a log of eight calls, "a" to "h".
func sample() []*logfile.Record {
	named := func(call string, minute int, r *logfile.Record) *logfile.Record {
		r.Call, r.Time = call, at(minute)
		return r
	}
	failed := ended(logfile.Failed, 400)
	failed.ErrorCode, failed.RequestID = "CBC.99005003", "req-1"
	read := &logfile.Record{Kind: logfile.KindIntent, Caller: "report", Site: "intl", Operation: "ListOrders", Effect: "read", Deprecated: true, Credential: "acme", Class: "customer",
		Account: "c-17", Plan: "00112233445566aa", Decision: logfile.Allowed}
	return []*logfile.Record{
		named("a", 1, spend("UpdateCustomerAccountAmount", field("customer_id", "customer", "c-17"), field("amount", "amount", "100.10"))),
		named("b", 2, spend("PayOrders", field("order_id", "order", "CS1"), field("coupon_infos[].id", "coupon", "cp-1", "cp-2"))),
		named("a", 3, ended(logfile.Succeeded, 200, field("transfer_id", "transaction", "t-1"))),
		named("b", 4, failed),
		named("c", 5, &logfile.Record{Kind: logfile.KindRefusal, ClaimedCaller: "shop", Identity: "AK", Decision: logfile.Refused, Reason: "bad_signature", Status: 401}),
		named("", 5, &logfile.Record{Kind: logfile.KindRefusal, Reason: "handshake", Decision: logfile.Refused}),
		named("d", 6, read), named("d", 7, ended(logfile.Succeeded, 200, field("order_infos[].order_id", "order", "CS1", "CS2"))),
		named("e", 8, spend("oldAdjustAmount", field("customer_id", "customer", "c-18"), field("amount", "amount", "2500"), field("currency", "currency", "usd"),
			field("measure_id", "other", "3"))),
		named("e", 9, ended(logfile.Unknown, 0)),
		named("f", 10, spend("RenewalResources", field("resource_ids[]", "resource", "r-1"))),
		named("f", 11, ended(logfile.Partial, 200, field("order_ids[]", "order", "CS3"))),
		named("g", 12, spend("CreatePartnerCoupons", field("quota_id", "coupon", "q-1"), field("customer_ids[]", "customer", "c-17", "c-19"), field("face_value", "amount", "20.50"))),
		named("g", 13, ended(logfile.Succeeded, 200, field("coupon_infos[].coupon_id", "coupon", "cp-8", "cp-9"))),
		named("h", 14, spend("PayOrders", field("order_id", "order", "CS4"))),
	}
}

// write writes a log of records and returns its directory.
func write(t testing.TB, list []*logfile.Record) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	for _, r := range list {
		l.Add(r)
	}
	l.Close()
	return dir
}

// ids returns the ids of a source's calls.
func ids(t testing.TB, s Source, f *Filter) string {
	t.Helper()
	var found []string
	err := s.Calls(t.Context(), f, func(c *Call) error {
		found = append(found, c.ID())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, "")
}

func amount(t testing.TB, text string) *decimal.Decimal {
	t.Helper()
	d, err := decimal.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestFilters also fails if a member of Filter has no line here.
func TestFilters(t *testing.T) {
	scan := Scan{write(t, sample())}
	tested := map[string]bool{}
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "abcdefgh"},
		{Filter{Since: at(6)}, "defgh"}, {Filter{Until: at(6)}, "abc"}, {Filter{Since: at(5), Until: at(8)}, "cd"}, {Filter{Since: at(5).Add(1)}, "defgh"},
		{Filter{Call: "d"}, "d"}, {Filter{Call: "D"}, ""}, {Filter{Caller: "shop"}, "abefgh"}, {Filter{Caller: "report"}, "d"}, // c only claims to be shop
		{Filter{Operation: "PayOrders"}, "bh"}, {Filter{Effect: "read"}, "d"}, {Filter{Site: "intl"}, "d"}, {Filter{Credential: "acme"}, "d"}, {Filter{Class: "partner"}, "abefgh"},
		{Filter{Account: "c-17"}, "d"}, {Filter{Account: "p-1", Operation: "PayOrders"}, "bh"}, {Filter{Account: "c"}, ""}, {Filter{Plan: "00112233445566aa"}, "d"}, {Filter{Plan: "00112233445566ab"}, ""}, {Filter{Deprecated: true}, "d"},
		{Filter{Decision: logfile.Refused}, "c"}, {Filter{Decision: logfile.Allowed}, "abdefgh"},
		{Filter{State: logfile.Succeeded}, "adg"}, {Filter{State: logfile.Failed}, "b"}, {Filter{State: logfile.Partial}, "f"}, {Filter{State: logfile.Unknown}, "e"},
		{Filter{State: Refused}, "c"}, {Filter{State: Open}, "h"}, {Filter{State: logfile.NotSent}, ""},
		{Filter{Reason: "bad_signature"}, "c"}, {Filter{Reason: "bad"}, ""}, {Filter{Status: 401}, "c"}, {Filter{Status: 200}, "adfg"}, {Filter{ErrorCode: "CBC.99005003"}, "b"}, {Filter{RequestID: "req-1"}, "b"},
		{Filter{Order: "CS1"}, "bd"}, {Filter{Order: "CS3"}, "f"}, {Filter{Order: "CS"}, ""}, {Filter{Order: "cp-1"}, ""},
		{Filter{Customer: "c-17"}, "ag"}, {Filter{Customer: "c-19"}, "g"}, {Filter{Coupon: "cp-2"}, "b"}, {Filter{Coupon: "cp-9"}, "g"},
		{Filter{MinAmount: amount(t, "100.1")}, "a"}, {Filter{MinAmount: amount(t, "100.101")}, ""}, {Filter{MaxAmount: amount(t, "25")}, "eg"}, // e: 2500 fen
		{Filter{MinAmount: amount(t, "20.5"), MaxAmount: amount(t, "100.10")}, "aeg"}, {Filter{MinAmount: amount(t, "0"), Currency: "CNY"}, "ag"},
		{Filter{Currency: "USD"}, "e"}, {Filter{Currency: "EUR"}, ""},
		{Filter{Last: 3}, "fgh"}, {Filter{Last: 2, State: logfile.Succeeded}, "dg"}, {Filter{Last: 100}, "abcdefgh"},
		{Filter{Caller: "shop", State: logfile.Succeeded, Customer: "c-17", Since: at(2)}, "g"},
	} {
		if got := ids(t, scan, &c.filter); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.filter, got, c.want)
		}
		v := reflect.ValueOf(c.filter)
		for i := range v.NumField() {
			tested[v.Type().Field(i).Name] = tested[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for name, is := range tested {
		if !is {
			t.Errorf("no filter with %s is tested", name)
		}
	}
}

// TestScanEqualsJoiningByHand reads a larger log of several segments.
func TestScanEqualsJoiningByHand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	var want []string
	for range 3 {
		for range 300 {
			want = append(want, l.Call())
		}
		l.Rotate()
	}
	l.Close()
	var got []string
	err := Scan{dir}.Calls(t.Context(), &Filter{}, func(c *Call) error {
		if c.Intent == nil || c.Outcome == nil || c.Intent.Call != c.Outcome.Call || c.Outcome.Seq != c.Order() || c.Seq() != c.Intent.Seq {
			t.Errorf("%+v", c)
		}
		got = append(got, c.ID())
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d calls of %d, %v", len(got), len(want), err)
	}
	if last := ids(t, Scan{dir}, &Filter{Last: 2}); last != strings.Join(want[len(want)-2:], "") {
		t.Errorf("the last two are %s", last)
	}
}

func TestScanEndsEarly(t *testing.T) {
	scan := Scan{write(t, sample())}
	stop := errors.New("stop")
	for _, f := range []Filter{{}, {Last: 2}, {State: Open}} {
		n := 0
		err := scan.Calls(t.Context(), &f, func(*Call) error {
			n++
			return stop
		})
		if err != stop || n != 1 {
			t.Errorf("%+v: %d calls, %v", f, n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := scan.Calls(ctx, &Filter{}, func(*Call) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestScanOfADamagedLog: a scan has the calls before the fault, and then the fault.
func TestScanOfADamagedLog(t *testing.T) {
	dir := write(t, sample())
	name := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1))
	log, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.Index(string(log), `"call":"f"`)
	if err := os.WriteFile(name, append(log[:cut:cut], "x\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for last, want := range map[int]string{0: "abcde", 2: "de"} {
		got := ""
		err := Scan{dir}.Calls(t.Context(), &Filter{Last: last}, func(c *Call) error {
			got += c.ID()
			return nil
		})
		if got != want || err == nil || !strings.Contains(err.Error(), "no record") {
			t.Errorf("%q, want %q: %v", got, want, err)
		}
	}
}

func TestMembersOfACall(t *testing.T) {
	byID := map[string]*Call{}
	if err := (Scan{write(t, sample())}).Calls(t.Context(), &Filter{}, func(c *Call) error {
		byID[c.ID()] = c
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := byID["c"]
	if c.Caller() != "" || c.Claimed() != "shop" || c.CallerText() != "(shop?)" || c.Reason() != "bad_signature" || c.Time() != c.Ended() {
		t.Errorf("%+v", c.Row(time.UTC))
	}
	if h := byID["h"]; !h.Ended().IsZero() || h.Status() != 0 || h.Reason() != "" || h.Result() != "" {
		t.Errorf("%+v", h.Row(time.UTC))
	}
	proven := &Call{Refusal: &logfile.Record{Caller: "shop", ClaimedCaller: "report"}}
	if proven.Claimed() != "" || proven.CallerText() != "shop" {
		t.Errorf("%+v", proven.Row(time.UTC))
	}
	alone := &Call{Outcome: &logfile.Record{Seq: 9, Call: "z", Caller: "shop", Outcome: logfile.Unknown, Effect: "spend", Site: "cn"}}
	if alone.Caller() != "shop" || alone.State() != logfile.Unknown || alone.Decision() != logfile.Allowed || alone.Seq() != 9 || !alone.MovesMoney() {
		t.Errorf("%+v", alone.Row(time.UTC))
	}
	if n := len(byID["a"].Row(time.UTC).Cells()); n != len(RowColumns) {
		t.Errorf("%d cells for %d columns", n, len(RowColumns))
	}
}

// TestRowHasAccountAndReason: also where there is only one record, and in the columns of these names.
func TestRowHasAccountAndReason(t *testing.T) {
	r := &logfile.Record{Account: "c-17", Deprecated: true, Reason: "over_limit", Detail: "limit \"pay\" (1/s) is reached"}
	for name, c := range map[string]*Call{"refusal": {Refusal: r}, "outcome alone": {Outcome: r}, "outcome": {Intent: &logfile.Record{}, Outcome: r}} {
		cells := c.Row(time.UTC).Cells()
		for column, want := range map[string]string{"account": "c-17", "deprecated": "true", "reason": r.Reason, "detail": r.Detail} {
			if got := cells[slices.Index(RowColumns, column)]; got != want {
				t.Errorf("%s: %s is %q, want %q", name, column, got, want)
			}
		}
	}
	old := (&Call{Intent: &logfile.Record{Credential: "acme"}}).Row(time.UTC)
	if old.Account != "" || old.Deprecated || old.Detail != "" {
		t.Errorf("of an old log: %+v", old)
	}
}

// TestAmountsOfAnswers: an answer has a unit and a currency of its own, for each of its rows.
func TestAmountsOfAnswers(t *testing.T) {
	prices := field("order_infos[].amount_after_discount", "amount", "99.00", "5")
	for name, c := range map[string]struct {
		asked, answered []logfile.Field
		want            string
	}{
		"nothing said":          {nil, nil, "99.00 CNY 5 CNY"},
		"yuan":                  {nil, []logfile.Field{field("order_infos[].measure_id", "other", "1", "1")}, "99.00 CNY 5 CNY"},
		"fen":                   {nil, []logfile.Field{field("data.orderInfos[].measureId", "other", "3", "3")}, "0.9900 CNY 0.05 CNY"},
		"yuan and fen":          {nil, []logfile.Field{field("order_infos[].measure_id", "other", "1", "3")}, "2 not summed"},
		"the request's unit":    {[]logfile.Field{field("measure_id", "other", "2")}, nil, "9.900 CNY 0.5 CNY"},
		"not the request's":     {[]logfile.Field{field("measure_id", "other", "2")}, []logfile.Field{field("x.measure_id", "other", "1")}, "99.00 CNY 5 CNY"},
		"an unknown unit":       {nil, []logfile.Field{field("order_infos[].measure_id", "other", "7")}, "2 not summed"},
		"dollars":               {nil, []logfile.Field{field("order_infos[].currency", "currency", "USD", "usd")}, "99.00 USD 5 USD"},
		"yuan and dollars":      {nil, []logfile.Field{field("order_infos[].currency", "currency", "CNY", "USD")}, "99.00 XXX 5 XXX"},
		"another word of units": {nil, []logfile.Field{field("order_infos[].some_measure_id", "other", "3")}, "99.00 CNY 5 CNY"},
	} {
		call := &Call{Intent: &logfile.Record{Site: "cn", Effect: "read", Fields: c.asked}, Outcome: ended(logfile.Succeeded, 200, append(c.answered, prices)...)}
		amounts, unsummed := call.Amounts()
		var got []string
		for _, a := range amounts {
			got = append(got, a.Value.String(), a.Currency)
		}
		if unsummed > 0 {
			got = append(got, fmt.Sprint(unsummed, " not summed"))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
		if _, moved := call.Money(); moved || call.MovesMoney() {
			t.Errorf("%s: a read moves money", name)
		}
	}
}

// TestUnsummed: an amount that cannot be read is counted, shown in the row and in every range of amounts.
func TestUnsummed(t *testing.T) {
	omitted := logfile.Field{Name: "amount", Kind: "amount", Omitted: 1} // longer than the log records
	for name, c := range map[string]struct {
		fields           []logfile.Field
		summed, unsummed int
	}{
		"a blank before it":   {[]logfile.Field{field("amount", "amount", " 777777")}, 0, 1},
		"a unit behind it":    {[]logfile.Field{field("amount", "amount", "777780f")}, 0, 1},
		"thousands":           {[]logfile.Field{field("amount", "amount", "777,779")}, 0, 1},
		"left out":            {[]logfile.Field{omitted}, 0, 1},
		"an unknown unit":     {[]logfile.Field{field("amount", "amount", "5"), field("measure_id", "other", "9")}, 0, 1},
		"empty":               {[]logfile.Field{field("amount", "amount", "")}, 0, 1},
		"one of two":          {[]logfile.Field{field("amount", "amount", "5", "x")}, 1, 1},
		"a number":            {[]logfile.Field{field("amount", "amount", "5")}, 1, 0},
		"a field of its kind": {[]logfile.Field{field("memo", "other", "777,779")}, 0, 0},
	} {
		call := &Call{Intent: spend("oldAdjustAmount", c.fields...), Outcome: ended(logfile.Succeeded, 200)}
		row := call.Row(time.UTC)
		if len(row.Amounts) != c.summed || row.Unsummed != c.unsummed {
			t.Errorf("%s: amounts %v, %d unsummed", name, row.Amounts, row.Unsummed)
		}
		if cell := row.Cells()[slices.Index(RowColumns, "unsummed")]; cell != strings.Trim(fmt.Sprint(c.unsummed), "0") {
			t.Errorf("%s: the cell is %q", name, cell)
		}
		for _, f := range []Filter{{MinAmount: amount(t, "1e40")}, {MaxAmount: amount(t, "-1e40")}, {MinAmount: amount(t, "1e40"), Currency: "CNY"}} {
			if f.Match(call) != (c.unsummed > 0) {
				t.Errorf("%s: match is %v for %+v", name, f.Match(call), f)
			}
		}
		if f := (Filter{MinAmount: amount(t, "1"), Currency: "USD"}); f.Match(call) {
			t.Errorf("%s: found in another currency", name)
		}
	}
}

// TestCurrency: the currency of the records goes before that of the upstream, and that before the site's.
func TestCurrency(t *testing.T) {
	for _, c := range []struct{ site, upstream, said, want string }{
		{"cn", "", "", "CNY"}, {"intl", "", "", "USD"}, {"", "", "", "XXX"},
		{"intl", "XXX", "", "XXX"}, {"intl", "XXX", "eur", "EUR"}, {"intl", "XXX", "euro", "XXX"}, {"intl", "", "eur", "EUR"},
	} {
		r := spend("UpdateSubCustomerBudget", field("budget_amount", "amount", "100"))
		r.Site, r.Currency = c.site, c.upstream
		if c.said != "" {
			r.Fields = append(r.Fields, field("currency", "currency", c.said))
		}
		call := &Call{Intent: r, Outcome: ended(logfile.Succeeded, 204)}
		if amounts, _ := call.Amounts(); call.Currency() != c.want || len(amounts) != 1 || amounts[0].Currency != c.want {
			t.Errorf("%+v: %s, %v", c, call.Currency(), amounts)
		}
	}
}

func TestMoney(t *testing.T) {
	omitted := field("amount", "amount", "1")
	omitted.Omitted = 1
	recipients := field("customer_ids[]", "customer", "a", "b")
	recipients.Omitted = 1
	intl := spend("UpdateSubCustomerBudget", field("budget_amount", "amount", "100"))
	intl.Site = "intl"
	cut := spend("UpdateCustomerAccountAmount", field("amount", "amount", "1"))
	cut.Cut = true
	nowhere := spend("declared", field("amount", "amount", "1"))
	nowhere.Site = ""
	for _, c := range []struct {
		name   string
		intent *logfile.Record
		answer []logfile.Field
		want   string // empty: not known
	}{
		{"as text says it", spend("UpdateCustomerAccountAmount", field("amount", "amount", "99.90")), nil, "99.90 CNY"},
		{"a JSON number", spend("UpdateCustomerAccountAmount", field("amount", "amount", "1.5e2")), nil, "150 CNY"},
		{"the answer's amounts are not added", spend("ReclaimToPartnerAccount", field("amount", "amount", "5")), []logfile.Field{field("quota_balance", "amount", "7")}, "5 CNY"},
		{"a payment of orders", spend("PayOrders", field("order_id", "order", "1")), nil, ""},
		{"fen", spend("oldAdjustAmount", field("amount", "amount", "12345"), field("measure_id", "other", "3")), nil, "123.45 CNY"},
		{"jiao", spend("oldAdjustAmount", field("amount", "amount", "12345"), field("measure_id", "other", "2")), nil, "1234.5 CNY"},
		{"yuan", spend("oldAdjustAmount", field("amount", "amount", "12345"), field("measure_id", "other", "1")), nil, "12345 CNY"},
		{"an unknown unit", spend("oldAdjustAmount", field("amount", "amount", "12345"), field("measure_id", "other", "4")), nil, ""},
		{"a currency of its own", spend("oldAdjustAmount", field("amount", "amount", "1"), field("currency", "currency", "eur")), nil, "1 EUR"},
		{"no currency that is one", spend("oldAdjustAmount", field("amount", "amount", "1"), field("currency", "currency", "=1+1")), nil, "1 XXX"},
		{"no letters of ASCII, though in capitals they are", spend("oldAdjustAmount", field("amount", "amount", "1"), field("currency", "currency", "ſa")), nil, "1 XXX"},
		{"no site", nowhere, nil, "1 XXX"},
		{"two amounts", spend("UpdateCustomerAccountAmount", field("amount", "amount", "1", "2")), nil, ""},
		{"more than the log holds", spend("UpdateCustomerAccountAmount", omitted), nil, ""},
		{"a record that was cut", cut, nil, ""},
		{"an answer with an amount in no sum", spend("ReclaimToPartnerAccount", field("amount", "amount", "5")), []logfile.Field{field("quota_balance", "amount", "x")}, "5 CNY"},
		{"a number in the request, none in the answer that has to have it", spend("ReclaimEnterpriseMultiAccountCoupon", field("amount", "amount", "5")), []logfile.Field{field("real_retrieve_amout", "amount", "x")}, ""},
		{"no number", spend("UpdateCustomerAccountAmount", field("amount", "amount", "1,000")), nil, ""},
		{"less than nothing", spend("UpdateCustomerAccountAmount", field("amount", "amount", "-1")), nil, ""},
		{"coupons for three", spend("CreatePartnerCoupons", field("face_value", "amount", "20.50"), recipients), nil, "61.50 CNY"},
		{"coupons for no customer", spend("CreatePartnerCoupons", field("face_value", "amount", "20.50")), nil, ""},
		{"quotas for two", spend("UpdateCouponQuotas", field("quota_amount", "amount", "7"), field("indirect_partner_ids[]", "partner", "p", "q")), nil, "14 CNY"},
		{"the answer has it", spend("ReclaimEnterpriseMultiAccountCoupon"), []logfile.Field{field("real_retrieve_amout", "amount", "3.20")}, "3.20 CNY"},
		{"a limit", intl, nil, ""},
		{"a read", &logfile.Record{Effect: "read", Site: "cn", Fields: []logfile.Field{field("amount", "amount", "1")}}, nil, ""},
	} {
		call := &Call{Intent: c.intent, Outcome: ended(logfile.Succeeded, 200, c.answer...)}
		got := ""
		if figure, ok := call.Money(); ok {
			got = figure.Value.String() + " " + figure.Currency
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	long := &Call{Intent: spend("UpdateCustomerAccountAmount", field("amount", "amount", "5")), Outcome: ended(logfile.Succeeded, 200)}
	long.Outcome.Cut = true
	if figure, ok := long.Money(); !ok || figure.Value.String() != "5" {
		t.Errorf("where the answer's record was cut: %+v, %v", figure, ok)
	}
	for _, operation := range []string{"UpdateSubCustomerBudget", "setCredit"} {
		if (&Call{Intent: spend(operation)}).MovesMoney() {
			t.Errorf("%s moves money", operation)
		}
	}
}
