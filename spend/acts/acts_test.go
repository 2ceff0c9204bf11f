package acts

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/audit/mac"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/internal/setting"
	"tollgate/spend"
)

// hash stands in for a keyed hash.
func hash(text []byte) [16]byte {
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}

// texts collects the canonical texts that are hashed.
func texts(into *[]string) Hash {
	return func(text []byte) [16]byte {
		*into = append(*into, strings.ReplaceAll(string(text), "\n", "; "))
		return hash(text)
	}
}

// asks is a request.
type asks struct{ site, operation, path, query, body string }

func (a asks) read(t testing.TB) (*catalog.Operation, *bss.Request, error) {
	t.Helper()
	op := catalog.Find(a.site, a.operation)
	if op == nil {
		t.Fatalf("no operation %s of %s", a.operation, a.site)
	}
	params := func(name string) string {
		if value, ok := strings.CutPrefix(a.path, name+"="); ok {
			return value
		}
		return ""
	}
	request, err := bss.ReadRequest(op, params, pairs(a.query), []byte(a.body))
	return op, &request, err
}

// pairs reads "a=1&b=2".
func pairs(query string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			value, _ = url.QueryUnescape(value)
			if pair != "" && !yield(name, value) {
				return
			}
		}
	}
}

// read returns the act of a request that is one, and the texts of its keys.
func read(t testing.TB, call asks) (*Act, []string) {
	t.Helper()
	op, request, err := call.read(t)
	if err != nil {
		t.Fatal(err)
	}
	var canonical []string
	a, err := Read(op, "bss", request, texts(&canonical))
	if err != nil {
		t.Fatalf("%s: %v", call.body, err)
	}
	return a, canonical
}

