package bsssim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestBuiltInSeed: what a Server holds at the start is what the printed seed says, and not more.
func TestBuiltInSeed(t *testing.T) {
	w := newWorld(t, Config{})
	var printed map[string][]map[string]any
	if err := yaml.Unmarshal(SeedYAML, &printed); err != nil {
		t.Fatal(err)
	}
	s := w.server.state
	for part, n := range map[string]int{
		"partners": len(s.partners), "resellers": len(s.resellers), "customers": len(s.customers), "orders": len(s.orders), "resources": len(s.resources),
		"coupon_quotas": len(s.quotas), "coupons": len(s.coupons), "access_keys": len(w.server.accounts),
	} {
		check(t, part, n, len(printed[part]))
		delete(printed, part)
	}
	check(t, "parts that are not compared", len(printed), 0)
	check(t, "balance", w.balance("c-17"), 500_00)
	check(t, "funds", w.partnerFunds("p-9"), 50_000_00)
	check(t, "order", fmt.Sprint(*s.orders["CS-1003"]), "{CS-1003 c-17 1 5 60.00 CNY 1 0 [res-1 res-2] 2026-02-04 05:06:07 +0000 UTC 2026-02-04 05:06:07 +0000 UTC}")
	check(t, "account", fmt.Sprint(DefaultAccounts()[4]), "{SIMMASTER0030 simulated-master-secret-0030  c-30 customer false true}")
	check(t, "account", fmt.Sprint(DefaultAccounts()[1]), "{SIMDISTRIBUTOR0009 simulated-distributor-secret-0009  p-9 partner true false}")
}

// smallSeed is a seed with something of each part.
const smallSeed = `partners: [{id: p-2, balance: 7}]
customers: [{id: c-2, partner: p-2, balance: "150.5"}]
access_keys: [{id: AK2, secret: made-up-secret, account: c-2}]
orders:
  - {id: O-1, customer: c-2, amount: 100, currency: EUR}
  - {id: O-2, customer: c-2, amount: 1, status: paid, months_ago: 2}
resources: [{id: R-1, customer: c-2, order: O-2, monthly: 1, months_left: 3, auto_renew: true}]
coupon_quotas: [{id: Q-2, partner: p-2, value: 10}]
coupons: [{id: K-1, customer: c-2, partner: p-2, quota: Q-2, value: 5}]
`

func TestSeed(t *testing.T) {
	seed, err := ParseSeed("seed.yaml", []byte(smallSeed))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Seed: seed})
	check(t, "balance", w.balance("c-2"), 150_50)
	check(t, "name", w.server.state.customers["c-2"].Name, "c-2")
	check(t, "expiry", stamp(w.server.state.resources["R-1"].Expires), "2026-06-04T05:06:07Z")
	w.want("AK2", "POST", "/v3/orders/customer-orders/pay", `{"order_id":"O-1","use_coupon":"NO","use_discount":"NO"}`, 204, "")
	check(t, "balance", w.balance("c-2"), 50_50)
	w.server.Reset()
	check(t, "balance after a reset", w.balance("c-2"), 150_50)
}

// TestSeedJSON: JSON does as well.
func TestSeedJSON(t *testing.T) {
	var value any
	if err := yaml.Unmarshal([]byte(smallSeed), &value); err != nil {
		t.Fatal(err)
	}
	for _, indent := range []string{"", "  "} {
		text, err := json.MarshalIndent(value, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		seed, err := ParseSeed("seed.json", text)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "orders", fmt.Sprint(seed.Orders), "[{O-1 c-2 10000 EUR 1 unpaid 0} {O-2 c-2 100  1 paid 2}]")
	}
}

