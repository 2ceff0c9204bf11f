package config

import (
	"strings"
	"testing"
)

// spends is minimal with callers that spend: app with a key of its own, give for two customers, set moves nothing by itself.
const spends = `
listeners: [{address: "127.0.0.1:8080", caller: app, upstreams: [bss, ledger]}]
upstreams:
  bss: {url: "https://bss.myhuaweicloud.com", catalog: cn}
  ledger: {url: "http://127.0.0.1:3000", endpoints: [{name: Settle, method: POST, path: /settle, effect: spend}]}
credentials:
  acme: {class: customer, upstream: bss, domain_id: d-1, access_key: {env: AK}, secret_key: {env: SK}}
  main: {class: partner, upstream: bss, domain_id: 0a1b, access_key: {env: AK}, secret_key: {env: SK}}
callers:
  app: {grants: [{operations: [effect:read, PayOrders, RenewalResources], credential: acme}]}
  give: {grants: [{operations: [CreatePartnerCoupons], credential: main, customers: [c-1, c-2]}]}
  any: {grants: [{operations: [CreatePartnerCoupons], credential: main}]}
  set: {grants: [{operations: [AutoRenewalResources], credential: acme}]}
  back: {grants: [{operations: [CancelResourcesSubscription], credential: acme}]}
audit: {dir: audit}
admin: {}
`

// TestNotesOfUncapped: check notes who may spend what no cap counts, caller by caller and customer by customer.
func TestNotesOfUncapped(t *testing.T) {
	const prefix = "no cap counts what these callers may spend: "
	for caps, want := range map[string]string{
		"":                                       "any (CreatePartnerCoupons); app (PayOrders, RenewalResources); give (CreatePartnerCoupons); set (AutoRenewalResources)",
		"caps: [{name: a, each: day, count: 9}]": "",
		"caps_default: [{name: a, each: day, count: 9}]":                                                                                                 "",
		"caps: [{name: a, each: day, amount: {CNY: \"9\"}}]":                                                                                             "any (CreatePartnerCoupons); give (CreatePartnerCoupons); set (AutoRenewalResources)",
		"caps: [{name: a, each: day, amount: {CNY: \"9\"}, units: [cash, coupon]}]":                                                                      "set (AutoRenewalResources)",
		"caps: [{name: a, each: day, count: 9, match: {operations: [PayOrders]}}]":                                                                       "any (CreatePartnerCoupons); app (RenewalResources); give (CreatePartnerCoupons); set (AutoRenewalResources)",
		"caps: [{name: a, each: day, count: 9, match: {callers: [any, give, set]}}]":                                                                     "app (PayOrders, RenewalResources)",
		"caps: [{name: a, each: day, count: 9, match: {callers: [app]}}]\ncaps_default: [{name: b, each: day, count: 9}]":                                "",
		"caps: [{name: a, each: day, count: 9, match: {callers: [app], operations: [PayOrders]}}]\ncaps_default: [{name: b, each: day, count: 9}]":       "app (RenewalResources)",
		"caps: [{name: a, each: day, count: 9, match: {customers: [C-1]}}]":                                                                              "any (CreatePartnerCoupons); app (PayOrders, RenewalResources); give (CreatePartnerCoupons); set (AutoRenewalResources)",
		"caps: [{name: a, each: day, count: 9, match: {customers: [C-1, c-2, d-1]}}]":                                                                    "any (CreatePartnerCoupons)",
		"caps: [{name: a, each: day, count: 9, match: {credentials: [acme]}}]":                                                                           "any (CreatePartnerCoupons); give (CreatePartnerCoupons)",
		"caps: [{name: a, each: day, count: 9, match: {effect: write}}]":                                                                                 "any (CreatePartnerCoupons); app (PayOrders, RenewalResources); give (CreatePartnerCoupons); set (AutoRenewalResources)",
		"caps: [{name: a, each: day, count: 9, mode: soft, match: {credentials: [acme]}}, {name: b, each: call, amount: {CNY: \"9\"}, units: [coupon]}]": "",
	} {
		got := notesOf(t, spends+caps+"\n", testDir(t), Options{LookupEnv: noEnv})
		_, after, noted := strings.Cut(got, prefix)
		after, _, _ = strings.Cut(after, "; caps_default")
		if noted != (want != "") || after != want {
			t.Errorf("%q:\n%s\nwant %q", caps, got, want)
		}
	}
}

// TestNotesOfMoney: check notes what else is not bounded as it seems.
func TestNotesOfMoney(t *testing.T) {
	const unguarded = "upstream ledger: nothing keeps calls of Settle from spending twice"
	for caps, want := range map[string]string{
		"": unguarded,
		"caps: [{name: a, each: day, amount: {USD: \"9\"}}]":             "cap a has no amount in CNY, the currency of upstream bss: it refuses what is paid in it",
		"caps: [{name: a, each: day, amount: {USD: \"9\"}, mode: soft}]": "!cap a has no amount",
		"caps: [{name: a, each: day, amount: {CNY: \"9\"}}]":             "!cap a has no amount",
	} {
		got := notesOf(t, spends+caps+"\n", testDir(t), Options{LookupEnv: noEnv})
		want, without := strings.CutPrefix(want, "!")
		if strings.Contains(got, want) == without || !strings.Contains(got, unguarded) {
			t.Errorf("%q: want %q (not: %v):\n%s", caps, want, without, got)
		}
	}
}

// TestKeepIsLongEnough: records of the longest window and period stay for two days more, or the configuration is refused.
func TestKeepIsLongEnough(t *testing.T) {
	for _, c := range []struct {
		keep, more string
		good       bool
	}{
		{"33d", "", true}, {"32d", "", false},
		{"32d", "guard: {windows: {pay: 30d}}", true},
		{"4d", "guard: {windows: {pay: 1h}}", true}, // operations that pay out or take back may not be here: see spends
		{"8d", "guard: {windows: {pay: 1h}}\ncaps: [{name: a, each: month, count: 9}]", false},
		{"200d", "guard: {windows: {pay: 200d}}", false}, {"202d", "guard: {windows: {pay: 200d}}", true},
	} {
		text := strings.Replace(spends, "dir: audit", "dir: audit, keep: "+c.keep+map[bool]string{true: "", false: ", keep_less_than_180_days: true"}[len(c.keep) > 3], 1)
		text = strings.Replace(text, "  back: {grants: [{operations: [CancelResourcesSubscription], credential: acme}]}\n", "", 1)
		_, err := Parse("f", []byte(text+c.more+"\n"), testDir(t), Options{LookupEnv: noEnv})
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "2 days are added") {
			t.Errorf("keep %s, %s: %v", c.keep, c.more, err)
		}
	}
	reads := strings.Replace(minimal, "{dir: audit,", "{dir: audit, keep: 3d, keep_less_than_180_days: true,", 1)
	if _, err := Parse("f", []byte(reads), testDir(t), Options{LookupEnv: noEnv}); err != nil {
		t.Errorf("nothing is spent: %v", err)
	}
}
