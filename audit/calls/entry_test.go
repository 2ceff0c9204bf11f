package calls

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
)

// pick returns one of a list at random.
func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// randomCall returns a call of an operation that reports have a rule for, in any state.
func randomCall(rng *rand.Rand, id string) *Call {
	r := spend(pick(rng, "PayOrders", "UpdateCustomerAccountAmount", "CreatePartnerCoupons", "UpdateCouponQuotas", "CancelResourcesSubscription",
		"ReclaimEnterpriseMultiAccountCoupon", "setCredit"))
	r.Call, r.Effect, r.Site = id, pick(rng, "spend", "spend", "spend", "read", ""), pick(rng, "cn", "intl", "")
	r.Caller, r.Credential, r.Account = pick(rng, "shop", "report", ""), pick(rng, "main", "acme"), pick(rng, "p-1", "")
	r.ClaimedCaller, r.Cut = pick(rng, "", "shop"), rng.IntN(8) == 0
	list := map[string]string{"CreatePartnerCoupons": "customer_ids[]", "UpdateCouponQuotas": "indirect_partner_ids[]"}[r.Operation]
	if list == "" {
		list = "customer_id"
	}
	customers := field(list, "customer")
	for range rng.IntN(4) {
		customers.Values = append(customers.Values, pick(rng, "c-1", "c-2", "c-3", ""))
	}
	customers.Omitted = pick(rng, 0, 0, 0, 2)
	r.Fields = []logfile.Field{customers, field("amount", "amount", pick(rng, "1.5", "20", "0.125", "1,000", "-3", "0.0000")), field("currency", "currency", pick(rng, "CNY", "usd", "yuan"))}
	r.Fields = r.Fields[:pick(rng, 1, 2, 2, 3)]
	if rng.IntN(3) == 0 {
		priced(pick(rng, "99.005", "7", "x"), pick(rng, "CNY", "EUR"), pick(rng, FromOrder, FromRenewal), r)
	}
	c := &Call{Intent: r}
	switch rng.IntN(6) {
	case 0: // open
	case 1:
		r.Reason = pick(rng, "over_limit", "bad_signature")
		c = &Call{Refusal: r}
	default:
		c.Outcome = of(id, ended(pick(rng, logfile.Succeeded, logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.Unknown, logfile.NotSent, "newer"), 200,
			field("order_ids[]", "order", pick(rng, "R1", "R2", "R9")), field("amount", "amount", pick(rng, "4", "0.25"))))
		c.Outcome.Reason = pick(rng, "", "timeout")
	}
	if rng.IntN(3) == 0 {
		c.Settle(Settlements{id: settled(id, logfile.Succeeded)})
	}
	return c
}

func randomRefunds() Refunds {
	one, _ := figureOf("30.50", "CNY")
	two, _ := figureOf("0.1", "USD")
	return Refunds{{"cn", "R1"}: one, {"intl", "R2"}: two}
}

func figureOf(text, currency string) (Figure, error) {
	value, err := decimal.Parse(text)
	return Figure{value, currency, FromRefund}, err
}

// everyDimensions returns all subsets of [Dimensions].
func everyDimensions() (all [][]Dimension) {
	for set := range 1 << len(Dimensions) {
		by := []Dimension{}
		for i, d := range Dimensions {
			if set>>i&1 == 1 {
				by = append(by, d)
			}
		}
		all = append(all, by)
	}
	return all
}

