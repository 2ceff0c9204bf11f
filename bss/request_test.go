package bss

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/internal/digest"
)

var fieldsOfSpend = []catalog.Field{
	{Name: "customer_id", Kind: catalog.FieldCustomer},
	{Name: "amount", Kind: catalog.FieldAmount},
	{Name: "resource_ids[]", Kind: catalog.FieldResource},
	{Name: "coupon_infos[].id", Kind: catalog.FieldCoupon},
	{Name: "coupon_infos[].type", Kind: catalog.FieldOther},
	{Name: "agent.order_id", Kind: catalog.FieldOrder},
	{Name: "customer_ids[]", Kind: catalog.FieldCustomer},
	{Name: "customerIds[]", Kind: catalog.FieldCustomer},
	{Name: "customerId", Kind: catalog.FieldCustomer},
	{Name: "subCustomerId", Kind: catalog.FieldCustomer},
	{Name: "customer_infos[].customer_id", Kind: catalog.FieldCustomer},
	{Name: "indirect_partner_id", Kind: catalog.FieldPartner},
	{Name: "indirect_partner_ids[]", Kind: catalog.FieldPartner},
}

func spend() *catalog.Operation {
	return &catalog.Operation{Site: "cn", Name: "Spend", Method: "POST", Effect: catalog.Spend, Class: catalog.ClassPartner, Request: fieldsOfSpend}
}

func read(method string) *catalog.Operation {
	return &catalog.Operation{Site: "cn", Name: "Read", Method: method, Effect: catalog.Read, Class: catalog.ClassPartner, Request: fieldsOfSpend}
}

func declared(effect catalog.Effect) *catalog.Operation {
	return &catalog.Operation{Name: "Ledger", Method: "*", Effect: effect}
}

// pairs reads "a=1&b=2".
func pairs(query string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			name, _ = url.QueryUnescape(name)
			if pair != "" && !yield(name, value) {
				return
			}
		}
	}
}

func params(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// show writes fields as "customer_id=a,b amount=1".
func show(fields []Value) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%s=%s", f.Name, strings.Join(f.Values, ","))
		if f.Omitted > 0 {
			fmt.Fprintf(&b, "+%d", f.Omitted)
		}
		b.WriteByte(' ')
	}
	return strings.TrimSuffix(b.String(), " ")
}

func TestReadRequest(t *testing.T) {
	for _, test := range []struct {
		name, query, body string
		fields            string
		customers         string
	}{
		{"nothing", "", "", "", ""},
		{"string amount", "", `{"customer_id":"c-17","amount":"99.90"}`, "customer_id=c-17 amount=99.90", "c-17"},
		{"numbers as written", "", `{"amount":1.10e+02}`, "amount=1.10e+02", ""},
		{"large number", "", `{"amount":123456789012345678901234567890.10}`, "amount=123456789012345678901234567890.10", ""},
		{"bool", "", `{"amount":true}`, "amount=true", ""},
		{"null", "", `{"amount":null,"customer_id":null,"resource_ids":null,"coupon_infos":null}`, "", ""},
		{"escapes", "", `{"\u0061mount":"\u0031\n","customer_id":"\"\u4e2d"}`, "customer_id=\"中 amount=1\n", "\"中"},
		{"lists", "", `{"resource_ids":["a","b",3],"coupon_infos":[{"id":"x","type":1},{"type":2,"id":"y"}]}`,
			"resource_ids[]=a,b,3 coupon_infos[].id=x,y coupon_infos[].type=1,2", ""},
		{"empty lists", "", `{"resource_ids":[],"coupon_infos":[]}`, "", ""},
		{"null in a list", "", `{"resource_ids":[null,"a"]}`, "resource_ids[]=a", ""},
		{"object", "", `{"agent":{"order_id":"o"}}`, "agent.order_id=o", ""},
		{"same names elsewhere", "", `{"x":{"amount":1,"coupon_infos":[{"id":1}]},"y":[{"amount":2}]}`, "", ""},
		{"names that look like paths", "", `{"coupon_infos[].id":"x","agent.order_id":"o","":{"amount":1},"resource_ids[]":["a"]}`, "", ""},
		{"white space", "", " \r\n\t{ \"amount\" : 1 } \n", "amount=1", ""},
		{"query", "amount=5&x=1", "", "amount=5", ""},
		{"query and body agree", "amount=5", `{"amount":"5"}`, "amount=5", ""},
		{"list in the query", "resource_ids=a&resource_ids=b", "", "resource_ids[]=a,b", ""},
		{"accounts", "", `{"customer_ids":["a","b"],"indirect_partner_id":"p"}`, "customer_ids[]=a,b indirect_partner_id=p", "a,b"},
		{"v1 accounts", "", `{"customerIds":["a"],"subCustomerId":7,"customerId":"x"}`, "customerIds[]=a customerId=x subCustomerId=7", "a,7,x"},
		{"balances", "", `{"customer_infos":[{"customer_id":"a"},{"customer_id":"b"}]}`, "customer_infos[].customer_id=a,b", "a,b"},
		{"null account in a list", "", `{"customer_ids":["a",null]}`, "customer_ids[]=a", "a,"},
		{"name of a nested object again", "", `{"x":{"y":{"z":1}},"y":1,"z":2,"amount":3}`, "amount=3", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ReadRequest(spend(), nil, pairs(test.query), []byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if show(got.Fields) != test.fields {
				t.Errorf("fields %q, want %q", show(got.Fields), test.fields)
			}
			if customers := strings.Join(got.Accounts.Customers, ","); customers != test.customers || !got.Accounts.Ambiguous.IsZero() {
				t.Errorf("accounts %+v, want customers %q", got.Accounts, test.customers)
			}
		})
	}
}

