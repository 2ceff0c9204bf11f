package gateway_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/upstream"
)

// FuzzCall sends requests as they come over the wire through the gateway. Whatever it makes of them: what is sent is what
// the record says, once, with no header beyond the allow-list, and nothing is sent without a record.
func FuzzCall(f *testing.F) {
	for _, seed := range []string{
		look(), pay(), get("/echo/x%c3%a4?b=1&a=+"), get("/echo/%2e%2e/x"), get("//echo"), get("/echo/x?a=%zz"), get("/app/a;b//c"),
		post("3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", "Transfer-Encoding: chunked"), post("abc", "Content-Length: 3", "Connection: Host, X-Project", "X_Y: 1"),
		plain("GET", "/echo/x", "", "X-Language: zh\r\nX-Language: en"), plain("GET", "http://gateway.test/echo/x", ""), "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		goodCall().text(f), signedPay().text(f),
		plain("POST", payTarget, payBody, "Content-Type: application/json;charset=UTF8;x=1"), plain("POST", payTarget, payBody, "Content-Type: application/x-www-form-urlencoded"),
		plain("POST", payTarget, payBody, "Content-Type: application/json; charset*=utf-7''x"), plain("GET", readTarget+"?%EF%BD%9E=1&a[0]=2", ""),
	} {
		f.Add(seed)
	}
	var sent [][]byte
	fix := prepare(f, fixed, transport(func(r *upstream.Request) (*upstream.Response, error) {
		sent = append(sent, append(r.AppendHead(nil), r.Body...))
		return &upstream.Response{Status: 200, Body: io.NopCloser(strings.NewReader("{}")), ContentLength: 2}, nil
	}))
	handler := fix.gateway.Server("local").Handler
	allowed := []string{
		"Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent", "X-Domain-Id", "X-Language", "X-Project", "X-Sdk-Date",
	}
	f.Fuzz(func(t *testing.T, text string) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		request, sent = from(&accept.Connection{Remote: "127.0.0.1:4000"}, request), nil
		fix.log.clear()
		handler.ServeHTTP(httptest.NewRecorder(), request)
		intents := fix.log.of(logfile.KindIntent)
		if len(sent) > 1 || len(sent) > len(intents) {
			t.Fatalf("sent %d times with %d intents", len(sent), len(intents))
		}
		if len(sent) == 0 {
			return
		}
		a, err := readHead(bufio.NewReader(bytes.NewReader(sent[0])))
		if err != nil {
			t.Fatalf("what was sent is broken: %v: %q", err, sent[0])
		}
		r := intents[0]
		line := r.Method + " " + r.Path
		if r.Query != "" {
			line += "?" + r.Query
		}
		if a.line != line+" HTTP/1.1" && r.QueryBytes == 0 {
			t.Errorf("sent %q, recorded %q", a.line, line)
		}
		a.checkFraming(t, fix.upstream[r.Upstream].Host)
		if r.Upstream == "bss" && r.BodyBytes > 0 {
			checkReadAsJSON(t, a)
		}
		for _, name := range a.names() {
			if r.Upstream == "bss" && !slices.Contains(allowed, name) {
				t.Errorf("header %s was sent to a signed upstream", name)
			}
		}
	})
}

// checkReadAsJSON wants a Content-Type that has one reading: JSON, in UTF-8, as the log reads the body.
func checkReadAsJSON(t *testing.T, a *arrival) {
	t.Helper()
	media, charset, named := strings.Cut(a.value("Content-Type"), ";")
	subtype, ok := strings.CutPrefix(media, "application/")
	if !ok || subtype != "json" && !strings.HasSuffix(subtype, "+json") || named && charset != " charset=utf-8" {
		t.Errorf("a body was sent as %q", a.values("Content-Type"))
	}
}

func (l *fakeLog) clear() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.records = nil
	l.history.mutex.Lock()
	defer l.history.mutex.Unlock()
	l.history.events = nil
}
