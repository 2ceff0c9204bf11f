package catalog

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func op(name, method, path string) *Operation {
	return &Operation{Name: name, Method: method, Path: path}
}

func newRouter(t testing.TB, operations ...*Operation) *Router {
	t.Helper()
	r, err := NewRouter(operations)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fill replaces each parameter of a template by value(name).
func fill(template string, value func(name string) string) string {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if inner, ok := strings.CutPrefix(s, "{"); ok {
			segments[i] = value(strings.TrimSuffix(strings.TrimSuffix(inner, "}"), "..."))
		}
	}
	return strings.Join(segments, "/")
}

// valuesOf returns all parameters by their names.
func valuesOf(p *Params) map[string]string {
	values := make(map[string]string)
	for i, name := range p.names {
		values[name] = p.values[i]
	}
	return values
}

func TestEveryOperationRoutesToItself(t *testing.T) {
	for _, site := range Sites() {
		r := newRouter(t, Operations(site)...)
		for _, o := range Operations(site) {
			path := fill(o.Path, func(name string) string { return "value-of-" + name })
			got, params, ok := r.Match(o.Method, path)
			if !ok || got != o {
				t.Errorf("%s %s %s leads to %v", site, o.Method, path, got)
				continue
			}
			for name, value := range valuesOf(&params) {
				if value != "value-of-"+name || params.Get(name) != value {
					t.Errorf("%s %s: parameter %s = %q", site, o.Name, name, value)
				}
			}
			if len(params.names) != strings.Count(o.Path, "{") {
				t.Errorf("%s %s: %d parameters", site, o.Name, len(params.names))
			}
			if methods := r.Methods(path); !slices.Contains(methods, o.Method) {
				t.Errorf("%s %s: methods %q", site, o.Name, methods)
			}
		}
	}
}

func TestMatchOrder(t *testing.T) {
	r := newRouter(t,
		op("root", "GET", "/"),
		op("literal", "GET", "/orders/detail"),
		op("param", "GET", "/orders/{id}"),
		op("cancel", "DELETE", "/orders/{order}"),
		op("deep", "GET", "/{kind}/detail/items"),
		op("any", "*", "/app/health"),
		op("post", "POST", "/app/health"),
		op("rest", "GET", "/app/{path...}"),
		op("user", "GET", "/app/{user}/settings"),
		op("two", "GET", "/{a}/{b}/{c}/{d}"),
		op("slash", "GET", "/list/"),
		op("item", "GET", "/list/{id}/"),
		&Operation{Name: "signed", Method: "GET", Path: "/signed/{path...}", Class: ClassEither},
	)
	tests := []struct{ method, path, want, params string }{
		{"GET", "/", "root", ""},
		{"GET", "/orders/detail", "literal", ""},
		{"GET", "/orders/Detail", "param", "id=Detail"}, // case counts
		{"DELETE", "/orders/detail", "cancel", "order=detail"},
		{"GET", "/orders/detail/items", "deep", "kind=orders"}, // backtracks out of the literal branch
		{"GET", "/app/health", "any", ""},
		{"POST", "/app/health", "post", ""},
		{"GET", "/app/x", "rest", "path=x"},
		{"GET", "/app/x/y/z", "rest", "path=x/y/z"}, // left to right: the literal "app" settles it
		{"GET", "/app/ann/settings", "user", "user=ann"},
		{"GET", "/b/c/d/e", "two", "a=b c=d b=c d=e"},
		{"GET", "/app", "", ""}, // {path...} takes one or more segments
		{"GET", "/app/", "", ""},
		{"GET", "/app//x", "", ""},
		{"GET", "/app/x/", "rest", "path=x/"}, // of an unsigned upstream
		{"GET", "/app/x//", "", ""},
		{"GET", "/list/", "slash", ""},
		{"GET", "/list", "", ""},
		{"GET", "/list//", "", ""},
		{"GET", "/list/7/", "item", "id=7"},
		{"GET", "/list/7", "", ""},
		{"GET", "/signed/x", "signed", "path=x"},
		{"GET", "/signed/x/", "", ""},
		{"GET", "//", "", ""},
		{"GET", "/orders/", "", ""},
		{"GET", "orders/detail", "", ""},
		{"GET", "", "", ""},
		{"PUT", "/orders/detail", "", ""},
		{"get", "/orders/detail", "", ""},
		{"*", "/orders/detail", "", ""},
	}
	for _, test := range tests {
		o, params, ok := r.Match(test.method, test.path)
		name := ""
		if ok {
			name = o.Name
		}
		if name != test.want {
			t.Errorf("%s %s leads to %q, want %q", test.method, test.path, name, test.want)
			continue
		}
		want := make(map[string]string)
		for pair := range strings.FieldsSeq(test.params) {
			k, v, _ := strings.Cut(pair, "=")
			want[k] = v
		}
		if got := valuesOf(&params); !maps.Equal(got, want) {
			t.Errorf("%s %s: parameters %v, want %v", test.method, test.path, got, want)
		}
	}
}

