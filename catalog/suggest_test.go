package catalog

import (
	"strings"
	"testing"
)

func routerOf(t testing.TB, operations []*Operation) *Router {
	t.Helper()
	r, err := NewRouter(operations)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNearest(t *testing.T) {
	declared := &Operation{Name: "Hidden", Method: "GET", Path: "/v3/orders/customer-orders/pays", Class: ClassEither, Effect: Read}
	r := routerOf(t, append(Operations("cn"), declared))
	for _, c := range []struct{ method, path, want string }{
		{"POST", "/v1/orders/customer-orders/pay", "PayOrders"},
		{"GET", "/v3/orders/customer-orders/pay", "PayOrders"},
		{"POST", "/v3/orders/customer-order/pay", "PayOrders"},
		{"POST", "/v3/order/customer-orders/pya", "PayOrders"},
		{"GET", "/v3/orders/customer-orders/pas", "PayOrders"}, // not the declared one, which is nearer
		{"GET", "/v3/accounts/customer-accounts/balances", "ShowCustomerAccountBalances"},
		{"GET", "/v2/orders/customer-orders/detail/CS-1001", "ShowCustomerOrderDetails"},
		{"GET", "/v2/orders/customer-orders/details/", ""},
		{"DELETE", "/v2/orders/customer-orders", "ListCustomerOrders"},
		{"POST", "/v3/orders/customer-orders", "ListCustomerOrders"},
		{"POST", "/v3/orders", ""},
		{"POST", "/v3/orders/customer-orders/pay/now", ""},
		{"GET", "/", ""},
		{"GET", "", ""},
		{"GET", "/metrics", ""},
		{"POST", "/v3/orders/customer-orders/pay" + strings.Repeat("y", 300), ""},
		{"GET", strings.Repeat("/a", 120), ""},
	} {
		name := ""
		if o := r.Nearest(c.method, c.path); o != nil {
			name = o.Name
		}
		if name != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, name, c.want)
		}
	}
	if o := routerOf(t, []*Operation{declared}).Nearest("GET", "/v3/orders/customer-orders/payz"); o != nil {
		t.Errorf("a declared endpoint is suggested: %s", o.Name)
	}
}

// TestNearestFindsEach: each operation is found by its path with one error in each of its literal segments.
func TestNearestFindsEach(t *testing.T) {
	for _, site := range Sites() {
		operations := Operations(site)
		r := routerOf(t, operations)
		for _, o := range operations {
			wrong := strings.Replace(strings.NewReplacer("{", "", "}", "").Replace(o.Path), "rs", "sr", 1)
			if _, _, taken := r.Match(o.Method, wrong); taken {
				continue
			}
			if got := r.Nearest(o.Method, wrong); wrong != o.Path && (got == nil || got.Deprecated && !o.Deprecated) {
				t.Errorf("%s %s: %+v, want %s", o.Method, wrong, got, o.Name)
			}
		}
	}
}

// BenchmarkNearest is the search in the whole catalog of a site for a path that is near to none but has the shape of many: what the refusal of an
// identified caller's unknown path costs besides.
func BenchmarkNearest(b *testing.B) {
	r := routerOf(b, Operations("cn"))
	for _, path := range []string{"/v3/orders/customer-orders/pya", "/v2/ordesr/custome-rorders/xxxxxxxx", "/nothing", "/v2/" + strings.Repeat("a", 240)} {
		b.Run(path[:min(len(path), 30)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Nearest("POST", path)
			}
		})
	}
}
