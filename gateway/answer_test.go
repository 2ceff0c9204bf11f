package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/gateway"
)

// The upstream's answer is passed on: status, body, and the headers that are the caller's to know.
func TestAnswerHeaders(t *testing.T) {
	answer := jsonAnswer(202, `{"a":1}`,
		"X-Request-Id: req-1", "X-IAM-Trace-Id: trace-1", "RateLimit: x", "RateLimit-Policy: x", "Content-Language: zh", "Content-Disposition: x", "Last-Modified: x", "Cache-Control: x",
		"Date: Sun, 01 Nov 2026 00:00:00 GMT", "Retry-After: 7", "Location: /x", "Refresh: 0;url=/x", "X-Auth-Token: t", "Server: api-gateway", "X-Declared: 1", "Strict-Transport-Security: x",
		"X-Many: 1", "X-Many: 2", "ETag: x", "Set-Cookie: session=1", "X-Subject-Token: token", "Tollgate-Call-Id: forged", "tollgate-other: forged",
		"Connection: X-Remove, Keep-Alive", "X-Remove: 1", "Keep-Alive: timeout=1", "Proxy-Authenticate: x", "Upgrade: h3", "Te: x", "Proxy-Connection: x")
	allowed := []string{
		"X-Request-Id", "X-Iam-Trace-Id", "Ratelimit", "Ratelimit-Policy", "Content-Type", "Content-Language", "Content-Disposition", "Etag", "Last-Modified",
		"Cache-Control", "Date", "Retry-After",
	}
	others := []string{"Set-Cookie", "X-Subject-Token", "Location", "Refresh", "X-Auth-Token", "Server", "Strict-Transport-Security"}
	tests := []struct {
		name, request string
		kept          []string
		gone          []string
	}{
		{"signed", look(), allowed, append(others, "X-Many", "X-Declared")},
		{"declared", plain("GET", "/echo/x", ""), append(allowed, "X-Declared", "X-Many"), others},
		{"unsigned", plain("GET", "/app/x", ""), slices.Concat(allowed, others, []string{"X-Many", "X-Declared"}), nil},
	}
	hop := []string{"Connection", "X-Remove", "Keep-Alive", "Proxy-Authenticate", "Upgrade", "Te", "Proxy-Connection", "Tollgate-Other"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, answering(answer))
			got := f.send(t, tt.request)
			if got.status != 202 || got.body != `{"a":1}` {
				t.Errorf("answer %d %s", got.status, got.body)
			}
			for _, name := range tt.kept {
				if got.header.Get(name) == "" {
					t.Errorf("%s is missing", name)
				}
			}
			for _, name := range append(tt.gone, hop...) {
				if got.header[name] != nil {
					t.Errorf("%s was passed on: %q", name, got.header[name])
				}
			}
			if tt.name != "signed" && !slices.Equal(got.header["X-Many"], []string{"1", "2"}) {
				t.Errorf("X-Many %q", got.header["X-Many"])
			}
			id, err := uuid.Parse(got.header.Get("Tollgate-Call-Id"))
			if err != nil || id.Version() != 7 || len(got.header["Tollgate-Call-Id"]) != 1 {
				t.Errorf("Tollgate-Call-Id %q", got.header["Tollgate-Call-Id"])
			}
		})
	}
}