func TestMethods(t *testing.T) {
	r := newRouter(t, op("a", "GET", "/orders/detail"), op("b", "DELETE", "/orders/{id}"), op("c", "*", "/{all...}"))
	tests := []struct {
		path string
		want []string
	}{
		{"/orders/detail", []string{"*", "DELETE", "GET"}},
		{"/orders/7", []string{"*", "DELETE"}},
		{"/", nil},
		{"", nil},
		{"/x//y", nil},
	}
	for _, test := range tests {
		if got := r.Methods(test.path); !slices.Equal(got, test.want) {
			t.Errorf("Methods(%q) = %q, want %q", test.path, got, test.want)
		}
	}
}

func TestNewRouterRefusesOverlap(t *testing.T) {
	tests := []struct{ a, b *Operation }{
		{op("one", "GET", "/a"), op("two", "GET", "/a")},
		{op("one", "GET", "/a/{x}"), op("two", "GET", "/a/{y}")},
		{op("one", "*", "/a/{x...}"), op("two", "*", "/a/{y...}")},
		{op("one", "GET", "/a/{x}/"), op("two", "GET", "/a/{y}/")},
		{op("one", "GET", "/a/{x}"), op("two", "GET", "/A/{y}/")}, // a final slash
	}
	for _, test := range tests {
		_, err := NewRouter([]*Operation{test.a, test.b})
		if err == nil || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") {
			t.Errorf("%s and %s: error %v, want both named", test.a.Path, test.b.Path, err)
		}
	}
	both := append(Operations("cn"), Operations("intl")...)
	if _, err := NewRouter(both); err == nil || strings.Count(err.Error(), "match the same calls") != 72 {
		t.Errorf("both sites in one router: %v", err)
	}
	for _, o := range []*Operation{op("bad", "get", "/a"), op("bad", "GET", "a"), op("bad", "GET", "/a//")} {
		if _, err := NewRouter([]*Operation{o}); err == nil {
			t.Errorf("router took %s %s", o.Method, o.Path)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	r := newRouter(t, Operations("cn")...)
	paths := []string{"/v3/orders/customer-orders/pay", "/v1.0/0a1b/common/order-mgr/orders/CS17", "/v9/none"}
	allocs := testing.AllocsPerRun(100, func() {
		for _, path := range paths {
			_, params, _ := r.Match("POST", path)
			_ = params.Get("order_id")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// BenchmarkMatch measures the walk only: one literal path, one with parameters and one that leads nowhere per loop.
func BenchmarkMatch(b *testing.B) {
	r := newRouter(b, Operations("cn")...)
	b.ReportAllocs()
	for b.Loop() {
		r.Match("POST", "/v3/orders/customer-orders/pay")
		r.Match("GET", "/v1.0/0a1b/common/order-mgr/orders/CS17")
		r.Match("GET", "/v9/none")
	}
}
