package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A request of HTTP/2 has no header fields about a connection, and no TE but trailers (RFC 9113 section 8.2.2), whether or not the
// server beneath answers it before there is a call. HTTP/1.1 has them.
func TestHTTP2HasNoConnectionFields(t *testing.T) {
	f := prepare(t, fixed, answeringAtOnce)
	for _, c := range []struct {
		name   string
		values []string
		good   bool
	}{
		{"Connection", []string{"close"}, false},
		{"Connection", []string{""}, false},
		{"Proxy-Connection", []string{"keep-alive"}, false},
		{"Keep-Alive", []string{"timeout=5"}, false},
		{"Transfer-Encoding", []string{"chunked"}, false},
		{"Upgrade", []string{"h2c"}, false},
		{"Te", []string{"gzip"}, false},
		{"Te", []string{""}, false},
		{"Te", []string{"trailers, gzip"}, false},
		{"Te", []string{"trailers", "gzip"}, false},
		{"Te", []string{"trailers"}, true},
		{"X-Connection", []string{"close"}, true},
	} {
		for _, major := range []int{1, 2} {
			if major == 1 && c.name == "Upgrade" {
				continue // has rules of its own there
			}
			r := readRequest(t, plain("GET", "/app/x", ""))
			r.ProtoMajor, r.Header[c.name] = major, c.values
			w := httptest.NewRecorder()
			f.gateway.Server("local").Handler.ServeHTTP(w, r)
			good := c.good || major == 1
			if good != (w.Code == http.StatusOK) || !good && !strings.Contains(w.Body.String(), "TG.1001") {
				t.Errorf("HTTP/%d, %s: %q is answered %d %s", major, c.name, c.values, w.Code, w.Body)
			}
		}
	}
}
