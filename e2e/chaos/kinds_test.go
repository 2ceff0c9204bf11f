package chaos

import (
	"net/http"
	"strconv"
	"strings"
)

// kind is a kind of call.
type kind struct {
	name         string // in the ids of its acts, by which calls are found again at the provider and on record
	operation    string
	method, path string // ACT is the act's id
	body         string
	caller       string
	account      string // whose cloud key must sign it
	where        place
	share        int    // in a hundred calls
	changes      bool   // it is a write or a spend
	mayRepeat    bool   // now and then its act is attempted again, with another signature
	refused      string // the code that it must get, since no grant allows it
}

// place is where a kind of call goes.
type place int

const (
	anywhere place = iota // to any member of the fleet
	pinned                // to the member that the act belongs to: acts are held by each member for itself
	alone                 // to the gateway that is in no fleet, and has a cap
)

const payment = `{"order_id":"ACT","use_coupon":"NO","use_discount":"NO"}`

var kinds = []*kind{
	{name: "look", operation: "ListCustomerOrders", method: http.MethodGet, path: "/v2/orders/customer-orders?order_id=ACT", caller: shop, account: "c-17", share: 25},
	{name: "report", operation: "ListCustomerOrders", method: http.MethodGet, path: "/v2/orders/customer-orders?order_id=ACT", caller: report, account: "p-1", share: 20},
	{name: "cancel", operation: "CancelCustomerOrder", method: http.MethodPut, path: "/v2/orders/customer-orders/cancel", body: `{"order_id":"ACT"}`,
		caller: shop, account: "c-17", share: 20, changes: true},
	{name: "pay", operation: "PayOrders", method: http.MethodPost, path: "/v3/orders/customer-orders/pay", body: payment,
		caller: till, account: "c-18", where: pinned, share: 22, changes: true, mayRepeat: true},
	{name: "purse", operation: "PayOrders", method: http.MethodPost, path: "/v3/orders/customer-orders/pay", body: payment,
		caller: till, account: "c-18", where: alone, share: 11, changes: true, mayRepeat: true},
	{name: "forbidden", operation: "PayOrders", method: http.MethodPost, path: "/v3/orders/customer-orders/pay", body: payment,
		caller: report, share: 2, changes: true, refused: "TG.3001"},
}

// priceRead is the operation by which the gateway itself reads what an order costs.
const priceRead = "ShowCustomerOrderDetails"

// drawKind returns the kind of which n, below 100, is.
func drawKind(n int) *kind {
	for _, k := range kinds {
		if n -= k.share; n < 0 {
			return k
		}
	}
	panic("the shares are less than a hundred")
}

// act is the id of the kind's n-th act. No id begins with another one.
func (k *kind) act(n int) string { return "CS-" + k.name + "-" + strconv.Itoa(n) + "-X" }

func (k *kind) target(act string) string { return strings.Replace(k.path, "ACT", act, 1) }

// bodyOf is the body of a call about an act. Attempts differ in white space, so that their signatures do.
func (k *kind) bodyOf(act string, attempt int) string {
	return strings.Replace(k.body, "ACT", act, 1) + strings.Repeat(" ", attempt)
}

// kindOf is the kind that an act is of; nil: it is none of ours.
func kindOf(act string) *kind {
	if match := actPattern.FindStringSubmatch(act); match != nil {
		for _, k := range kinds {
			if k.name == match[1] {
				return k
			}
		}
	}
	return nil
}

// operationOf is the operation of a request; empty: no call of ours is like that.
func operationOf(method, path string) string {
	for _, k := range kinds {
		if own, _, _ := strings.Cut(k.path, "?"); own == path && k.method == method {
			return k.operation
		}
	}
	if strings.HasPrefix(path, "/v2/orders/customer-orders/details/") {
		return priceRead
	}
	return ""
}

// customerOf is whose order an act is about.
func customerOf(act string) string {
	k := kindOf(act)
	switch {
	case k == nil:
		return ""
	case k.account == "c-18":
		return "c-18"
	}
	return "c-17"
}
