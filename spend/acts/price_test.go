package acts

import (
	"math/big"
	"strings"
	"testing"

	"tollgate/bss"
	"tollgate/catalog"
)

// priced returns the act of a request that has a price query, and the query.
func priced(t testing.TB, a asks) (*Act, *Query, error) {
	t.Helper()
	op, request, err := a.read(t)
	if err != nil {
		t.Fatal(err)
	}
	act, err := Read(op, "bss", request, hash)
	if err != nil {
		t.Fatal(err)
	}
	q, err := act.PriceQuery(op.Site, request)
	return act, q, err
}

// TestPriceQuery: each act whose price is read names one read, of its own site, and what it asks.
func TestPriceQuery(t *testing.T) {
	for name, c := range map[string]struct {
		asks
		want string
	}{
		"payment":    {asks{"cn", "PayOrders", "", "", `{"order_id":"CS-1"}`}, "cn GET /v2/orders/customer-orders/details/CS-1 "},
		"v1 payment": {asks{"intl", "orderPay", "domain_id=d", "", `{"orderId":"CS-1"}`}, "intl GET /v2/orders/customer-orders/details/CS-1 "},
		"renewal": {
			asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R-1","r-2"],"period_type":3,"period_num":2,"is_auto_pay":1}`},
			`cn POST /v2/bills/ratings/period-resources/renew-rate {"resource_ids":["R-1","r-2"],"period_type":3,"period_num":2,"include_relative_resources":true}`,
		},
		"v1 renewal": {
			asks{"intl", "orderRenewByResourceId", "domain_id=d", "", `{"resourceIds":["r-1"],"periodType":"2","periodNum":1}`},
			`intl POST /v2/bills/ratings/period-resources/renew-rate {"resource_ids":["r-1"],"period_type":2,"period_num":1,"include_relative_resources":true}`,
		},
	} {
		_, q, err := priced(t, c.asks)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := q.Operation.Site + " " + q.Operation.Method + " " + q.Path + " " + string(q.Body); got != c.want || q.Operation.Effect != catalog.Read {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, a := range map[string]asks{
		"two orders":      {"cn", "orderPay", "domain_id=d", "", `{"orderId":"CS-1","order_id":"CS-2"}`},
		"no period":       {"cn", "RenewalResources", "", "", `{"resource_ids":["r-1"],"is_auto_pay":1,"period_num":1}`},
		"a negative one":  {"cn", "RenewalResources", "", "", `{"resource_ids":["r-1"],"is_auto_pay":1,"period_type":2,"period_num":-1}`},
		"two periods":     {"cn", "orderRenewByResourceId", "domain_id=d", "", `{"resource_ids":["r-1"],"period_type":2,"periodType":3,"period_num":1}`},
		"an unsubscribed": {"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["r-1"],"unsubscribe_type":1}`},
	} {
		if _, q, err := priced(t, a); err == nil {
			t.Errorf("%s: asks %s %s", name, q.Path, q.Body)
		}
	}
}

// TestPriceSourcesAreRead: every act of the catalog whose price is to be read has a read at each of its sites that shows what is looked for.
func TestPriceSourcesAreRead(t *testing.T) {
	shown := map[string][]string{
		orderRead:   {orderID, orderAmount, orderCurrency, orderMeasure, orderStatus},
		renewalRead: {renewalAmount, renewalMeasure, renewalCurrency, renewed},
	}
	for _, site := range catalog.Sites() {
		for read, names := range shown {
			op := catalog.Find(site, read)
			for _, name := range names {
				found := false
				for _, f := range op.Answer {
					found = found || f.Name == name
				}
				if !found {
					t.Errorf("%s of %s does not read %s", read, site, name)
				}
			}
		}
	}
}

func renewal(t testing.TB) (*Act, *Query) {
	act, q, err := priced(t, asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R-1","r-2"],"period_type":2,"period_num":1,"is_auto_pay":1}`})
	if err != nil {
		t.Fatal(err)
	}
	return act, q
}

func payment(t testing.TB) (*Act, *Query) {
	act, q, err := priced(t, asks{"cn", "PayOrders", "", "", `{"order_id":"CS-1"}`})
	if err != nil {
		t.Fatal(err)
	}
	return act, q
}

// TestRenewalPrice: the price of a renewal is that of all its resources, or not known.
func TestRenewalPrice(t *testing.T) {
	const rows = `"renew_inquiry_results":[{"resource_id":"r-1","amount":"1"},{"resource_id":"r-2","amount":"2"}]`
	amount := func(v string) string { return `"official_website_rating_result":{"official_website_amount":` + v + `}` }
	act, q := renewal(t)
	for body, want := range map[string]string{
		`{` + rows + `,` + amount(`"3.00001"`) + `,"currency":"CNY"}`:                                                            "3.0001 CNY",
		`{` + rows + `,` + amount(`3`) + `,"currency":"cny","fail_resource_infos":[]}`:                                           "3.00 CNY",
		`{` + rows + `,"official_website_rating_result":{"official_website_amount":3,"measure_id":1},"currency":"CNY"}`:          "3.00 CNY",
		`{` + rows + `,"official_website_rating_result":{"official_website_amount":3,"measure_id":3},"currency":"CNY"}`:          "",
		`{` + rows + `,` + amount(`3`) + `}`:                                                                                     "",
		`{` + rows + `,` + amount(`3`) + `,"currency":"CNY","fail_resource_infos":[{"resource_id":"r-2","error_code":"CBC.1"}]}`: "",
		`{"renew_inquiry_results":[{"resource_id":"r-1"}],` + amount(`3`) + `,"currency":"CNY"}`:                                 "",
		`{` + amount(`3`) + `,"currency":"CNY"}`:                                                                                 "",
		`{` + rows + `,"currency":"CNY"}`:                                                                                        "",
		`{` + rows + `,` + amount(`3`) + `,"currency":"CNY","currency":"CNY"}`:                                                   "",
	} {
		answer := bss.ReadAnswer(q.Operation, nil, 200, "application/json", []byte(body))
		p, err := act.ReadPrice(&answer, []byte(body))
		if got := p.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%s: %s (%v), want %q", body, got, err, want)
		}
	}
}

// TestReadPaid: only the two states that say so settle a payment.
func TestReadPaid(t *testing.T) {
	_, q := payment(t)
	for body, want := range map[string]string{
		`{"order_info":{"order_id":"cs-1","status":5}}`:            "paid",
		`{"order_info":{"order_id":"CS-1","status":"5"}}`:          "paid",
		`{"order_info":{"order_id":"CS-1","status":6}}`:            "unpaid",
		`{"order_info":{"order_id":"CS-1","status":4}}`:            "",
		`{"order_info":{"order_id":"CS-1","status":5.0}}`:          "",
		`{"order_info":{"order_id":"CS-1","status":5,"status":6}}`: "",
		`{"order_info":{"order_id":"CS-1"}}`:                       "",
		`{"order_info":{"order_id":"CS-2","status":5}}`:            "",
		`{"order_info":{"status":5}}`:                              "",
		`{}`:                                                       "",
	} {
		answer := bss.ReadAnswer(q.Operation, nil, 200, "application/json", []byte(body))
		paid, err := ReadPaid("CS-1", &answer, []byte(body))
		got := map[bool]string{true: "paid", false: "unpaid"}[paid]
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%s: %q (%v), want %q", body, got, err, want)
		}
	}
}

// FuzzPrice: whatever a provider answers, a price is one amount that stands in the answer, rounded up by less than 1/10,000, and never
// comes from an answer that is no success.
func FuzzPrice(f *testing.F) {
	for _, body := range []string{
		`{"order_info":{"order_id":"CS-1","amount_after_discount":10000.00001,"currency":"CNY","measure_id":1,"status":5}}`,
		`{"order_info":{"order_id":"CS-1","amount_after_discount":"1e2","currency":"usd","measure_id":"1"}}`,
		`{"currency":"CNY","official_website_rating_result":{"official_website_amount":"3"},"renew_inquiry_results":[{"resource_id":"R-1"},{"resource_id":"r-2"}]}`,
		`{"order_info":{},"error_code":"CBC.1"}`,
	} {
		f.Add(200, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, of := range []func(testing.TB) (*Act, *Query){payment, renewal} {
			act, q := of(t)
			answer := bss.ReadAnswer(q.Operation, nil, status, "application/json", []byte(body))
			if paid, err := ReadPaid("CS-1", &answer, []byte(body)); paid && (err != nil || !strings.Contains(body, "5") && !strings.Contains(body, `\u0035`)) {
				t.Errorf("%q says that the order was paid (%v)", body, err)
			}
			p, err := act.ReadPrice(&answer, []byte(body))
			if err != nil {
				if p.Amount != 0 || p.Currency != "" {
					t.Errorf("%v, and the price %v", err, p)
				}
				continue
			}
			if answer.Result != bss.Success || p.Amount < 0 || !isCurrency(p.Currency) {
				t.Errorf("%v of %q", p, body)
			}
			checkRounded(t, p.Amount.String(), answer.Fields)
		}
	})
}

// checkRounded holds an amount against the text that it was read from, as another package reads it.
func checkRounded(t *testing.T, amount string, fields []bss.Value) {
	var text string
	for _, f := range fields {
		if f.Name == orderAmount || f.Name == renewalAmount {
			text = f.Values[0]
		}
	}
	said, ok := new(big.Rat).SetString(text)
	got, _ := new(big.Rat).SetString(amount)
	if !ok {
		t.Fatalf("%q was read as %s", text, amount)
	}
	if over := got.Sub(got, said); over.Sign() < 0 || over.Cmp(big.NewRat(1, 10_000)) >= 0 {
		t.Errorf("%q was read as %s", text, amount)
	}
}
