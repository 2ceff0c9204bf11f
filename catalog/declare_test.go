package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/setting"
)

func good() Declaration {
	return Declaration{Name: "app.get", Method: "GET", Path: "/app/{path...}", Effect: Read}
}

func TestDeclare(t *testing.T) {
	d := good()
	d.Class, d.Deprecated, d.ReplacedBy = ClassPartner, true, []string{"other"}
	d.ForwardHeaders = []string{"x-trace-id", "If-Match", "X-Trace-ID"}
	d.AnswerHeaders = []string{"x-trace-id", "Location", "X-Domain-Id", "X-Trace-ID"}
	d.ContentTypes = []string{"Text/XML", "application/json", "text/xml"}
	o, err := Declare(d)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"application/json", "text/xml"}; !slices.Equal(o.ContentTypes, want) {
		t.Errorf("content types %q, want %q", o.ContentTypes, want)
	}
	if o.Site != "" || o.Name != d.Name || o.Method != "GET" || o.Path != d.Path || o.Effect != Read || o.Class != ClassPartner ||
		!o.Deprecated || !slices.Equal(o.ReplacedBy, d.ReplacedBy) || o.Quota != 0 {
		t.Errorf("operation %+v", *o)
	}
	if want := []string{"If-Match", "X-Trace-Id"}; !slices.Equal(o.ForwardHeaders, want) {
		t.Errorf("headers %q, want %q", o.ForwardHeaders, want)
	}
	if want := []string{"Location", "X-Domain-Id", "X-Trace-Id"}; !slices.Equal(o.AnswerHeaders, want) {
		t.Errorf("answer headers %q, want %q", o.AnswerHeaders, want)
	}
	if _, _, ok := newRouter(t, o).Match("GET", "/app/a/b"); !ok {
		t.Error("declared endpoint does not match")
	}
}

func TestDeclareRefuses(t *testing.T) {
	tests := []struct {
		what   string
		change func(*Declaration)
		want   string
	}{
		{"no name", func(d *Declaration) { d.Name = "" }, "endpoint name"},
		{"pattern as name", func(d *Declaration) { d.Name = "effect:read" }, "endpoint name"},
		{"name starts with a digit", func(d *Declaration) { d.Name = "1a" }, "endpoint name"},
		{"long name", func(d *Declaration) { d.Name = strings.Repeat("a", 65) }, "endpoint name"},
		{"no method", func(d *Declaration) { d.Method = "" }, "method"},
		{"lower case", func(d *Declaration) { d.Method = "get" }, "method"},
		{"tunnel", func(d *Declaration) { d.Method = "CONNECT" }, "cannot be served"},
		{"echo", func(d *Declaration) { d.Method = "TRACE" }, "cannot be served"},
		{"effect", func(d *Declaration) { d.Effect = 0 }, "effect is not stated"},
		{"class out of range", func(d *Declaration) { d.Class = 17 }, "credential class"},
		{"unknown class", func(d *Declaration) { d.Class = ClassUnknown }, "credential class"},
		{"successor of a current one", func(d *Declaration) { d.ReplacedBy = []string{"x"} }, "not deprecated"},
		{"many headers", func(d *Declaration) { d.ForwardHeaders = slices.Repeat([]string{"X-A"}, 33) }, "at most 32"},
	}
	for _, act := range []struct {
		what, want string
		change     func(*Declaration)
	}{
		{"of a read", "effect is not spend", func(d *Declaration) { d.Effect = Read }},
		{"of a write", "effect is not spend", func(d *Declaration) { d.Effect = Write }},
		{"whose calls are sensitive", "sensitive", func(d *Declaration) { d.Sensitive = true }},
		{"without keys", "1 to 8 keys", func(d *Declaration) { d.Act.Keys = nil }},
		{"with many keys", "1 to 8 keys", func(d *Declaration) { d.Act.Keys = slices.Repeat([]string{"id"}, 9) }},
		{"with many parts", "at most 8", func(d *Declaration) { d.Act.Keys = []string{"a+b+c+d+e+f+g+h+i"} }},
		{"with an empty key", "want names", func(d *Declaration) { d.Act.Keys = []string{""} }},
		{"with an empty part", "want names", func(d *Declaration) { d.Act.Keys = []string{"id+"} }},
		{"with a part twice", "want names", func(d *Declaration) { d.Act.Keys = []string{"id+id"} }},
		{"with an empty member", "want names", func(d *Declaration) { d.Act.Keys = []string{"a..b"} }},
		{"with a list of lists", "want names", func(d *Declaration) { d.Act.Keys = []string{"a[][]"} }},
		{"with a line break", "want names", func(d *Declaration) { d.Act.Keys = []string{"a\nb"} }},
		{"with a long name", "want names", func(d *Declaration) { d.Act.Keys = []string{strings.Repeat("a", 65)} }},
		{"without a name", "act name", func(d *Declaration) { d.Act.Name = "" }},
		{"with capital letters", "act name", func(d *Declaration) { d.Act.Name = "Pay" }},
		{"with a negative window", "from 0s to 366d", func(d *Declaration) { d.Act.Window = -1 }},
		{"with a long window", "from 0s to 366d", func(d *Declaration) { d.Act.Window = setting.Duration(367 * setting.Day) }},
	} {
		tests = append(tests, struct {
			what   string
			change func(*Declaration)
			want   string
		}{"act " + act.what, func(d *Declaration) {
			d.Effect, d.Act = Spend, &ActDeclaration{Name: "pay", Keys: []string{"id"}}
			act.change(d)
		}, act.want})
	}
	for _, path := range []string{
		"", "a", "//", "/a//b", "/a//", "//a/", "/{a...}/", "/a/.", "/../a", "/a;b", "/a%2Fb", "/a b", "/a\\b", "/a\x00", "/ä", "/a?b", "/a#b", "/a*", "/{a", "/a}", "/x{a}", "/{a}x",
		"/{}", "/{a-b}", "/{1}", "/{...}", "/{a...}/b", "/{a}/{a}", "/{a...}{b}", "/" + strings.Repeat("a", 2000), "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
	} {
		tests = append(tests, struct {
			what   string
			change func(*Declaration)
			want   string
		}{"path " + path, func(d *Declaration) { d.Path = path }, ""})
	}
	for _, name := range []string{
		"X-Auth-Token", "X-Project-Id", "X-Subject-Token", "Cookie", "Host",
		"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Upgrade",
		"Expect", "Tollgate-Caller", "Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding",
		"Content-Encoding", "Content-Type", "Content-Range", "Content-Transfer-Encoding", "X-HTTP-Method-Override", "X-Original-URL", "X-Forwarded-For", "WL-Proxy-Client-IP", "Client-Cert",
		"Cf-Access-Jwt-Assertion", "X-Scheme", "X-Apig-AppCode", "X_Domain_Id", "X A", "X-A:", "", "Ä",
		strings.Repeat("a", 65),
	} {
		tests = append(tests, struct {
			what   string
			change func(*Declaration)
			want   string
		}{"header " + name, func(d *Declaration) { d.ForwardHeaders = []string{name} }, "header"})
	}
	for _, name := range []string{
		"Set-Cookie", "set-cookie", "X-Subject-Token", "X-Auth-Token", "Connection", "Keep-Alive", "Transfer-Encoding",
		"Content-Length", "Trailer", "Upgrade", "Proxy-Authenticate", "Tollgate-Outcome", "X_A", "", strings.Repeat("a", 65),
	} {
		tests = append(tests, struct {
			what   string
			change func(*Declaration)
			want   string
		}{"answer header " + name, func(d *Declaration) { d.AnswerHeaders = []string{name} }, "header"})
	}
	for _, media := range []string{"", "json", "*/*", "text/*", "application/json; charset=utf-8", "application/json;", "a/b/c", "a /b", "text/" + strings.Repeat("a", 127)} {
		tests = append(tests, struct {
			what   string
			change func(*Declaration)
			want   string
		}{"content type " + media, func(d *Declaration) { d.ContentTypes = []string{media} }, "content type"})
	}
	for _, test := range tests {
		d := good()
		test.change(&d)
		o, err := Declare(d)
		if err == nil || o != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60s: %v, error %v, want %q", test.what, o, err, test.want)
		}
	}
}