// TestSameAct: what is one act has one key, whatever the version of the API, the spelling and the way an amount is written; what is not has
// another.
func TestSameAct(t *testing.T) {
	seen := map[spend.Digest]bool{}
	for _, same := range [][]asks{
		{
			{"cn", "PayOrders", "", "", `{"order_id":"CS1"}`}, {"cn", "PayOrders", "", "", `{"order_id":"cs1","use_coupon":"YES"}`},
			{"cn", "oldPayOrderV2", "", "", `{"order_id":"CS1"}`}, {"cn", "orderPay", "", "", `{"orderId":"Cs1"}`},
		},
		{{"cn", "PayOrders", "", "", `{"order_id":"CS2"}`}},
		{{"intl", "PayOrders", "", "", `{"order_id":"CS1"}`}},
		{{"cn", "unsubscribeOrder", "order_id=CS1", "", ""}},
		{{"cn", "RenewalResources", "", "", `{"resource_ids":["R"],"period_num":1}`}, {"cn", "orderRenewByResourceId", "", "", `{"resourceIds":["r"],"periodNum":2}`}},
		{
			{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R"],"unsubscribe_type":1}`},
			{"cn", "orderDeleteByResourceId", "", "", `{"resourceIds":["R"],"unSubType":"1"}`},
		},
		{{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R"],"unsubscribe_type":2}`}},
		{
			{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C","amount":"50"}`},
			{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C","amount":50.0000,"indirect_partner_id":"P"}`},
			{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C","amount":5e3,"measure_id":3}`},
		},
		{{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C","amount":"50.01"}`}},
		{{"cn", "ReclaimToPartnerAccount", "", "", `{"customer_id":"C","amount":"50"}`}},
		{
			{"cn", "UpdateSubEnterpriseAmount", "", "", `{"customer_id":"C","amount":"50"}`},
			{"cn", "oldEnterpriseTransfer", "", "", `{"subCustomerId":"C","amount":"50.0","balanceType":"BALANCE_TYPE_DEBIT"}`},
		},
		{
			{"cn", "ReclaimSubEnterpriseAmount", "", "", `{"customer_id":"C","amount":"50"}`},
			{"cn", "oldEnterpriseRetrieve", "", "", `{"subCustomerId":"C","totalRetrieveAmout":"50"}`},
		},
		{{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C"],"face_value":50,"memo":"1"}`},
			{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"q","customer_ids":["C"],"face_value":"50.00","expire_time":"2026-12-31T00:00:00Z"}`}},
		{{"intl", "UpdateSubCustomerBudget", "", "", `{"customer_id":"C","budget_amount":1}`}},
	} {
		first, _ := read(t, same[0])
		for _, other := range same[1:] {
			if a, canonical := read(t, other); a.Keys[0].Digest != first.Keys[0].Digest {
				t.Errorf("%s %s is not %s %s: %q", other.operation, other.body, same[0].operation, same[0].body, canonical)
			}
		}
		if seen[first.Keys[0].Digest] {
			t.Errorf("%s %s is another act", same[0].operation, same[0].body)
		}
		seen[first.Keys[0].Digest] = true
	}
	budget, _ := read(t, asks{"intl", "UpdateSubCustomerBudget", "", "", `{"customer_id":"C"}`})
	credit, _ := read(t, asks{"intl", "setCredit", "", "", `{"customerId":"c","amount":1}`})
	if budget.Keys[0].Digest != credit.Keys[0].Digest || credit.Keys[1].Digest == credit.Keys[0].Digest {
		t.Error("the budget of a customer can be set twice at once")
	}
}

// TestTextOfAKey holds the text that auditors are asked to hash against that which is hashed.
func TestTextOfAKey(t *testing.T) {
	manual, err := os.ReadFile("../../docs/acts.md")
	if err != nil {
		t.Fatal(err)
	}
	var hashed string
	op, request, _ := asks{"cn", "PayOrders", "", "", `{"order_id":"CS2401010000AAAAA"}`}.read(t)
	if _, err := Read(op, "bss", request, func(text []byte) [16]byte { hashed = string(text); return hash(text) }); err != nil {
		t.Fatal(err)
	}
	if want := "printf '" + strings.ReplaceAll(hashed, "\n", `\n`) + "' | tollgate audit hash"; !strings.Contains(string(manual), want) {
		t.Errorf("docs/acts.md lacks %s", want)
	}
}

func TestBounds(t *testing.T) {
	list := func(n int) string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("%q", "r"+strconv.Itoa(i)))
		}
		return strings.Join(ids, ",")
	}
	for body, problem := range map[string]string{
		`{"order_id":"` + strings.Repeat("a", 128) + `"}`:  "",
		`{"order_id":"` + strings.Repeat("a", 129) + `"}`:  "1 to 128",
		`{"order_id":"` + strings.Repeat("a", 1025) + `"}`: "1 KiB",
		`{"order_id":"Az09_.-"}`:                           "",
		`{"order_id":""}`:                                  "1 to 128",
		`{"order_id":"a b"}`:                               "1 to 128",
		`{"order_id":" CS1"}`:                              "1 to 128",
		`{"order_id":"CS1\n"}`:                             "1 to 128",
		`{"order_id":"CS1\u0000"}`:                         "1 to 128",
		`{"order_id":"ＣＳ１"}`:                               "1 to 128",
		`{"order_id":"\u212a"}`:                            "1 to 128", // the Kelvin sign, whose lower case is k
		`{"order_id":"a/b"}`:                               "1 to 128",
		`{"order_id":123456789012345}`:                     "",
		`{"order_id":1234567890123456}`:                    "as a string",
		`{"order_id":1e3}`:                                 "as a string",
		`{"order_id":1000.0}`:                              "as a string",
		`{"order_id":-1}`:                                  "as a string",
		`{"order_id":"1e3"}`:                               "",
	} {
		op, request, err := asks{"cn", "PayOrders", "", "", body}.read(t)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read(op, "bss", request, hash)
		if problem == "" && err != nil || problem != "" && (!errors.As(err, new(*Error)) || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%s: %v, want %q", body, err, problem)
		}
	}
	for n, problem := range map[int]string{100: "", 101: "more than 100 values"} {
		op, request, _ := asks{"cn", "RenewalResources", "", "", `{"resource_ids":[` + list(n) + `]}`}.read(t)
		if _, err := Read(op, "bss", request, hash); (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%d resources: %v", n, err)
		}
	}
	a, _ := read(t, asks{"cn", "orderRenewByResourceId", "", "", `{"resource_ids":["a",null],"resourceIds":[` + list(100) + `]}`})
	if len(a.Keys) != 101 {
		t.Errorf("%d keys", len(a.Keys))
	}
}

// TestTooManyKeys: combinations of lists can be more than a call may hold.
func TestTooManyKeys(t *testing.T) {
	op, err := catalog.Declare(catalog.Declaration{
		Name: "Pay", Method: "POST", Path: "/pay", Effect: catalog.Spend,
		Act: &catalog.ActDeclaration{Name: "pay", Keys: []string{"from[]+to[]"}, Window: setting.Duration(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, strconv.Itoa(i))
		}
		return ids
	}
	for n, ok := range map[int]bool{16: true, 17: false} {
		request := &bss.Request{Fields: []bss.Value{{Name: "from[]", Values: ids(16)}, {Name: "to[]", Values: ids(n)}}}
		a, err := Read(op, "app", request, hash)
		if ok != (err == nil) || ok && len(a.Keys) != maxKeys {
			t.Errorf("16 by %d: %v", n, err)
		}
	}
}

// TestDeclared: endpoints that an operator declared have acts of their own upstream, whose bodies must be clear.
func TestDeclared(t *testing.T) {
	op, err := catalog.Declare(catalog.Declaration{
		Name: "Pay", Method: "POST", Path: "/books/{book}/pay", Effect: catalog.Spend,
		Act: &catalog.ActDeclaration{Name: "pay", Keys: []string{"order_id", "book+items[].id"}, Window: setting.Duration(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	params := func(name string) string { return map[string]string{"book": "B1"}[name] }
	for body, want := range map[string]string{
		`{"order_id":"CS1","items":[{"id":"x"},{"id":"Y"}],"customer_id":"C1"}`: "order_id cs1|book b1; items[].id x|book b1; items[].id y",
		`{"order_id":"CS1","items":[]}`:                                         "! items[].id must be given",
		`{"order_id":"CS1","items":[{"id":"x"},{"id":"X"}]}`:                    "! twice",
		`{"order_id":"CS1","Order_id":"CS2","items":[{"id":"x"}]}`:              "! is not clear",
		`{"order_id":"CS1","items":[{"id":"x"}],"Customer_Id":"C1"}`:            "! is not clear",
		`order_id=CS1`: "! is not clear",
		``:             "! order_id must be given",
	} {
		request, err := bss.ReadRequest(op, params, nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var canonical []string
		a, err := Read(op, "books", &request, texts(&canonical))
		if problem, refused := strings.CutPrefix(want, "! "); refused {
			if !errors.As(err, new(*Error)) || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: %v, want %q", body, err, problem)
			}
			continue
		}
		head := "act pay; upstream books; "
		if err != nil || strings.ReplaceAll(strings.Join(canonical, "|"), head, "") != want || !strings.HasPrefix(canonical[0], head) {
			t.Errorf("%s: %q, %v", body, canonical, err)
			continue
		}
		if a.Keys[0].Window != time.Hour || len(a.Customers) != 1 || a.Customers[0].Customer != "c1" || !a.Pays || a.PriceFrom != catalog.PriceNone {
			t.Errorf("%s: %+v", body, a)
		}
		if _, ok := a.Failed([]string{"x"}); ok {
			t.Error("an answer of an endpoint that was declared says what failed")
		}
	}
}

// TestNoAct: a call of an operation without one, and one that is explained without the key of hashes.
func TestNoAct(t *testing.T) {
	if a, err := Read(catalog.Find("cn", "ListCustomerOrders"), "bss", &bss.Request{}, hash); a != nil || err != nil {
		t.Errorf("%+v, %v", a, err)
	}
	op, request, _ := asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":"99.90"}`}.read(t)
	a, err := Read(op, "bss", request, nil)
	if err != nil || a.Keys[0].Digest != (spend.Digest{}) || a.Names()[0] != "customer_id C1, amount 99.90" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestFailed(t *testing.T) {
	renewal := asks{"cn", "RenewalResources", "", "", `{"resource_ids":["A","b","C"]}`}
	for _, test := range []struct {
		call   asks
		answer string
		keys   []int
		ok     bool
	}{
		{renewal, `{"fail_resource_infos":[{"resource_id":"c"},{"resource_id":"a"}]}`, []int{0, 2}, true},
		{renewal, `{"fail_resource_infos":[{"resource_id":"a"},{"resource_id":"b"},{"resource_id":"c"}]}`, []int{0, 1, 2}, true},
		{renewal, `{"fail_resource_infos":[{"resource_id":"a"},{"resource_id":"attached"}]}`, nil, false},
		{renewal, `{"fail_resource_infos":[{"resource_id":"a"},{"error_code":"CBC.1"}]}`, nil, false},
		{renewal, `{"error_details":[{"id":"batch-1"}]}`, nil, false},
		{renewal, `{"order_ids":["o"]}`, nil, false},
		{asks{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C1","C2"],"face_value":1}`},
			`{"coupon_infos":[{"id":"C1","coupon_id":"x"}],"error_details":[{"id":"C2"}]}`, []int{1}, true},
		{asks{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C1","C2"],"face_value":1}`}, `{"error_details":[{"id":"Q"}]}`, nil, false},
		{asks{"cn", "UpdateCouponQuotas", "", "", `{"quota_id":"Q","indirect_partner_ids":["P1","P2"],"quota_amount":1}`},
			`{"simple_quota_infos":[{"id":"P1","quota_id":"x"}],"error_details":[{"id":"P2"}]}`, []int{1}, true},
		{asks{"cn", "ReclaimCouponQuotas", "", "", `{"quota_ids":["Q1","Q2"]}`}, `{"error_details":[{"id":"Q1"}]}`, []int{0}, true},
		{asks{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["A","B"],"unsubscribe_type":1}`},
			`{"fail_resource_infos":[{"resource_id":"B"}]}`, []int{1}, true},
		{asks{"cn", "UpdatePeriodToOnDemandInstantly", "", "", `{"resource_ids":["A","B"]}`},
			`{"to_ondemand_service_results":[{"resource_id":"A","result":"SUCCESS"},{"resource_id":"B","result":"FAIL"}]}`, []int{1}, true},
		{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":1}`}, `{"error_details":[{"id":"C1"}]}`, nil, false},
		{asks{"cn", "PayOrders", "", "", `{"order_id":"CS1"}`}, `{"error_details":[{"id":"CS1"}]}`, nil, false},
	} {
		op, request, err := test.call.read(t)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Read(op, "bss", request, hash)
		if err != nil {
			t.Fatal(err)
		}
		outcome := bss.ReadAnswer(op, request.Fields, 200, "application/json", []byte(test.answer))
		if keys, ok := a.Failed(outcome.Failed); ok != test.ok || !slices.Equal(keys, test.keys) {
			t.Errorf("%s: %s: keys %v, %v", test.call.body, test.answer, keys, ok)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	key := mac.New()
	for _, call := range []asks{
		{"cn", "PayOrders", "", "", `{"order_id":"CS2401010000AAAAA","use_coupon":"NO"}`},
		{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C1","C2"],"face_value":100}`},
	} {
		op, request, err := call.read(b)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(call.operation, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(op, "bss", request, key.Short); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestQuery: what the provider takes from a body does not count in a query, where it would say something else to the guard than to the
// provider.
func TestQuery(t *testing.T) {
	for _, call := range []asks{
		{"cn", "PayOrders", "", "order_id=CS1", `{}`},
		{"cn", "PayOrders", "", "order_id=CS1", `{"order_id":"CS1"}`},
		{"cn", "oldAdjustAmount", "", "measure_id=3", `{"customer_id":"C1","amount":9990}`},
		{"cn", "oldAdjustAmount", "", "currency=USD", `{"customer_id":"C1","amount":9990}`},
		{"cn", "orderRenewByResourceId", "", "is_auto_pay=0", `{"resource_ids":["r"]}`},
		{"cn", "UpdateSubEnterpriseAmount", "", "balance_type=BALANCE_TYPE_CREDIT", `{"customer_id":"C1","amount":1}`},
		{"cn", "RenewalResources", "", "resource_ids=r", `{}`},
	} {
		op, request, err := call.read(t)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := Read(op, "bss", request, hash); a != nil || err == nil || !strings.Contains(err.Error(), "stands in the query of a POST") {
			t.Errorf("%s?%s: %+v, %v", call.operation, call.query, a, err)
		}
	}
}
