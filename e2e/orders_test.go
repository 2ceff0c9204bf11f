package e2e

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// orderKinds are calls that name an order, one for each method. By its order a call is found again at the provider and in
// the log.
var orderKinds = []struct{ method, path, query, body string }{
	{"GET", "/v2/orders/customer-orders", "?order_id=ORDER", ""},
	{"POST", "/v3/orders/customer-orders/pay", "", `{"order_id":"ORDER","use_coupon":"NO","use_discount":"NO"}`},
	{"PUT", "/v2/orders/customer-orders/cancel", "", `{"order_id":"ORDER"}`},
	{"DELETE", "/v2/orders/subscriptions/resources/autorenew/ORDER", "", ""},
}

// orderPath is the request target of a call about an order, and orderBody its body.
func orderPath(kind int, order string) string {
	return strings.Replace(orderKinds[kind].path+orderKinds[kind].query, "ORDER", order, 1)
}

func orderBody(kind int, order string) string {
	return strings.Replace(orderKinds[kind].body, "ORDER", order, 1)
}

// orderRequest asks for an order at a gateway's plain listener.
func (p *process) orderRequest(kind int, order string) *http.Request {
	r, err := http.NewRequest(orderKinds[kind].method, "http://"+p.address("plain")+orderPath(kind, order), strings.NewReader(orderBody(kind, order)))
	if err != nil {
		panic(err) // the table is wrong
	}
	return r
}

// orderName numbers orders. No name begins with another one.
func orderName(parts ...int) string {
	text := "CS"
	for _, part := range parts {
		text += "-" + strconv.Itoa(part)
	}
	return text + "-X"
}

// orderIn finds the order in what belongs to a call; it is empty if there is none.
func orderIn(text string) string {
	start := strings.Index(text, "CS-")
	if start < 0 {
		return ""
	}
	if end := strings.IndexAny(text[start:], "\"& \r\n"); end >= 0 {
		return text[start : start+end]
	}
	return text[start:]
}

// ordersThatArrived counts the calls that the simulator saw, by their order.
func (w *world) ordersThatArrived() map[string]int {
	w.t.Helper()
	orders := map[string]int{}
	for _, c := range w.simulator.Calls() {
		order := orderIn(c.Path + " " + c.Query + " " + string(c.Body))
		if order == "" && c.BodySHA256 != "" { // the order of a body that was cut off may be missing
			w.t.Errorf("a call without an order arrived: %s %s", c.Method, c.Path)
		}
		orders[order]++
	}
	delete(orders, "")
	return orders
}

// orderOf is the order that an intent is about: in its fields, its query or its path.
func orderOf(r *logfile.Record) string {
	if i := slices.IndexFunc(r.Fields, func(f logfile.Field) bool { return f.Name == "order_id" }); i >= 0 {
		return strings.Join(r.Fields[i].Values, ",")
	}
	return orderIn(r.Path + " " + r.Query)
}

// ordersOnRecord checks the log of a gateway that has stopped, and returns what it says of each order.
func (w *world) ordersOnRecord() map[string]*history {
	w.t.Helper()
	recorded := map[string]*history{}
	for _, h := range w.consistent() {
		if h.intent == nil {
			continue
		}
		order := orderOf(h.intent)
		if recorded[order] != nil {
			w.t.Errorf("order %s is on record twice", order)
		}
		recorded[order] = h
	}
	return recorded
}

// checkOnce holds what arrived against the log: each call once, and none without a record.
func checkOnce(t testing.TB, arrived map[string]int, recorded map[string]*history) {
	t.Helper()
	for order, times := range arrived {
		if times != 1 {
			t.Errorf("order %s arrived %d times", order, times)
		}
		switch h := recorded[order]; {
		case h == nil:
			t.Errorf("order %s arrived and is not on record", order)
		case h.outcome != nil && h.outcome.Outcome == logfile.NotSent:
			t.Errorf("order %s arrived, the log says that it was not sent", order)
		}
	}
}
