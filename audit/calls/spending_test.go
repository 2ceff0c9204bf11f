package calls

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// of returns a record as one of a call.
func of(call string, r *logfile.Record) *logfile.Record {
	r.Call = call
	return r
}

func priced(amount, currency, from string, r *logfile.Record) *logfile.Record {
	r.Spending = &logfile.Spending{Price: &logfile.Price{Amount: amount, Currency: currency, From: from}}
	return r
}

func settled(call, outcome string) *logfile.Record {
	return &logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventResolved, Subject: call, Time: at(30),
		Data: map[string]string{"outcome": outcome, "by": "ann", "reason": "read the order", "from": "order"}}
}

// paid is a log of payments: "a" and "b" with prices, "c" without, "d" and "e" unknown, of which only "d" is settled.
func paid() []*logfile.Record {
	pay := func(call string) *logfile.Record {
		return of(call, spend("PayOrders", field("order_id", "order", call)))
	}
	read := func(call string) *logfile.Record {
		return of(call, &logfile.Record{Kind: logfile.KindIntent, Caller: "shop", Site: "cn", Operation: "ShowCustomerOrderDetails", Effect: "read",
			Spending: &logfile.Spending{For: "a"}})
	}
	return []*logfile.Record{
		read("r"), of("r", ended(logfile.Succeeded, 200)),
		priced("99.005", "CNY", "order", pay("a")), priced("30", "USD", "renewal", pay("b")), pay("c"), priced("7", "CNY", "order", pay("d")), priced("8", "CNY", "order", pay("e")),
		of("a", ended(logfile.Succeeded, 204)), of("b", ended(logfile.Failed, 400)), of("c", ended(logfile.Succeeded, 204)),
		of("d", ended(logfile.Unknown, 0)), of("e", ended(logfile.Unknown, 0)),
		settled("d", logfile.Succeeded), settled("d", logfile.Failed), settled("a", logfile.Failed), settled("e", logfile.Unknown), settled("", logfile.Failed),
	}
}