// TestStrictBodies: on calls that move money each of these is refused; on reads the accounts become ambiguous and no
// field is reported; declared endpoints take any body.
func TestStrictBodies(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"x":`, n) + "1" + strings.Repeat("}", n) }
	for name, test := range map[string]struct{ query, body, msg string }{
		"form":                            {"", "amount=5", "not JSON"},
		"XML":                             {"", "<a/>", "not JSON"},
		"blanks only":                     {"", " \n", "not JSON"},
		"byte order mark":                 {"", "\ufeff{}", "not JSON"},
		"cut short":                       {"", `{"amount":5`, "not JSON"},
		"cut short in a list":             {"", `{"resource_ids":["a"`, "not JSON"},
		"no value":                        {"", `{"amount":}`, "not JSON"},
		"name that is no string":          {"", `{1:2}`, "not JSON"},
		"comma at the end":                {"", `{"amount":5,}`, "not JSON"},
		"comment":                         {"", `{"amount":5/**/}`, "not JSON"},
		"leading zero":                    {"", `{"amount":05}`, "not JSON"},
		"NaN":                             {"", `{"amount":NaN}`, "not JSON"},
		"single quotes":                   {"", `{'amount':5}`, "not JSON"},
		"invalid UTF-8":                   {"", "{\"amount\":\"\xff\"}", "not JSON"},
		"invalid UTF-8 in a name":         {"", "{\"\xff\":1}", "not JSON"},
		"half a surrogate":                {"", `{"amount":"\ud800"}`, "not JSON"},
		"UTF-16":                          {"", "{\x00}\x00", "not JSON"},
		"NUL at the end":                  {"", "{}\x00", "follows"},
		"two values":                      {"", `{"amount":5}{"amount":6}`, "follows"},
		"text after it":                   {"", `{"amount":5} x`, "follows"},
		"too deep":                        {"", deep(33), "32 levels"},
		"too deep list":                   {"", `{"x":` + strings.Repeat("[", 1<<16), "32 levels"},
		"fields in a list":                {"", `[{"customer_id":"c","amount":5}]`, "not a JSON object"},
		"empty list":                      {"", `[]`, "not a JSON object"},
		"JSON in a string":                {"", `"{\"amount\":5}"`, "not a JSON object"},
		"number":                          {"", ` 5`, "not a JSON object"},
		"null":                            {"", `null`, "not a JSON object"},
		"too many members":                {"", members(257), "256 members"},
		"twice":                           {"", `{"amount":5,"amount":6}`, "same name"},
		"twice, equal":                    {"", `{"amount":5,"amount":5}`, "same name"},
		"twice, escaped":                  {"", `{"amount":5,"\u0061mount":6}`, "same name"},
		"twice, other case":               {"", `{"amount":5,"Amount":6}`, "same name"},
		"twice, not audited":              {"", `{"x":{"memo":5,"memo":6}}`, "same name"},
		"twice, folded":                   {"", `{"x":{"kilo":5,"` + "\u212a" + `ilo":6}}`, "same name"},
		"twice, deep in a list":           {"", `{"a":[[{"b":[1,{"c":1,"d":{},"C":2}]}]]}`, "same name"},
		"other case":                      {"", `{"Amount":6}`, "amount in case"},
		"other case, folded":              {"", `{"re` + "\u017f" + `ource_ids":["a"]}`, "resource_ids[] in case"},
		"other case, nested":              {"", `{"coupon_infos":[{"ID":1}]}`, "coupon_infos[].id in case"},
		"other case of what holds it":     {"", `{"Coupon_Infos":[{"id":1}]}`, "coupon_infos[].id in case"},
		"account in other case":           {"", `{"CUSTOMER_ID":"c"}`, "customer_id in case"},
		"account in other case, folded":   {"", `{"` + "\u017f" + `ub_customer_id":"c"}`, "sub_customer_id in case"},
		"account in other case, anywhere": {"", `{"x":[{"customerid":"c"}]}`, "customerId in case"},
		"object as amount":                {"", `{"amount":{"value":5}}`, "amount is not of"},
		"list as amount":                  {"", `{"amount":[5]}`, "amount is not of"},
		"scalar as list":                  {"", `{"resource_ids":"a"}`, "resource_ids[] is not of"},
		"object as list":                  {"", `{"coupon_infos":{"id":"a"}}`, "is not of"},
		"list in a list":                  {"", `{"resource_ids":[["a"]]}`, "resource_ids[] is not of"},
		"scalar in a list of objects":     {"", `{"coupon_infos":["a"]}`, "is not of"},
		"list as account":                 {"", `{"customer_id":["c"]}`, "customer_id is not of"},
		"object as account":               {"", `{"indirect_partner_id":{}}`, "indirect_partner_id is not of"},
		"scalar as accounts":              {"", `{"customer_ids":"c"}`, "customer_ids[] is not of"},
		"lists in accounts":               {"", `{"customer_ids":[["c"]]}`, "customer_ids[] is not of"},
		"objects in accounts":             {"", `{"customer_ids":[{"id":"c"}]}`, "customer_ids[] is not of"},
		"too long an account":             {"", `{"customer_id":"` + strings.Repeat("c", 1025) + `"}`, "1024"},
		"too many accounts":               {"", `{"customer_ids":["a"` + strings.Repeat(`,"a"`, 1000) + `]}`, "1000 accounts"},
		"twice in the query":              {"amount=1&amount=1", "", "twice in the query"},
		"other case in the query":         {"Amount=1", "", "amount in case"},
		"list spelling in the query":      {"amount[]=1", "", "amount in case"},
		"account twice in the query":      {"customerId=a&customerId=a", "", "twice in the query"},
		"account in other case, query":    {"Customer_Id=a", "", "customer_id in case"},
		"account as list, query":          {"customer_ids%5B0%5D=a", "", "customer_ids in case"},
		"query and body differ":           {"amount=1", `{"amount":2}`, "given twice"},
		"list in query and body":          {"resource_ids=1", `{"resource_ids":["1"]}`, "given twice"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadRequest(spend(), nil, pairs(test.query), []byte(test.body))
			var bad *BodyError
			if !errors.As(err, &bad) || !strings.Contains(bad.Error(), test.msg) || !reflect.DeepEqual(got, Request{}) {
				t.Errorf("spend: %+v, %v, want a BodyError with %q", got, err, test.msg)
			}
			write := spend()
			write.Effect = catalog.Write
			if _, err := ReadRequest(write, nil, pairs(test.query), []byte(test.body)); err == nil {
				t.Error("write: not refused")
			}
			for _, op := range []*catalog.Operation{read("POST"), read("GET")} {
				got, err = ReadRequest(op, nil, pairs(test.query), []byte(test.body))
				if err != nil || len(got.Fields) > 0 || !strings.Contains(got.Accounts.Ambiguous.String(), test.msg) {
					t.Errorf("%s read: %+v, %v, want no fields and %q", op.Method, got, err, test.msg)
				}
			}
			if _, err := ReadRequest(declared(catalog.Spend), nil, pairs(test.query), []byte(test.body)); err != nil {
				t.Errorf("declared endpoint: %v", err)
			}
		})
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":0`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestBodiesWithinBounds(t *testing.T) {
	depth := strings.Repeat(`{"x":`, 31) + `{"x":1}` + strings.Repeat("}", 31)
	for name, body := range map[string]string{"32 levels": depth, "256 members": members(256), "many objects": `{"x":[` + members(250) + "," + members(250) + "]}"} {
		if _, err := ReadRequest(spend(), nil, nil, []byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMisplacedAccounts: an account that the provider does not look at must not satisfy a grant that asks for one.
func TestMisplacedAccounts(t *testing.T) {
	for _, test := range []struct {
		op          *catalog.Operation
		query, body string
		ambiguous   bool
	}{
		{read("GET"), "customer_id=c-17", "", false},
		{read("GET"), "indirect_partner_ids=a&indirect_partner_ids=b", "", false},
		{read("DELETE"), "customer_id=c-17", "", false},
		{read("GET"), "", `{"customer_id":"c-17"}`, true},
		{read("POST"), "", `{"customer_id":"c-17"}`, false},
		{read("POST"), "", `{"customer_infos":[{"customer_id":"c-17"}]}`, false},
		{read("POST"), "customer_id=c-17", "", true},
		{read("POST"), "", `{"memo":{"customer_id":"c-17"}}`, true},
		{read("POST"), "", `[{"customer_id":"c-17"}]`, true},
		{spend(), "customer_id=c-17", "", true},
		{read("GET"), "sub_customer_id=c-17", "", true}, // an account name of other operations
		{spend(), "", `{"sub_customer_id":"c-17"}`, true},
		{catalog.Find("cn", "ReclaimPartnerCoupons"), "", `{"coupon_id":"CP-1","customer_id":"c-18"}`, true},
		{catalog.Find("cn", "ListSubCustomers"), "", `{"customer_infos":[{"customer_id":"c-18"}]}`, true},
		{catalog.Find("cn", "ListSubCustomers"), "", `{"customer_id":"c-18"}`, false},
		{catalog.Find("cn", "CreatePartnerCoupons"), "", `{"customer_ids":["c-18"]}`, false},
		{catalog.Find("cn", "ListCustomersBalancesDetail"), "", `{"customer_infos":[{"customer_id":"c-18"}]}`, false},
		{catalog.Find("cn", "ListSubCustomerBillDetail"), "customer_id=c-18", "", false},
		{spend(), "", `{"x":{"customer_ids":["c-17"]}}`, true},
		{declared(catalog.Write), "customer_id=c-17", "", false},
		{declared(catalog.Write), "", `{"customer_id":"c-17"}`, false},
		{declared(catalog.Write), "", `customer_id=c-17`, true},
	} {
		got, err := ReadRequest(test.op, nil, pairs(test.query), []byte(test.body))
		if err != nil || (!got.Accounts.Ambiguous.IsZero()) != test.ambiguous {
			t.Errorf("%s %q %s: %+v, %v, want ambiguous: %v", test.op.Method, test.query, test.body, got.Accounts, err, test.ambiguous)
		}
		if !test.ambiguous && len(got.Accounts.Customers)+len(got.Accounts.Partners) == 0 {
			t.Errorf("%s %q %s: no account found", test.op.Method, test.query, test.body)
		}
	}
}

func TestAccountsAreComplete(t *testing.T) {
	body := `{"customer_ids":["a"` + strings.Repeat(`,"a"`, 998) + `],"indirect_partner_id":"p"}`
	got, err := ReadRequest(spend(), nil, nil, []byte(body))
	if err != nil || len(got.Accounts.Customers) != 999 || !slices.Equal(got.Accounts.Partners, []string{"p"}) {
		t.Errorf("%d customers, partners %v, %v", len(got.Accounts.Customers), got.Accounts.Partners, err)
	}
	// An array around the list, with more elements after it.
	got, err = ReadRequest(read("POST"), nil, nil, []byte(`{"x":[{"customer_ids":["a"]},"b",["c"]],"customer_id":""}`))
	if err != nil || !slices.Equal(got.Accounts.Customers, []string{"a", ""}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPathParameters(t *testing.T) {
	op := &catalog.Operation{Site: "cn", Method: "POST", Effect: catalog.Spend, Request: []catalog.Field{{Name: "resource_id", Kind: catalog.FieldResource}, {Name: "period_type"}}}
	got, err := ReadRequest(op, params(map[string]string{"resource_id": "r 1", "domain_id": "d", "customer_id": "c"}), nil, []byte(`{"period_type":2}`))
	if err != nil || show(got.Fields) != "resource_id=r 1 period_type=2" || !slices.Equal(got.Accounts.Customers, []string{"c"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ReadRequest(op, params(map[string]string{"resource_id": "r1"}), nil, []byte(`{"resource_id":"r2"}`)); err == nil {
		t.Error("path and body name two resources: not refused")
	}
	if _, err := ReadRequest(op, params(map[string]string{"customer_id": strings.Repeat("c", 1025)}), nil, nil); err == nil {
		t.Error("an account in the path that is too long: not refused")
	}
}

// TestCustomerInThePath: {domain_id} is an account where the catalog says that it is a customer's, and only from the path.
func TestCustomerInThePath(t *testing.T) {
	for _, c := range []struct {
		operation, query string
		fields           string
		customers        []string
		ambiguous        bool
	}{
		{"queryOrderDetail", "", "domain_id=c-17 order_id=CS-1", []string{"c-17"}, false},
		{"queryOrderDetail", "limit=1", "domain_id=c-17 order_id=CS-1", []string{"c-17"}, false},
		{"queryOrderDetail", "domain_id=c-18", "", []string{"c-17"}, true},
		{"queryOrderDetail", "Domain_Id=c-18", "", []string{"c-17"}, true},
		{"queryOrderDetail", "customer_id=c-18", "domain_id=c-17 order_id=CS-1", []string{"c-17", "c-18"}, true},
		{"queryResources", "", "order_id=CS-1", nil, false}, // there it is the account of the credential
	} {
		got, err := ReadRequest(catalog.Find("cn", c.operation), params(map[string]string{"domain_id": "c-17", "order_id": "CS-1"}), pairs(c.query), nil)
		if err != nil || show(got.Fields) != c.fields || !slices.Equal(got.Accounts.Customers, c.customers) || (!got.Accounts.Ambiguous.IsZero()) != c.ambiguous {
			t.Errorf("%s ?%s: %+v, %v", c.operation, c.query, got, err)
		}
	}
}

func TestRecordedValuesAreBounded(t *testing.T) {
	long := strings.Repeat("9", 1025)
	body := `{"amount":` + long + `,"resource_ids":["a"` + strings.Repeat(`,"a"`, 149) + `,"` + long + `"]}`
	got, err := ReadRequest(spend(), nil, nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Fields) != 2 || len(got.Fields[0].Values) != 0 || got.Fields[0].Omitted != 1 {
		t.Errorf("amount: %+v", got.Fields[0])
	}
	if ids := got.Fields[1]; len(ids.Values) != 100 || ids.Omitted != 51 {
		t.Errorf("%d resource ids, %d omitted", len(ids.Values), ids.Omitted)
	}
}

// amounts are texts that an amount may be, and texts that it may not be, as JSON.
var (
	goodAmounts = []string{"0", "99.90", `"99.90"`, `"+5"`, "-5", `"-0.5"`, `".5"`, `"5."`, "1e3", `"1E+40"`, "1e-40", `"007"`, `"` + strings.Repeat("9", 64) + `"`}
	badAmounts  = []string{
		`""`, `" "`, `" 777777"`, `"777777 "`, `"\t1"`, `"1\n"`, `"1\u0000"`, `"\u00a01"`, `"777780f"`, `"777,779"`, `"1 000"`, `"1_000"`, `"¥5"`, `"5 CNY"`, `"CNY"`,
		"1e41", `"1e-41"`, `"1e99999999999"`, `"1e"`, `"e5"`, `"--5"`, `"+-5"`, `"1.2.3"`, `"."`, `"-"`, `"0x10"`, `"NaN"`, `"Infinity"`, `"１２"`, `"٣"`, `"1/3"`,
		"true", "false", `"null"`, `"` + strings.Repeat("9", 65) + `"`, `"` + strings.Repeat(" ", 1024) + `5"`, strings.Repeat("9", 65), "0." + strings.Repeat("0", 1<<16),
	}
)

// amountFields are all places in which the catalog may have an amount.
var amountFields = &catalog.Operation{Site: "cn", Method: "POST", Effect: catalog.Spend, Request: []catalog.Field{
	{Name: "amount", Kind: catalog.FieldAmount}, {Name: "amounts[]", Kind: catalog.FieldAmount},
	{Name: "item.price", Kind: catalog.FieldAmount}, {Name: "items[].price", Kind: catalog.FieldAmount}, {Name: "memo", Kind: catalog.FieldOther},
}}

// TestAmounts: what is no number is counted wherever it stands, and recorded as it came.
func TestAmounts(t *testing.T) {
	for _, place := range []string{`{"amount":%s}`, `{"amounts":[1,%s]}`, `{"item":{"price":%s}}`, `{"items":[{"price":1},{"price":%s},{}]}`} {
		for _, list := range []struct {
			values   []string
			unsummed int
		}{{goodAmounts, 0}, {badAmounts, 1}, {[]string{"null"}, 0}} {
			for _, value := range list.values {
				body := strings.Replace(place, "%s", value, 1)
				got, err := ReadRequest(amountFields, nil, nil, []byte(body))
				if err != nil || len(got.Fields) > 1 {
					t.Fatalf("%.80s: %+v, %v", body, got, err)
				}
				if len(got.Fields) == 1 && got.Fields[0].Unsummed != list.unsummed || len(got.Fields) == 0 && value != "null" {
					t.Errorf("%.80s: %+v", body, got.Fields)
				}
			}
		}
	}
	for _, query := range []string{"amount=", "amount= 777777", "amount=777,779", "amounts=1&amounts=x"} {
		if got, err := ReadRequest(amountFields, nil, pairs(query), nil); err != nil || got.Fields[0].Unsummed != 1 {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
	if got, err := ReadRequest(amountFields, params(map[string]string{"amount": "1 "}), nil, nil); err != nil || got.Fields[0].Unsummed != 1 {
		t.Errorf("in the path: %+v, %v", got, err)
	}
	if got, err := ReadRequest(amountFields, nil, nil, []byte(`{"memo":"777,779"}`)); err != nil || got.Fields[0].Unsummed != 0 {
		t.Errorf("in another field: %+v, %v", got, err)
	}
}

// TestAmountsOfTheWrongType: no text of them can be recorded, so they are refused at once, as amounts.
func TestAmountsOfTheWrongType(t *testing.T) {
	for body, amount := range map[string]bool{
		`{"amount":{}}`: true, `{"amount":[1]}`: true, `{"amounts":[{}]}`: true, `{"amounts":[[1]]}`: true, `{"item":{"price":{"value":1}}}`: true,
		`{"items":[{"price":[]}]}`: true, `{"amounts":5}`: false, `{"item":5}`: false, `{"memo":{}}`: false,
	} {
		_, err := ReadRequest(amountFields, nil, nil, []byte(body))
		if bad, ok := errors.AsType[*BodyError](err); !ok || bad.Amount != amount {
			t.Errorf("%s: %+v", body, err)
		}
	}
}

// TestAmountsOfAnswers: an answer is not refused; its amounts are counted alike.
func TestAmountsOfAnswers(t *testing.T) {
	op := &catalog.Operation{Site: "cn", Answer: []catalog.Field{{Name: "quotas[].balance", Kind: catalog.FieldAmount}}}
	got := ReadAnswer(op, nil, 200, "", []byte(`{"quotas":[{"balance":5},{"balance":"5 CNY"},{"balance":null},{"balance":true}]}`))
	if len(got.Fields) != 1 || show(got.Fields) != "quotas[].balance=5,5 CNY,true" || got.Fields[0].Unsummed != 2 {
		t.Errorf("%+v", got)
	}
}

// TestOmittedValuesLeaveAHash: of all values, in order, whether they were recorded or not; none where a code may be among them.
func TestOmittedValuesLeaveAHash(t *testing.T) {
	long := strings.Repeat("金", 400)
	first := []string{long, "a", "", long + "b"}
	many := slices.Concat([]string{"x"}, slices.Repeat([]string{"a"}, 120), []string{long})
	for name, ids := range map[string][]string{"too long": first, "too many": many, "only one": {long}} {
		list, _ := json.Marshal(ids)
		bytes, hash := digest.Of(ids)
		sensitive := read("POST")
		sensitive.Sensitive = true
		answers := &catalog.Operation{Site: "cn", Answer: fieldsOfSpend}
		sensitiveAnswers := &catalog.Operation{Site: "cn", Answer: fieldsOfSpend, Sensitive: true}
		body := []byte(`{"resource_ids":` + string(list) + `}`)
		query := func(yield func(string, string) bool) {
			for _, id := range ids {
				if !yield("resource_ids", id) {
					return
				}
			}
		}
		fieldsOf := func(op *catalog.Operation, query iter.Seq2[string, string], body []byte) []Value {
			got, err := ReadRequest(op, nil, query, body)
			if err != nil {
				t.Fatal(err)
			}
			return got.Fields
		}
		for place, c := range map[string]struct {
			fields []Value
			hash   string
		}{
			"body": {fieldsOf(read("POST"), nil, body), hash}, "query": {fieldsOf(read("GET"), query, nil), hash}, "spend": {fieldsOf(spend(), nil, body), hash},
			"sensitive": {fieldsOf(sensitive, nil, body), ""}, "answer": {ReadAnswer(answers, nil, 200, "", body).Fields, hash},
			"sensitive answer": {ReadAnswer(sensitiveAnswers, nil, 200, "", body).Fields, ""},
		} {
			if len(c.fields) != 1 || c.fields[0].AllBytes != bytes || c.fields[0].AllHash != c.hash || len(c.fields[0].Values)+c.fields[0].Omitted != len(ids) {
				t.Errorf("%s, %s: %+v", name, place, c.fields)
			}
		}
	}
	got, err := ReadRequest(spend(), nil, nil, []byte(`{"resource_ids":["a","b"],"customer_id":"`+strings.Repeat("c", 1024)+`"}`))
	if err != nil || got.Fields[0].AllHash+got.Fields[1].AllHash != "" {
		t.Errorf("what is whole has a hash: %+v, %v", got.Fields, err)
	}
}

// TestErrorsQuoteNothing: bodies may hold passwords, and errors are logged.
func TestErrorsQuoteNothing(t *testing.T) {
	for _, body := range []string{`{"s3cr3t":1,"s3cr3t":2}`, `{"password":"s3cr3t",}`, `s3cr3t`, `{"amount":{"s3cr3t":1}}`, `{"x":"s3cr3t"} s3cr3t`} {
		if _, err := ReadRequest(spend(), nil, nil, []byte(body)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestCatalog runs the rules over the real catalog: identity data is nowhere an audited field, and every field can be
// found.
func TestCatalog(t *testing.T) {
	body := []byte(`{"password":"s3cr3t","verification_code":"s3cr3t","mobile_phone":"s3cr3t","email":"s3cr3t","name":"s3cr3t","identify_number":"s3cr3t",
		"verified_file_url":["s3cr3t"],"domain_name":"s3cr3t","bank_card_info":{"bank_account":"s3cr3t"},"customer_id":"c-17"}`)
	sensitive, fields := 0, 0
	for _, site := range catalog.Sites() {
		for _, op := range catalog.Operations(site) {
			got, err := ReadRequest(op, nil, nil, body)
			if err != nil {
				t.Errorf("%s %s: %v", site, op.Name, err)
			}
			answer := ReadAnswer(op, nil, 400, "application/json", []byte(`{"error_code":"CBC.0100","error_msg":"bad s3cr3t","password":"s3cr3t"}`))
			if op.Sensitive {
				sensitive++
				if strings.Contains(fmt.Sprint(got, answer), "s3cr3t") {
					t.Errorf("%s %s: %+v %+v", site, op.Name, got, answer)
				}
			}
			for _, f := range slices.Concat(op.Request, op.Answer) {
				fields++
				if _, exact, ok := expects([]byte(f.Name), true, f.Name); !ok || !exact {
					t.Errorf("%s %s: field %q cannot be found", site, op.Name, f.Name)
				}
			}
		}
	}
	if sensitive == 0 || fields == 0 {
		t.Errorf("the catalog has %d sensitive operations and %d fields", sensitive, fields)
	}
}