func TestDeclareAct(t *testing.T) {
	d := good()
	d.Effect, d.Act = Spend, &ActDeclaration{Name: "pay", Keys: []string{"book+orders[].id", "book"}, Window: setting.Duration(time.Hour)}
	o, err := Declare(d)
	if err != nil {
		t.Fatal(err)
	}
	a := o.Act
	if a.Name != "pay" || a.Keys[0].String() != "book + orders[].id" || a.Keys[1].String() != "book" || a.Keys[1].Window != time.Hour || a.Direction != Out ||
		a.Price != PriceNone || a.Amount != nil || a.Subject() != a.Keys[0].Parts[1] {
		t.Errorf("%+v", a)
	}
	if want := []Field{{"book", FieldOther}, {"orders[].id", FieldOther}}; !slices.Equal(o.Request, want) {
		t.Errorf("fields %v", o.Request)
	}
	if o, err := Declare(good()); err != nil || o.Act != nil || o.Request != nil {
		t.Errorf("without an act: %+v, %v", o, err)
	}
}

func TestSameAct(t *testing.T) {
	declare := func(name string, keys ...string) *Operation {
		d := good()
		d.Effect, d.Act = Spend, &ActDeclaration{Name: name, Keys: keys}
		o, err := Declare(d)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	pay := declare("pay", "book+orders[].id", "book")
	for other, same := range map[*Operation]bool{
		declare("pay", "book+orders[].id", "book"): true, declare("refund", "book"): true, {}: true,
		declare("pay", "book"): false, declare("pay", "book+order.id", "book"): false,
	} {
		if pay.SameAct(other) != same || other.SameAct(pay) != same {
			t.Errorf("%+v: %v", other.Act, !same)
		}
	}
}

func TestDeclareReportsAllProblems(t *testing.T) {
	_, err := Declare(Declaration{ForwardHeaders: []string{"Cookie", "Host"}})
	if err == nil {
		t.Fatal("declared an empty endpoint")
	}
	for _, want := range []string{"endpoint name", "method", "path", "effect", "Cookie", "Host"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not speak of %s:\n%v", want, err)
		}
	}
}

func FuzzParseTemplate(f *testing.F) {
	f.Add("/v2/orders/{order_id}")
	f.Add("/app/{path...}")
	f.Add("/a//{")
	f.Fuzz(func(t *testing.T, path string) {
		segments, err := parseTemplate(path)
		if err != nil {
			return
		}
		back := ""
		for _, s := range segments {
			switch {
			case s.rest:
				back += "/{" + s.text + "...}"
			case s.param:
				back += "/{" + s.text + "}"
			default:
				back += "/" + s.text
			}
		}
		if back != path && path != "/" {
			t.Errorf("%q parses as %q", path, back)
		}
	})
}
