package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/secret"
)

// What programs send that are no browsers, though they look like one.
func TestProgramsAreNoBrowsers(t *testing.T) {
	for name, lines := range map[string][]string{
		"Node's fetch": {"connection: keep-alive", "accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate"},
		"PowerShell 5": {"User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041.4648"},
		"PowerShell 7": {"User-Agent: Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.19045; en-US) PowerShell/7.4.5"},
		"WinHTTP":      {"User-Agent: Mozilla/4.0 (compatible; Win32; WinHttp.WinHttpRequest.5)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed)
			if got := f.send(t, plain("POST", payTarget, payBody, lines...)); got.status != 200 {
				t.Errorf("answer %d %s", got.status, got.body)
			}
			f.origin.only(t)
		})
	}
}

// java11 is what java.net.http.HttpClient.newHttpClient() of Java 11 writes to a plain port, byte by byte: the offer of HTTP/2, and a
// length also where there is no body.
func java11(method, target, body string, more ...string) string {
	lines := append([]string{
		method + " " + target + " HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", fmt.Sprintf("Content-Length: %d", len(body)), "Host: gateway.test",
		"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA", "Upgrade: h2c", "User-Agent: Java-http-client/11.0.25",
	}, more...)
	return strings.Join(append(lines, "", ""), "\r\n") + body
}

// The offer is ignored, the call is answered in HTTP/1.1 on a connection that goes on, and nothing of the offer reaches an upstream.
func TestOfferOfHTTP2IsIgnored(t *testing.T) {
	f := start(t, fixed)
	c := f.dial(t)
	requests := []string{
		java11("GET", readTarget, ""), java11("POST", payTarget, payBody, "Content-Type: application/json"),
		java11("GET", "/app/x", ""), java11("PUT", "/change/x", "data", "X-Custom: 1"),
	}
	for _, request := range requests {
		c.write(request)
		if got := c.answer(); got.status != 200 || got.header.Get("Upgrade") != "" {
			t.Errorf("answer %d %s to %q", got.status, got.body, request)
		}
	}
	arrivals := f.origin.all()
	if len(arrivals) != len(requests) {
		t.Fatalf("%d requests arrived, want %d", len(arrivals), len(requests))
	}
	for i := range arrivals {
		arrivals[i].checkFraming(t, f.upstream["bss"].Host)
		if text := strings.ToLower(fmt.Sprint(arrivals[i].header)); strings.Contains(text, "h2c") || strings.Contains(text, "http2") {
			t.Errorf("the offer reached the upstream: %q", arrivals[i])
		}
	}
}

// HTTP2-Settings belongs to the connection, whether Connection says so or not.
func TestSettingsOfHTTP2AreStripped(t *testing.T) {
	f := start(t, fixed)
	f.send(t, plain("GET", "/app/x", "", "HTTP2-Settings: AAMAAABkAAQAAP__"))
	if a := f.origin.only(t); a.values("HTTP2-Settings") != nil || a.values("Http2-Settings") != nil {
		t.Errorf("upstream got %q", a)
	}
}

// A final slash that is declared is sent and signed. A signature says nothing of it: where it alone separates two operations, the
// call is refused.
func TestFinalSlash(t *testing.T) {
	declare := func(name, path string) *catalog.Operation {
		return must(catalog.Declare(catalog.Declaration{Name: name, Method: "GET", Path: path, Effect: catalog.Read, Class: catalog.ClassPartner}))
	}
	slashes := func(f *fixture) {
		operations := []*catalog.Operation{declare("Slash", "/slash/{a}/"), declare("Deep", "/deep/{a...}"), declare("Pay", "/order/{a}/pay"),
			declare("New", "/order/new/{a}/")}
		route := gateway.Route{Upstreams: map[*catalog.Operation]*gateway.Upstream{}, Router: must(catalog.NewRouter(operations))}
		for _, o := range operations {
			route.Upstreams[o] = f.upstream["bss"]
		}
		f.listener.Routes = []gateway.Route{route}
		table, problems := grants.New([]grants.Upstream{{Name: "bss", Signed: true, Operations: operations}}, factsOf(f.credentials),
			[]grants.Grant{{Caller: partnerCaller, Upstream: "bss", Operations: []string{"*"}, Credential: f.credentials["partner-main"].Name()}})
		if problems != nil {
			t.Fatal(problems)
		}
		f.plan.Grants = table
	}
	for target, code := range map[string]string{
		"/slash/x/": "", "/slash/x": "TG.4001", "/deep/x": "", "/deep/x/y": "", "/deep/x/": "TG.1002",
		"/order/7/pay": "", "/order/new/7/": "", "/order/new/pay": "TG.1002", "/order/new/pay/": "TG.1002",
	} {
		f := start(t, slashes)
		got := f.call(t, signed{caller: partnerCaller, method: "GET", target: target})
		if got.code() != code {
			t.Errorf("%s: answer %d %s, want %q", target, got.status, got.body, code)
		}
		if code == "" {
			a := f.origin.only(t)
			a.checkSignature(t, "partner-main")
			if a.line != "GET "+target+" HTTP/1.1" {
				t.Errorf("upstream got %q", a.line)
			}
		}
	}
}

// The provider's SDKs show X-Request-Id with an error: of the gateway's own answers it is the call id, of others the provider's.
func TestRequestID(t *testing.T) {
	f := start(t, fixed, answering(jsonAnswer(200, `{}`, "X-Request-Id: req-1")))
	refused := f.send(t, get("/nothing"))
	if id := refused.header.Get("X-Request-Id"); id == "" || id != refused.header.Get("Tollgate-Call-Id") {
		t.Errorf("own answer has X-Request-Id %q, call id %q", id, refused.header.Get("Tollgate-Call-Id"))
	}
	if got := f.send(t, look()); got.header.Get("X-Request-Id") != "req-1" || got.header.Get("Tollgate-Call-Id") == "" {
		t.Errorf("the provider's answer has %v", got.header)
	}
	without := start(t, fixed)
	if got := without.send(t, look()); got.header.Get("X-Request-Id") != "" {
		t.Errorf("an answer without X-Request-Id got %q", got.header.Get("X-Request-Id"))
	}
}

// A caller's token of the provider identifies no caller here, and is not passed on: the call is refused, and the token written nowhere.
func TestTokensOfTheProvider(t *testing.T) {
	for _, name := range []string{"X-Auth-Token", "x-security-token", "X-Subject-Token"} {
		f := start(t, fixed, func(f *fixture) { f.credentials = credentials(t, secret.New(securityToken)) })
		f.send(t, plain("GET", readTarget, "", name+": TOKEN-of-the-caller")).wantCode(t, "TG.3009")
		f.origin.none(t)
		if strings.Contains(f.written(), "TOKEN-of-the-caller") {
			t.Errorf("the value of %s was written", name)
		}
		if got := f.send(t, plain("GET", readTarget, "", name+":")); got.status != 200 { // names nothing
			t.Errorf("empty %s: answer %d %s", name, got.status, got.body)
		}
	}
}