// wholeText returns all that a report says.
func wholeText(t testing.TB, r *Report) string {
	t.Helper()
	text, err := json.MarshalIndent([]any{r.Groups(), r.Total(), r.Money()}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// addedUp returns entries in random order, of which some of those of one key are one entry.
func addedUp(rng *rand.Rand, entries []Entry) []Entry {
	groups, sums := 1+rng.IntN(4), map[string]*Entry{}
	var keys []string
	for _, i := range rng.Perm(len(entries)) {
		e := entries[i]
		key := fmt.Sprintf("%d %q", rng.IntN(groups), e.Key)
		if sum := sums[key]; sum != nil {
			sum.Add(&e)
			continue
		}
		sums[key] = &e
		keys = append(keys, key)
	}
	list := make([]Entry, len(keys))
	for i, key := range keys {
		list[i] = *sums[key]
	}
	return list
}

// TestEntriesAddUpToReports: whatever entries of one key are added up, every report says what that of the calls says.
func TestEntriesAddUpToReports(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 1))
		refunds := randomRefunds()
		var calls []*Call
		var entries []Entry
		for i := range 50 {
			c := randomCall(rng, fmt.Sprint(i))
			for range 1 + rng.IntN(4) {
				calls = append(calls, c)
				entries = slices.AppendSeq(entries, Entries(c, refunds))
			}
		}
		sums := addedUp(rng, entries)
		if len(sums) > len(entries)*9/10 {
			t.Fatalf("seed %d: of %d entries %d are left", seed, len(entries), len(sums))
		}
		for _, by := range everyDimensions() {
			want := NewReport(by, func() (Refunds, error) { return refunds, nil })
			for _, c := range calls {
				if err := want.Add(c); err != nil {
					t.Fatal(err)
				}
			}
			got := NewReport(by, nil)
			for _, e := range sums {
				if err := got.AddEntry(&e); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := wholeText(t, got), wholeText(t, want); got != want {
				t.Fatalf("seed %d, by %v: %d entries of %d calls say\n%s\nwant\n%s", seed, by, len(sums), len(calls), got, want)
			}
		}
	}
}

// TestFinal: neither refunds nor a settlement change the entries of a final call, and nothing else that has ended is left out.
func TestFinal(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	count := map[string]int{}
	for i := range 2000 {
		c := randomCall(rng, fmt.Sprint(i))
		c.Settled = nil
		final, before := Final(c), slices.Collect(Entries(c, nil))
		c.Settle(Settlements{c.ID(): settled(c.ID(), logfile.Failed)})
		after := slices.Collect(Entries(c, refundsOfAll(c)))
		same := fmt.Sprintf("%+v", before) == fmt.Sprintf("%+v", after)
		if final && !same {
			t.Fatalf("%+v\nwas final, and is\n%+v", before, after)
		}
		if !final && same && c.State() != Open {
			t.Fatalf("%+v\nis not final, and why?", before)
		}
		count[fmt.Sprint(final)+" "+c.State()]++
	}
	for _, some := range []string{"true succeeded", "false succeeded", "true failed", "true partial", "true not_sent", "true refused", "false open"} {
		if count[some] == 0 {
			t.Errorf("no call is %s: %v", some, slices.Sorted(maps.Keys(count)))
		}
	}
}

// refundsOfAll are refunds of each order that the answer to a call names.
func refundsOfAll(c *Call) Refunds {
	refunds := Refunds{}
	if c.Outcome == nil {
		return refunds
	}
	for _, order := range fieldsNamed(c.Outcome, "order") {
		refunds[refundOrder{c.Site(), order}], _ = figureOf("1.25", "CNY")
	}
	return refunds
}

// TestReportOfCustomersAlone: rows that no total stands behind, as entries of a forged index may be, are shown as they are.
func TestReportOfCustomersAlone(t *testing.T) {
	r := NewReport([]Dimension{ByCustomer}, nil)
	value, _ := decimal.Parse("5")
	if err := r.AddEntry(&Entry{Key: Key{Scope: ScopeCustomer, Customer: "c-1", State: logfile.Succeeded, Currency: "CNY", PriceFrom: FromRequest}, Money: value, Calls: 1}); err != nil {
		t.Fatal(err)
	}
	if got, want := asText(r), "c-1 CNY 1 1 0 0 0 0 0 0 5.00 0.00 0.00 request 0 0\n= 0 0 0 0 0 0 0 0 0 0\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