// TestWrongSeeds: each mistake is found, with its line and, where there is one, the nearest right word.
func TestWrongSeeds(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"months_ago", "month_ago", "seed.yaml:6:55: unknown key \"month_ago\"\n"},
		{"months_ago", "month_ago", "did you mean \"months_ago\"?\n1 problem in the seed"},
		{"status: paid", "status: payed", `unknown status "payed"`},
		{"status: paid", "status: payed", `did you mean "paid"`},
		{"amount: 100,", "amount: 100 CNY,", `seed.yaml:5:38: amount "100 CNY": want an amount in the main unit`},
		{"amount: 100,", "amount: 0,", "more than nothing"},
		{"amount: 100,", "amount: 1e3,", "want an amount"},
		{"amount: 100,", "amount: [100],", "want a decimal amount"},
		{"amount: 100, ", "", "amount is missing in orders[0]"},
		{"balance: 7", "balance: -7", "want an amount"},
		{"currency: EUR", "currency: euro", "three capital letters"},
		{"months_ago: 2", "months_ago: 2000", "months_ago is out of range: want 0 to 120"},
		{"months_ago: 2", "months_ago: two", "want a whole number"},
		{"auto_renew: true", "auto_renew: yes please", "want true or false"},
		{"{id: O-2", "{id: O-1", "id O-1 is taken: the first is at seed.yaml:5"},
		{"{id: c-2", "{id: p-2", "id p-2 is taken: it is a partner's"},
		{"account: c-2", "account: c-3", "there is no partner or customer c-3\n    did you mean \"c-2\"?"},
		{"{id: O-1, customer: c-2", "{id: O-1, customer: c-22", "there is no customer c-22"},
		{"order: O-2", "order: O-1", "order O-1 is not a paid one of the resource's customer"},
		{"quota: Q-2", "quota: Q-3", "there is no coupon quota Q-3"},
		{"partner: p-2, quota", "quota", "quota Q-2 is not the partner's"},
		{"partner: p-2, balance: \"150.5\"", "partner: p-2, master: c-2", "a partner's or a member of an enterprise, not both"},
		{"partner: p-2, balance: \"150.5\"", "master: c-2", "customer c-2 is no master"},
		{"partner: p-2, balance: \"150.5\"", "master: c-2, enterprise_master: true", "an enterprise master is a member of no enterprise"},
		{"balance: \"150.5\"", "reseller: r-1", "there is no reseller r-1"},
		{"balance: \"150.5\"", "balance: 1, referral: true", "referral model"},
		{"id: c-2,", "id: c/2,", `id "c/2": want up to 64 letters`},
		{"access_keys: [{id: AK2, secret: made-up-secret, account: c-2}]\n", "", "access_keys is missing"},
		{"secret: made-up-secret", "secret: made up secret", "want up to 1000 printable ASCII characters without spaces"},
	} {
		_, err := ParseSeed("seed.yaml", []byte(strings.Replace(smallSeed, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: %v, want %q", c.from, c.to, err, c.want)
		}
	}
}

// TestSeedBounds: a seed has bounds in bytes and entries.
func TestSeedBounds(t *testing.T) {
	many := smallSeed + "resellers:\n" + strings.Repeat("  - {id: r-1, partner: p-2}\n", maxSeeded+1)
	if _, err := ParseSeed("seed.yaml", []byte(many)); err == nil || !strings.Contains(err.Error(), "at most 5000 are allowed") {
		t.Error(err)
	}
	if _, err := ParseSeed("seed.yaml", []byte(smallSeed+strings.Repeat("#", MaxSeed))); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
}

// TestManyMissing: what a seed lacks is looked for among the ids that it has for the first references only; for thousands that would take minutes.
func TestManyMissing(t *testing.T) {
	var text strings.Builder
	text.WriteString("access_keys: [{id: AK, secret: s, account: c-0000}]\ncustomers:\n")
	for i := range maxSeeded {
		fmt.Fprintf(&text, "  - {id: c-%04d}\n", i)
	}
	text.WriteString("orders:\n")
	for i := range 3 * maxSuggested {
		fmt.Fprintf(&text, "  - {id: o-%d, customer: d-%04d, amount: 1}\n", i, i)
	}
	_, err := ParseSeed("seed.yaml", []byte(text.String()))
	if err == nil {
		t.Fatal("taken")
	}
	check(t, "missing", strings.Count(err.Error(), "there is no customer"), 3*maxSuggested)
	check(t, "suggestions", strings.Count(err.Error(), "did you mean"), maxSuggested)
}

// TestSeededIDs: what is made after the start takes no id that the seed has, and a member's own coupon belongs to no coupon of its master.
func TestSeededIDs(t *testing.T) {
	seed, err := ParseSeed("seed.yaml", []byte(`customers: [{id: m, enterprise_master: true}, {id: c, master: m, balance: 100}]
access_keys: [{id: AKM, secret: s, account: m}, {id: AKC, secret: s, account: c}]
orders: [{id: CS-9001, customer: c, amount: 3, status: paid}, {id: CS-9002, customer: c, amount: 4}]
resources: [{id: R-1, customer: c, order: CS-9001, monthly: 1}]
coupons: [{id: K-1, customer: c, value: 5}]
`))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Seed: seed})
	w.want("AKM", "POST", "/v2/enterprises/multi-accounts/retrieve-coupon", `{"customer_id":"c","sub_coupon_id":"K-1","trans_id":"1"}`, 400, "CBC.99007004")
	renewal := w.want("AKC", "POST", "/v2/orders/subscriptions/resources/renew", `{"resource_ids":["R-1"],"period_type":2,"period_num":1,"expire_policy":0,"is_auto_pay":1}`, 200, "")
	check(t, "renewal", fmt.Sprint(renewal.body["order_ids"]), "[CS-9003]")
	check(t, "orders", len(w.server.state.orders), 3)
}

