package catalog

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// fits reports independently of the router whether a template covers a path, segment by segment, and how: "l" for a literal,
// "p" for a parameter, "r" for the rest. The lesser text is the more specific.
func fits(template, path string) (how string, ok bool) {
	want, got := strings.Split(template, "/")[1:], strings.Split(path, "/")
	if len(got) < 2 || got[0] != "" || slices.Contains(got[1:len(got)-1], "") {
		return "", false
	}
	got = got[1:]
	for i, segment := range want {
		switch {
		case i >= len(got), got[i] == "" && segment != "":
			return "", false
		case strings.HasSuffix(segment, "...}"):
			return how + "r", true
		case strings.HasPrefix(segment, "{"):
			how += "p"
		case segment == got[i]:
			how += "l"
		default:
			return "", false
		}
	}
	return how, len(want) == len(got)
}

// best finds the operation by trying all: the most specific template counts, then the method itself before any method.
func best(operations []*Operation, method, path string) (found *Operation) {
	least := ""
	for _, o := range operations {
		how, ok := fits(o.Path, path)
		if o.Method == AnyMethod {
			how += "~"
		}
		if ok && (o.Method == method || o.Method == AnyMethod) && (found == nil || how < least) {
			found, least = o, how
		}
	}
	return found
}

func FuzzMatch(f *testing.F) {
	operations := append(Operations("cn"), op("files", "GET", "/files/{path...}"), op("any", "*", "/{a}/{b}"), op("all", "PATCH", "/{all...}"),
		op("root", "GET", "/"), op("deep", "GET", "/files/{name}/meta"), op("list", "*", "/files/all"), op("slash", "GET", "/slash/"), op("param", "PUT", "/slash/{a}/"))
	r := newRouter(f, operations...)
	for _, o := range operations {
		f.Add(o.Method, fill(o.Path, func(string) string { return "a b" }))
	}
	f.Add("GET", "//")
	f.Add("", "/files/a//b")
	f.Add("GET", "/files/a/")
	f.Fuzz(func(t *testing.T, method, path string) {
		o, params, ok := r.Match(method, path)
		if want := best(operations, method, path); o != want || ok != (want != nil) {
			t.Fatalf("%s %q leads to %v, a search finds %v", method, path, o, want)
		}
		if !ok {
			if slices.Contains(r.Methods(path), method) && method != AnyMethod {
				t.Errorf("Methods(%q) has %s, Match does not", path, method)
			}
			return
		}
		if back := fill(o.Path, params.Get); back != path {
			t.Errorf("%q matched %s, which expands to %q", path, o.Path, back)
		}
		if methods := r.Methods(path); !slices.Contains(methods, o.Method) {
			t.Errorf("Methods(%q) = %q lacks %s", path, methods, o.Method)
		}
	})
}

// FuzzDeclare: an endpoint that is accepted can be routed to and reached, and passes no header on that decides something.
func FuzzDeclare(f *testing.F) {
	f.Add("ListThings", "GET", "/v2/things/{id}", "X-Project")
	f.Add("App", "*", "/app/{path...}", "x-ok")
	f.Add("a", "PATCH", "/", "cookie")
	f.Add("a.b_c-d", "CONNECT", "/a/../b", "x_y")
	f.Fuzz(func(t *testing.T, name, method, path, header string) {
		o, err := Declare(Declaration{Name: name, Method: method, Path: path, Effect: Write, ForwardHeaders: []string{header}})
		if err != nil {
			if o != nil || len(err.Error()) > 16<<10 {
				t.Errorf("%v, and an error of %d bytes", o, len(err.Error()))
			}
			return
		}
		r, err := NewRouter([]*Operation{o})
		if err != nil {
			t.Fatalf("declared, but not routed: %v", err)
		}
		calls := strings.Replace(method, AnyMethod, "OPTIONS", 1)
		if got, _, ok := r.Match(calls, fill(path, func(string) string { return "v" })); !ok || got != o {
			t.Errorf("%s %q does not lead to its own endpoint", method, path)
		}
		passed := o.ForwardHeaders[0]
		for _, decides := range []string{"cookie", "host", "te", "connection", "content-length", "transfer-encoding", "x-auth-token", "x-project-id"} {
			if strings.EqualFold(passed, decides) {
				t.Errorf("%q is passed on", passed)
			}
		}
		if passed != http.CanonicalHeaderKey(header) || strings.ContainsAny(passed, "_ :\r\n") {
			t.Errorf("%q is passed on as %q", header, passed)
		}
	})
}