func TestAnswersWithoutABody(t *testing.T) {
	tests := []struct{ name, request, answer string }{
		{"no content", look(), "HTTP/1.1 204 No Content\r\n\r\n"},
		{"not modified", plain("GET", "/app/x", ""), "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"},
		{"HEAD", plain("HEAD", "/echo/x", ""), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234\r\n\r\n"},
		{"empty", look(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			c := f.dial(t)
			for range 2 { // the second shows that the connection is in order
				c.write(tt.request)
				method, _, _ := strings.Cut(tt.request, " ")
				got := c.read(method)
				if got == nil || got.body != "" || got.err != nil {
					t.Fatalf("answer %+v", got)
				}
				if want := strings.Fields(tt.answer)[1]; fmt.Sprint(got.status) != want {
					t.Errorf("status %d, want %s", got.status, want)
				}
				if strings.HasPrefix(method, "HEAD") && got.header.Get("Content-Length") != "1234" {
					t.Errorf("Content-Length %q", got.header.Get("Content-Length"))
				}
			}
		})
	}
}

// Deprecated operations work and are marked, also where they are refused.
func TestDeprecatedIsMarked(t *testing.T) {
	f := start(t, fixed)
	const early, earlyEnd = "@1667520000", "Wed, 30 Nov 2022 00:00:00 GMT" // notice of 2022-11-04
	const late, lateEnd = "@1724716800", "Fri, 28 Feb 2025 00:00:00 GMT"   // notice of 2024-08-27
	for _, c := range []struct {
		request              string
		status               int
		since, end, replaced string
	}{
		{plain("POST", "/v2/orders/customer-orders/pay", `{"order_id":"CS-1"}`), 200, early, earlyEnd, "PayOrders"},
		{plain("POST", "/v1.0/c-1/customer/order-mgr/order/pay", `{"order_id":"CS-2"}`), 200, late, lateEnd, "PayOrders"},
		{plain("POST", "/v1.0/c-2/customer/order-mgr/order/pay", `{"order_id":"CS-3"}`), 403, late, lateEnd, "PayOrders"},
		{plain("GET", "/v1.0/c-1/common/order-mgr/orders-resource/CS-1", ""), 200, late, lateEnd, ""},
		{pay(), 200, "", "", ""},
	} {
		got := f.send(t, c.request)
		since, end, replaced := got.header.Get("Deprecation"), got.header.Get("Sunset"), got.header.Get("Tollgate-Replaced-By")
		if got.status != c.status || since != c.since || end != c.end || replaced != c.replaced {
			t.Errorf("%.60q: answer %d %v", c.request, got.status, got.header)
		}
	}
}

// An endpoint that an operator declared as deprecated has no notice: it is marked, and no end is made up.
func TestDeclaredDeprecation(t *testing.T) {
	f := start(t, fixed, func(f *fixture) {
		old := *appEndpoints[0]
		old.Deprecated = true
		f.listener.Routes = []gateway.Route{{
			Router:    must(catalog.NewRouter([]*catalog.Operation{&old})),
			Upstreams: map[*catalog.Operation]*gateway.Upstream{&old: f.upstream["app"]},
		}}
	})
	got := f.send(t, plain("GET", "/app/x", ""))
	if got.status != 200 || got.header.Get("Deprecation") != "@1727308800" || got.header["Sunset"] != nil {
		t.Errorf("answer %d %v", got.status, got.header)
	}
}

// The gateway's own answers can be read by the provider's SDKs and by all who know RFC 9457.
func TestShapeOfRefusals(t *testing.T) {
	f := start(t, fixed)
	got := f.send(t, plain("GET", "/nothing", ""))
	p := got.problem(t)
	id := got.header.Get("Tollgate-Call-Id")
	wants := []struct{ name, got, want string }{
		{"content type", got.header.Get("Content-Type"), "application/problem+json"}, {"caching", got.header.Get("Cache-Control"), "no-store"},
		{"error_code", p.ErrorCode, "TG.4001"}, {"error_msg", p.ErrorMsg, "No such operation: no operation of this listener has this path"},
		{"type", p.Type, "urn:tollgate:error:unknown_operation"}, {"title", p.Title, "No such operation"}, {"status", fmt.Sprint(p.Status), "404"},
		{"instance", p.Instance, "urn:uuid:" + id}, {"call of the record", f.log.only(t, logfile.KindRefusal).Call, id},
	}
	for _, w := range wants {
		if w.got != w.want {
			t.Errorf("%s: %q, want %q", w.name, w.got, w.want)
		}
	}
	if got := f.send(t, plain("DELETE", payTarget, "")); !strings.Contains(got.problem(t).Detail, "POST") {
		t.Errorf("detail %q does not say which method the path has", got.problem(t).Detail)
	}
}

// The business result is read from the body, whatever the status says.
func TestBusinessResult(t *testing.T) {
	v1 := plain("POST", "/v1.0/"+customerAccount+"/customer/order-mgr/order/pay", `{"orderId":"CS-1"}`)
	batch := plain("POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":["r-1"],"unsubscribe_type":1}`)
	tests := []struct{ name, request, answer, outcome, result, code string }{
		{"success", pay(), jsonAnswer(200, `{}`), logfile.Succeeded, "success", ""},
		{"v2 failure", pay(), jsonAnswer(400, `{"error_code":"CBC.99005003","error_msg":"low"}`), logfile.Failed, "failure", "CBC.99005003"},
		{"failure in a 200", v1, jsonAnswer(200, `{"error_code":"CBC.5003","error_msg":"low"}`), logfile.Failed, "failure", "CBC.5003"},
		{"part of a batch", batch, jsonAnswer(200, `{"order_ids":["o"],"fail_resource_infos":[{"resource_id":"r-1"}]}`), logfile.Partial, "partial", ""},
		{"unreadable success", pay(), "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", logfile.Unknown, "unread", ""},
		{"failure before the billing system", pay(), jsonAnswer(502, `{"error_code":"APIG.0201"}`), logfile.Unknown, "failure", "APIG.0201"},
		{"failure of the billing system", pay(), jsonAnswer(500, `{"error_code":"CBC.0999"}`), logfile.Failed, "failure", "CBC.0999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			got := f.send(t, tt.request)
			if got.code() != "" {
				t.Fatalf("refused: %s", got.body)
			}
			r := f.log.only(t, logfile.KindOutcome)
			if r.Outcome != tt.outcome || r.Result != tt.result || r.ErrorCode != tt.code {
				t.Errorf("outcome %q, result %q, code %q, want %q, %q, %q", r.Outcome, r.Result, r.ErrorCode, tt.outcome, tt.result, tt.code)
			}
			if header := got.header.Get("Tollgate-Outcome"); header != tt.outcome {
				t.Errorf("the caller's header says %q, the log %q", header, tt.outcome)
			}
		})
	}
}
