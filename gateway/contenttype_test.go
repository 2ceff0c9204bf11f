package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/setting"
)

// A body is sent as what it was recorded as, JSON in UTF-8: read as a form or in another charset, it could name another amount.
func TestContentTypes(t *testing.T) {
	const form = `{"order_id":"CS-1001","x":"&order_id=CS-1002&"}`
	for _, c := range []struct {
		header     []string
		sent, code string
	}{
		{nil, "application/json", ""},
		{[]string{"Content-Type: application/json"}, "application/json", ""},
		{[]string{"Content-Type: Application/JSON"}, "application/json", ""},
		{[]string{"Content-Type: application/json;"}, "application/json", ""},
		{[]string{"Content-Type: application/json;charset=UTF-8"}, "application/json; charset=utf-8", ""},
		{[]string{`Content-Type: application/json; charset="utf-8"`}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=utf8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=UTF8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=unicode-1-1-utf-8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=x-unicode20utf8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=Unicode11UTF8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=unicode20utf8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json;charset=us-ascii"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/json; profile=x; charset=utf-8"}, "application/json; charset=utf-8", ""},
		{[]string{"Content-Type: application/merge-patch+json"}, "application/merge-patch+json", ""},
		{[]string{"Content-Type: application/json; charset=utf-7"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json; charset=utf-16"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json; charset*=utf-8''utf-7"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json; charset*0=utf; charset*1=-7"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json; charset="}, "", "TG.4005"},
		{[]string{`Content-Type: application/json; charset=""`}, "", "TG.4005"},
		{[]string{"Content-Type: application/json; charset=utf-8; charset=utf-7"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json", "Content-Type: application/json; charset=utf-16"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json", "Content-Type: application/json"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json, application/x-www-form-urlencoded"}, "", "TG.4005"},
		{[]string{"Content-Type: application/json application/x-www-form-urlencoded"}, "", "TG.4005"},
		{[]string{"Content-Type: "}, "", "TG.4005"},
		{[]string{"Content-Type: application/json;=x"}, "", "TG.4005"},
		{[]string{"Content-Type: application/x-www-form-urlencoded"}, "", "TG.4007"},
		{[]string{"Content-Type: application/x-www-form-urlencoded+json"}, "", "TG.4007"},
		{[]string{"Content-Type: multipart/form-data; boundary=x"}, "", "TG.4007"},
		{[]string{"Content-Type: multipart/x+json"}, "", "TG.4007"},
		{[]string{"Content-Type: text/plain"}, "", "TG.4007"},
		{[]string{"Content-Type: text/json"}, "", "TG.4007"},
		{[]string{"Content-Type: application/jsonp"}, "", "TG.4007"},
		{[]string{"Content-Type: json"}, "", "TG.4007"},
	} {
		t.Run(strings.Join(c.header, "|"), func(t *testing.T) {
			f := start(t, fixed)
			got := f.send(t, plain("POST", payTarget, form, c.header...))
			if c.code != "" {
				got.wantCode(t, c.code)
				f.origin.none(t)
				if r := f.log.only(t, logfile.KindRefusal); r.Status != 415 {
					t.Errorf("refusal %+v", r)
				}
				return
			}
			a := f.origin.only(t)
			if sent := a.values("Content-Type"); !slices.Equal(sent, []string{c.sent}) {
				t.Errorf("sent as %q, want %q", sent, c.sent)
			}
			a.checkSignature(t, "acme")
		})
	}
}

// Without a body there is nothing to read: what cannot be sent is left out.
func TestContentTypeWithoutABody(t *testing.T) {
	for header, want := range map[string]string{
		"X-A: 1": "", "Content-Type: application/json;charset=utf8": "application/json; charset=utf-8",
		"Content-Type: application/x-www-form-urlencoded": "", "Content-Type: application/json\r\nContent-Type: text/plain": "",
	} {
		for _, text := range []string{plain("GET", readTarget, "", header), plain("POST", "/echo/x/y", "", header)} {
			f := start(t, fixed)
			if got := f.send(t, text); got.status != 200 {
				t.Fatalf("%s: answer %d %s", header, got.status, got.body)
			}
			a := f.origin.only(t)
			if got := a.value("Content-Type"); got != want {
				t.Errorf("%s: sent as %q, want %q", header, got, want)
			}
		}
	}
}

// An endpoint may take other types by its declaration, with their parameters; in UTF-8 all the same.
func TestDeclaredContentTypes(t *testing.T) {
	operation := must(catalog.Declare(catalog.Declaration{
		Name: "Upload", Method: "POST", Path: "/upload", Effect: catalog.Write, Class: catalog.ClassPartner, ContentTypes: []string{"Text/XML", "multipart/form-data"},
	}))
	for given, want := range map[string]string{
		"text/xml": "text/xml", "TEXT/XML;Charset=utf8": "text/xml; charset=utf-8", `multipart/form-data; boundary="a b"`: `multipart/form-data; boundary="a b"`,
		"application/json": "TG.4007", "": "TG.4007", "text/plain": "TG.4007", "text/xml; charset=latin1": "TG.4005", "application/x+json": "TG.4007",
	} {
		var lines []string
		if given != "" {
			lines = []string{given}
		}
		got, refusal := gateway.ReadContentType(operation, true, lines)
		switch {
		case refusal != nil && refusal.Code.Number != want:
			t.Errorf("%q: %v, want %s", given, refusal, want)
		case refusal == nil && (got.Sent != want || got.JSON):
			t.Errorf("%q: %+v, want %s", given, got, want)
		}
	}
	operation = must(catalog.Declare(catalog.Declaration{
		Name: "Upload", Method: "POST", Path: "/upload", Effect: catalog.Write, Class: catalog.ClassPartner, ContentTypes: []string{"text/xml", "application/json"},
	}))
	for _, given := range []string{"application/json", "application/x+json", "text/xml"} {
		if got, refusal := gateway.ReadContentType(operation, true, []string{given}); refusal != nil || got.Sent != given {
			t.Errorf("%q: %+v, %v", given, got, refusal)
		}
	}
}

// An internal app gets a body of any type. A grant for some customers does not take such a body at its word if the app may read it
// otherwise.
func TestContentTypesOfApps(t *testing.T) {
	const body = `{"customer_id":"c-17","x":"&customer_id=c-18&"}`
	for header, taken := range map[string]bool{
		"X-A: 1": true, "Content-Type: application/json": true, "Content-Type: application/json; charset=utf8": true,
		"Content-Type: application/x-www-form-urlencoded": false, "Content-Type: application/json; charset=utf-7": false, "Content-Type: text/html": false,
		"Content-Type: application/json\r\nContent-Type: text/html": false, "Content-Type: nonsense/": false, "Content-Type: application/json\r\nContent-Encoding: x": false,
		"Content-Type: application/json; charset*=utf-7": false, "Content-Type: application/json; charset*1=utf-7": false,
		"Content-Type: application/json; charset*=iso-8859-1''utf-7": false, `Content-Type: application/json; a="; charset=utf-7"`: false,
		`Content-Type: application/json; charset="utf-8"`: true,
	} {
		for _, limited := range []bool{false, true} {
			f := start(t, fixed, func(f *fixture) {
				grant := grants.Grant{Caller: localCaller, Upstream: "app", Operations: []string{"*"}}
				if limited {
					grant.Customers = []setting.Account{"c-17"}
				}
				f.plan.Grants = f.table(t, []grants.Grant{grant})
			})
			got := f.send(t, plain("POST", "/app/x", body, header))
			if limited && !taken {
				got.wantCode(t, "TG.3004")
				f.origin.none(t)
				continue
			}
			a := f.origin.only(t)
			if given := strings.Split(header, "\r\n")[0]; got.status != 200 || a.body != body || !slices.Contains(a.header, given) {
				t.Errorf("%s: answer %d, sent %q", header, got.status, a)
			}
		}
	}
}

// Names in queries of the catalog's operations are sorted alike by all, and so are the values of one name.
func TestQueryNames(t *testing.T) {
	for query, code := range map[string]string{
		"%EF%BD%9E=1&%F0%90%80%80=2": "TG.1003", "%EF%BD%9E=1": "TG.1003", "a%20b=1": "TG.1003", "a~=1": "TG.1003", "a%3D=1": "TG.1003", "a%2Fb=1": "TG.1003",
		"a=%EF%BD%9E&a=%F0%90%80%80": "TG.1003", "aZ0_.-[0]=1": "", "a%5B%5D=1": "", "a%5B0%5D=1&a%5B1%5D=2": "", "a%5B0%5D=1&b=2": "",
		"a%5B0%5D=1&a0=2": "TG.1003", "ids%5B%5D=1&idsX=2": "TG.1003", "a=%F0%90%80%80&b=%EF%BD%9E": "", "a=%EF%BD%9E&a=%E4%B8%AD": "",
	} {
		f := start(t, fixed)
		got := f.send(t, get(readTarget+"?"+query))
		if got.code() != code {
			t.Errorf("%s: answer %d %s, want %q", query, got.status, got.body, code)
		}
		if sent := len(f.origin.all()); (sent == 0) != (code != "") {
			t.Errorf("%s: %d requests went upstream", query, sent)
		}
	}
}

// A parameter that package mime drops, or that makes it drop the type, is refused: what was checked is what is sent.
func TestParametersWithTwoReadings(t *testing.T) {
	operation := must(catalog.Declare(catalog.Declaration{
		Name: "Upload", Method: "POST", Path: "/upload", Effect: catalog.Write, Class: catalog.ClassPartner, ContentTypes: []string{"text/xml"},
	}))
	for line, taken := range map[string]bool{
		"text/xml": true, "text/xml; a=b": true, `text/xml; a="b c"`: true,
		"text/xml; *0=x": false, "text/xml; *0*=utf-8''x": false, "text/xml; charset*=utf-8''gbk": false, `text/xml; a="b;charset=gbk"`: false, `text/xml; a="b\"c"`: false,
	} {
		got, refused := gateway.ReadContentType(operation, true, []string{line})
		if taken != (refused == nil) || taken && !strings.HasPrefix(got.Sent, "text/xml") {
			t.Errorf("%s: sent as %q, %v", line, got.Sent, refused)
		}
	}
}
