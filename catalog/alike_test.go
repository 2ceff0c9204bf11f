package catalog

import (
	"strings"
	"testing"
)

// A server that regards neither case nor a final slash must not be sent what was decided for another operation.
func TestAlike(t *testing.T) {
	signed := func(name, path string) *Operation {
		return &Operation{Name: name, Method: "GET", Path: path, Class: ClassEither}
	}
	r := newRouter(t,
		op("admin", "GET", "/Admin/{x}"), op("key", "GET", "/keys"), op("all", "GET", "/{path...}"), op("upper", "GET", "/Case/{a}"), op("lower", "GET", "/case/{b}"),
		op("put", "PUT", "/only/put"), op("slash", "GET", "/list/"),
		signed("order", "/v2/orders/{id}"), signed("detail", "/v2/orders/detail"), signed("items", "/v2/orders/{id}/items"), signed("export", "/v2/orders/export/{x}/"),
	)
	for _, test := range []struct{ method, path, found, alike string }{
		{"GET", "/Admin/1", "admin", ""},
		{"GET", "/admin/1", "all", "admin"},
		{"GET", "/ADMIN/1/", "all", "admin"},
		{"GET", "/Admin/1/", "all", "admin"},
		{"GET", "/admin", "all", ""},
		{"GET", "/other/Admin/1", "all", ""},
		{"GET", "/\u212aeys", "all", "key"},        // the Kelvin sign, whose lower case is k
		{"GET", "/l\u0131\u017ft", "all", "slash"}, // a dotless i and a long s, whose upper cases are I and S
		{"GET", "/list", "all", "slash"},
		{"GET", "/list/", "slash", ""},
		{"GET", "/Case/1", "upper", ""}, // both are declared, so the server distinguishes them
		{"GET", "/case/1", "lower", ""},
		{"PUT", "/only/put", "put", ""},
		{"PUT", "/only/Put", "", "put"},
		{"PUT", "/only/put/", "", "put"},
		{"GET", "/v2/orders/7", "order", ""},
		{"GET", "/v2/orders/Detail", "order", ""}, // signed: a signature covers case
		{"GET", "/v2/orders/export", "order", ""},
		{"GET", "/v2/orders/7/items", "items", ""},
		{"GET", "/v2/orders/export/7/", "export", ""},
		{"GET", "/v2/orders/export/items", "items", "export"},
		{"GET", "/v2/orders/export/items/", "export", "items"},
		{"GET", "/v2/orders/detail", "detail", ""},
		{"POST", "/V2/orders/detail", "", ""},
	} {
		found, _, _ := r.Match(test.method, test.path)
		alike := r.Alike(test.method, test.path, found)
		if nameOf(found) != test.found || nameOf(alike) != test.alike {
			t.Errorf("%s %s leads to %q and is like %q, want %q and %q", test.method, test.path, nameOf(found), nameOf(alike), test.found, test.alike)
		}
	}
	if o := newRouter(t, Operations("cn")...).Alike("GET", "/V2/orders/customer-orders/", nil); o != nil {
		t.Errorf("a path of the catalog in another case is like %s", o.Name)
	}
}

// Two paths that differ in case only are both served, also where one takes any method, in whatever order they are declared.
func TestCaseOnlyWithAnyMethod(t *testing.T) {
	read, change, all := op("read", "GET", "/x/{a}"), op("change", "POST", "/x/{a}"), op("all", "*", "/X/{b}")
	for _, declared := range [][]*Operation{{read, change, all}, {all, change, read}, {change, all, read}} {
		r := newRouter(t, declared...)
		for _, test := range []struct{ method, path, found, alike string }{
			{"GET", "/x/1", "read", ""}, {"POST", "/x/1", "change", ""},
			{"GET", "/X/1", "all", ""}, {"POST", "/X/1", "all", ""}, {"PUT", "/X/1", "all", ""},
			{"PUT", "/x/1", "", "all"}, {"GET", "/X/1/", "", "read"},
		} {
			found, _, _ := r.Match(test.method, test.path)
			if alike := r.Alike(test.method, test.path, found); nameOf(found) != test.found || nameOf(alike) != test.alike {
				t.Errorf("%s %s leads to %q and is like %q, want %q and %q", test.method, test.path, nameOf(found), nameOf(alike), test.found, test.alike)
			}
		}
	}
}

// An operation whose every call differs in a final slash only from calls of another could never be called.
func TestNewRouterRefusesHiddenOperations(t *testing.T) {
	signed := func(name, method, path string) *Operation {
		return &Operation{Name: name, Method: method, Path: path, Class: ClassPartner}
	}
	for _, item := range []*Operation{
		signed("Item", "POST", "/v3/orders/customer-orders/{x}/"), signed("Item", "*", "/v3/orders/customer-orders/{x}/"), signed("Item", "POST", "/v3/{a}/{b}/{c}/"),
	} {
		_, err := NewRouter(append([]*Operation{item}, Operations("cn")...))
		if err == nil || !strings.Contains(err.Error(), "PayOrders (POST /v3/orders/customer-orders/pay)") || !strings.Contains(err.Error(), "Item ("+item.Method) {
			t.Errorf("%s %s beside the catalog: error %v", item.Method, item.Path, err)
		}
	}
	for _, test := range []struct {
		a, b     *Operation
		together bool
	}{
		{signed("one", "GET", "/a/{x...}"), signed("two", "GET", "/a/b/{y}/"), false},
		{signed("one", "GET", "/a/{x}"), signed("two", "GET", "/a/b/"), false},
		{signed("one", "GET", "/a/{x}"), signed("two", "POST", "/a/b/"), true},
		{signed("one", "GET", "/a/{x}/items"), signed("two", "GET", "/a/b/{y}/"), true}, // but for one path each
		{op("one", "GET", "/a/{x}/"), op("two", "GET", "/a/b"), true},                   // unsigned: a lax reader takes /a/b for two, too
		{op("one", "GET", "/a/"), op("two", "*", "/a"), false},
	} {
		_, err := NewRouter([]*Operation{test.a, test.b})
		if (err == nil) != test.together || err != nil && (strings.Count(err.Error(), "one (") != 1 || strings.Count(err.Error(), "two (") != 1) {
			t.Errorf("%s %s and %s %s: error %v, want them together: %v", test.a.Method, test.a.Path, test.b.Method, test.b.Path, err, test.together)
		}
	}
}

func nameOf(o *Operation) string {
	if o == nil {
		return ""
	}
	return o.Name
}

// FuzzAlike: whatever case a declared path is written in, with or without a final slash, no other operation takes the call.
func FuzzAlike(f *testing.F) {
	declared := []*Operation{op("a", "GET", "/admin/Keys"), op("b", "GET", "/admin/list/"), op("c", "GET", "/{kind}/sites"), op("all", "GET", "/{path...}")}
	r := newRouter(f, declared...)
	for _, seed := range []string{"/ADMIN/keys", "/admin/list", "/x/Sites/", "/admin/\u212aeys", "/", "/admin/li\u017ft/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		found, _, ok := r.Match("GET", path)
		if !ok || r.Alike("GET", path, found) != nil {
			return
		}
		for _, o := range declared[:2] { // without parameters: what they match can be compared as a whole
			if o != found && strings.EqualFold(strings.TrimSuffix(path, "/"), strings.TrimSuffix(o.Path, "/")) {
				t.Errorf("%q leads to %s, and could be taken for %s", path, found.Name, o.Name)
			}
		}
	})
}