// FuzzTable: rows that are accepted make operations that can be routed to, with sound facts.
func FuzzTable(f *testing.F) {
	f.Add("cn,PayOrders,POST,/v3/pay,Pay,customer,doc,spend,,,204,s", "cn,PayOrders,quota,20")
	f.Add("cn,A,GET,/a/{b},x,either,inferred,read,yes,,200|202,s", "*,A,request,order_id:order amount:amount")
	f.Add("cn,\"A\nB\",GET,/a,x,either,doc,read,,A;B,200,s", "# none")
	f.Add("cn,A,POST,/a,x,either,doc,spend,,,200,s", "*,A,request,b[]:order\n*,A,answer,a:order\n*,A,repeats,a=b[]")
	f.Fuzz(func(t *testing.T, row, fact string) {
		if strings.Count(row, "\n") > 20 {
			return // the header and some rows are enough
		}
		table, err := parse(operationColumns+"\n"+row, fact, actHead)
		if err != nil {
			return
		}
		for site, operations := range table.bySite {
			for _, o := range operations {
				if o.Site != site || checkName(o.Name) != nil || !o.Class.Valid() || !o.Effect.Valid() || !(o.Quota > 0 && o.Quota <= 1000) {
					t.Errorf("%+v", o)
				}
				for _, r := range o.Repeats {
					if o.Effect != Spend || !contain(o.Answer, r.Answer) || !contain(o.Request, r.Request) {
						t.Errorf("%s repeats %+v", o.Name, r)
					}
				}
				if _, err := NewRouter([]*Operation{o}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// FuzzActs: rows that are accepted make acts whose keys are of fields of the request.
func FuzzActs(f *testing.F) {
	f.Add("A,act,id,id@1h,out,cash,,,none,")
	f.Add("A,act,x=id|ids[] n? kind{1,2}:1,x+kind@24h n@0s,set,budget,n/kind,pays!,request,doubt")
	f.Add("A,act,\"id=ids[] kind{1,2}\",id+kind@31d,back,coupon,,pays|kind,order,")
	const (
		operations = operationColumns + "\ncn,A,POST,/a,x,either,doc,spend,,,200,no\n"
		facts      = "*,A,request,id:order ids[]:order n:amount kind:other pays:other\n"
	)
	f.Fuzz(func(t *testing.T, row string) {
		table, err := parse(operations, facts, actHead+row)
		if err != nil || table.bySite["cn"][0].Act == nil {
			return
		}
		o := table.bySite["cn"][0]
		if len(o.Act.Keys) == 0 || checkActName(o.Act.Name) != nil {
			t.Errorf("%+v", o.Act)
		}
		for i, k := range o.Act.Keys {
			if k.Window < 0 || len(k.Parts) == 0 || k.String() == "" {
				t.Errorf("key %d of %+v", i, o.Act)
			}
			for _, p := range k.Parts {
				if o.Act.part(p.Name) != p || slices.ContainsFunc(p.Fields, func(name string) bool { return !contain(o.Request, name) }) {
					t.Errorf("part %+v", p)
				}
			}
		}
		if o.Act.Amount != nil && o.Act.Amount.Kind != FieldAmount {
			t.Errorf("amount %+v", o.Act.Amount)
		}
	})
}
