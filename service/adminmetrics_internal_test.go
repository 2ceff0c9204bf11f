package service

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"tollgate/admin"
	"tollgate/config"
)

// TestMetricsOnLoopback: where a scraper shows nothing, a web page whose name was made to point here is refused.
func TestMetricsOnLoopback(t *testing.T) {
	open := &scrapers{Metrics: &config.Metrics{}}
	for host, want := range map[string]int{"127.0.0.1:9091": 0, "localhost": 0, "evil.example:9091": http.StatusMisdirectedRequest} {
		r := httptest.NewRequest("GET", "http://"+host+"/metrics", nil)
		err := open.identify(r)
		if refused, _ := errors.AsType[*admin.Error](err); (err != nil) != (want != 0) || refused != nil && refused.Status != want {
			t.Errorf("%s: %v, want %d", host, err, want)
		}
	}
}
