package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/gateway"
)

func get(handler http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	state := Readiness{Ready: false, Reasons: []string{"audit: no space"}}
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	metrics.Follow([]string{"c"}, 1)
	metrics.Observe(gateway.Result{Listener: "l", Caller: "c", Upstream: "u", Operation: "PayOrders", Effect: "spend", Outcome: "succeeded", Status: 204, Total: time.Second, WouldRefuse: []string{"trial"}})
	metrics.Refused(gateway.Result{Listener: "l", Reason: "no_identity", Status: 401})
	metrics.ConnectionRefused("l", "timeout")
	server := Server{Registry: registry, Ready: func() Readiness { return state }}
	handler := server.Handler(Loopback)
	for _, c := range []struct {
		target string
		header []string
		status int
		text   string
	}{
		{"http://127.0.0.1:9090/livez", nil, 200, `"live":true`},
		{"http://localhost/readyz", nil, 503, "audit: no space"},
		{"http://[::1]:9090/metrics", nil, 200, `tollgate_calls_total{caller="c",effect="spend",listener="l",operation="PayOrders",outcome="succeeded",status="2xx",upstream="u"} 1`},
		{"http://localhost/metrics", nil, 200, `tollgate_connections_refused_total{listener="l",reason="timeout"} 1`},
		{"http://localhost/metrics", nil, 200, `tollgate_limit_would_refuse_total{limit="trial"} 1`},
		{"http://localhost/other", nil, 404, "no such page"},
		{"http://localhost/v1/status", nil, 404, "use the admin socket"},
		{"http://evil.example/livez", nil, 421, ""},
		{"http://localhost/livez", []string{"Origin", "https://evil.example"}, 403, ""},
		{"http://localhost/livez", []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
	} {
		w := get(handler, c.target, c.header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s %v: %d %q, want %d with %q", c.target, c.header, w.Code, w.Body.String(), c.status, c.text)
		}
	}
	state = Readiness{Ready: true}
	if w := get(handler, "http://localhost/readyz"); w.Code != 200 {
		t.Errorf("ready: %d", w.Code)
	}
}