// TestSettledOutcomes: the first event that settles an unknown outcome is the call's state; nothing else is changed by one.
func TestSettledOutcomes(t *testing.T) {
	scan := Scan{write(t, paid())}
	for state, want := range map[string]string{logfile.Succeeded: "racd", logfile.Failed: "b", logfile.Unknown: "e"} {
		if got := ids(t, scan, &Filter{State: state}); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
	err := scan.Calls(t.Context(), &Filter{Call: "d"}, func(c *Call) error {
		row, err := json.Marshal(c.Row(time.UTC).Settled)
		want := `{"time":"2026-10-03T04:30:00Z","by":"ann","reason":"read the order","from":"order"}`
		if string(row) != want || err != nil || c.Outcome.Outcome != logfile.Unknown {
			t.Errorf("%s, %v, want %s", row, err, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOwnCalls: a call that the gateway makes for a caller is not the caller's.
func TestOwnCalls(t *testing.T) {
	scan := Scan{write(t, paid())}
	if got := ids(t, scan, &Filter{Caller: "shop"}); got != "abcde" {
		t.Errorf("calls of the caller: %q", got)
	}
	if got := asText(reportOf(t, "caller", paid())); !strings.Contains(got, "(gateway) CNY 1 1 ") || !strings.Contains(got, "shop CNY 4 3 ") {
		t.Errorf("got\n%s", got)
	}
	err := scan.Calls(t.Context(), &Filter{Call: "r"}, func(c *Call) error {
		if row := c.Row(time.UTC); row.For != "a" || row.Caller != "" || c.CallerText() != "(gateway)" {
			t.Errorf("%+v", row)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPricesAreMoney: the report adds up what the gateway reserved for payments, and has where that comes from.
func TestPricesAreMoney(t *testing.T) {
	want := `PayOrders CNY 4 3 0 0 1 0 0 0 106.005 0.000 8.000 order 1 0
PayOrders USD 1 0 1 0 0 0 0 0 0.00 0.00 0.00 0 0
ShowCustomerOrderDetails CNY 1 1 0 0 0 0 0 0 0.000 0.000 0.000 0 0
= 6 4 1 0 1 0 0 0 1 0
= CNY 106.005 0.000 8.000 order
= USD 0.00 0.00 0.00
`
	if got := asText(reportOf(t, "operation", paid())); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	scan := Scan{write(t, paid())}
	if got := ids(t, scan, &Filter{MinAmount: amount(t, "8"), Currency: "CNY"}); got != "ae" {
		t.Errorf("calls of 8.00 and more: %q", got)
	}
	for _, price := range []logfile.Price{{Amount: "-1", Currency: "CNY"}, {Amount: "x", Currency: "CNY"}, {Amount: "1", Currency: "yuan"}, {}} {
		c := Call{Intent: priced(price.Amount, price.Currency, "order", spend("PayOrders"))}
		if figure, ok := c.Money(); ok {
			t.Errorf("%+v is taken for %+v", price, figure)
		}
	}
	budget := Call{Intent: priced("5", "USD", "request", spend("UpdateSubCustomerBudget")), Outcome: ended(logfile.Succeeded, 200)}
	if figure, ok := budget.Money(); ok {
		t.Errorf("a budget moves %+v", figure)
	}
}

// refundLog returns a log of unsubscriptions, and of reads of their refund orders by callers.
func refundLog() []*logfile.Record {
	unsubscribe := func(call string, orders ...string) []*logfile.Record {
		return []*logfile.Record{
			of(call, spend("CancelResourcesSubscription", field("resource_ids[]", "resource", call))),
			of(call, ended(logfile.Succeeded, 200, field("order_ids[]", "order", orders...))),
		}
	}
	read := func(call, order string, amounts ...string) []*logfile.Record {
		return []*logfile.Record{
			of(call, &logfile.Record{Kind: logfile.KindIntent, Caller: "shop", Site: "cn", Operation: "ShowRefundOrderDetails", Effect: "read",
				Fields: []logfile.Field{field("order_id", "order", order)}}),
			of(call, ended(logfile.Succeeded, 200, field("refund_infos[].amount", "amount", amounts...), field("refund_infos[].base_order_id", "order", "CS0"))),
		}
	}
	var list []*logfile.Record
	for _, records := range [][]*logfile.Record{
		read("1", "R1", "-1"), unsubscribe("a", "R1"), unsubscribe("b", "R2", "R3"), unsubscribe("c", "R2", "R9"), unsubscribe("d", "R4"), unsubscribe("e"),
		read("2", "R1", "-30.50", "-9.50", "12"), read("3", "R2", "-5"), read("4", "R3", "-0.25"), read("5", "R4", "-1", "nonsense"), read("6", "R5", "3"),
	} {
		list = append(list, records...)
	}
	return list
}

// TestRefunds: an unsubscription refunded what the reads of all its refund orders have, the last of each order.
func TestRefunds(t *testing.T) {
	scan := Scan{write(t, refundLog())}
	reads := 0
	r := NewReport([]Dimension{ByOperation}, func() (Refunds, error) {
		reads++
		return ReadRefunds(t.Context(), scan)
	})
	if err := scan.Calls(t.Context(), &Filter{Effect: "spend"}, r.Add); err != nil || reads != 1 {
		t.Fatalf("refunds were read %d times, %v", reads, err)
	}
	want := `CancelResourcesSubscription CNY 5 5 0 0 0 0 0 0 45.25 0.00 0.00 refund 3 0
= 5 5 0 0 0 0 0 0 3 0
= CNY 45.25 0.00 0.00 refund
`
	if got := asText(r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	stop := errors.New("stop")
	r = NewReport(nil, func() (Refunds, error) { return nil, stop })
	if err := scan.Calls(t.Context(), &Filter{}, r.Add); err != stop {
		t.Errorf("without the refunds: %v", err)
	}
	if got := asText(reportOf(t, "operation", paid())); strings.Contains(got, "refund") {
		t.Errorf("payments ask for refunds:\n%s", got)
	}
}