// FuzzSeed: a seed that is taken makes a world in which nothing is missing that something names, and every call can be answered.
func FuzzSeed(f *testing.F) {
	f.Add(smallSeed)
	f.Add(string(SeedYAML))
	for _, cut := range []string{"partner: p-2, ", "amount: 100", "id: c-2,", "status: paid"} {
		f.Add(strings.Replace(smallSeed, cut, "", 1))
	}
	f.Add("access_keys: [{id: a, secret: b, account: a}]\npartners: [{id: a, distributor: true}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParseSeed("seed", []byte(text))
		if err != nil {
			return
		}
		w := newWorld(t, Config{Seed: seed})
		s := w.server.state
		for _, o := range s.orders {
			if s.customers[o.Customer] == nil || o.Amount <= 0 || o.Currency == "" {
				t.Fatalf("%+v", o)
			}
		}
		for _, r := range s.resources {
			if s.customers[r.Customer] == nil || s.orders[r.Order] == nil || s.orders[r.Order].Customer != r.Customer {
				t.Fatalf("%+v", r)
			}
		}
		for _, c := range s.customers {
			if c.Partner != "" && s.partners[c.Partner] == nil || c.Reseller != "" && s.resellers[c.Reseller] == nil || c.Balance < 0 {
				t.Fatalf("%+v", c)
			}
		}
		for _, a := range w.server.accounts {
			if s.customers[a.DomainID] == nil && s.partners[a.DomainID] == nil {
				t.Fatalf("%+v", a)
			}
			w.call(a.AccessKey, "POST", "/v2/orders/customer-orders/query", `{}`)
			w.call(a.AccessKey, "GET", "/v2/accounts/customer-accounts/balances", "")
		}
	})
}

// TestAlwaysAnOrderToPay: after the last order that a customer's money covers there is another one like it, under an id that depends on
// its own orders alone; without money there is one that cannot be paid.
func TestAlwaysAnOrderToPay(t *testing.T) {
	w := newWorld(t, Config{})
	unpaid := func() (ids []string) {
		for _, row := range list(w.want(customerAK, "GET", "/v2/orders/customer-orders?status=6", "", 200, ""), "order_infos") {
			ids = append(ids, member(row, "order_id"))
		}
		return ids
	}
	pay := func(id string, status int, code string) {
		w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"`+id+`","use_coupon":"NO","use_discount":"NO"}`, status, code)
	}
	pay("CS-1001", 204, "")
	check(t, "unpaid", fmt.Sprint(unpaid()), "[CS-1002 CS-c-17-1]")
	w.want(customerAK, "PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-c-17-1"}`, 204, "")
	check(t, "unpaid", fmt.Sprint(unpaid()), "[CS-1002 CS-c-17-2]")
	w.want(customer18AK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-2001","use_coupon":"NO","use_discount":"NO"}`, 204, "")
	for n := 2; n < 6; n++ {
		pay(fmt.Sprintf("CS-c-17-%d", n), 204, "")
	}
	check(t, "unpaid", fmt.Sprint(unpaid()), "[CS-1002 CS-c-17-6]")
	pay("CS-c-17-6", 400, "CBC.99005003")
	if err := w.server.Deposit("c-17", "100"); err != nil {
		t.Fatal(err)
	}
	pay("CS-c-17-6", 204, "")
	w.want(customerAK, "PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1002"}`, 204, "")
	check(t, "unpaid", fmt.Sprint(unpaid()), "[CS-c-17-7 CS-c-17-8]")
}
