package service_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/internal/bsssim"
)

// TestSigningShows: readiness and metrics say how it stands with keys and clocks, and the gateway is ready all the same.
func TestSigningShows(t *testing.T) {
	var rejects atomic.Bool
	simulator := bsssim.New(bsssim.Config{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
		if rejects.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: ak AKOLD not exist"}`)
			return
		}
		simulator.ServeHTTP(w, r)
	}))
	defer upstream.Close()
	g := start(t, "one", upstream.URL, "huawei-high")
	defer g.drain(t)
	shows := func(when string, ready, metrics []string) {
		t.Helper()
		for page, wants := range map[string][]string{"readyz": append(ready, `"ready":true`), "metrics": metrics} {
			body, status := g.fetch(t, "http://"+g.admin+"/"+page)
			for _, want := range wants {
				if absent, not := strings.CutPrefix(want, "no "); status != http.StatusOK || strings.Contains(body, absent) == not {
					t.Errorf("%s, %s: %d, want %s in\n%s", when, page, status, want, body[:min(len(body), 2000)])
				}
			}
		}
	}
	reject := func() {
		t.Helper()
		if body, status := g.fetch(t, "https://"+g.address+"/v2/systems/configs/provinces"); status != http.StatusServiceUnavailable || !strings.Contains(body, "TG.6004") {
			t.Fatalf("%d %s", status, body)
		}
	}
	shows("at first",
		[]string{"credential main is on trial: the provider has not accepted its keys yet", "in the environment cannot be read again", "no warnings"},
		[]string{`tollgate_credential_on_trial{credential="main"} 1`, `tollgate_credential_paused{credential="main"} 0`, "no tollgate_upstream_clock_skew_seconds{"})
	g.get(t, 1)
	shows("after a call",
		[]string{"the clock of upstream bss is off by 2m", "behind", "no on trial"},
		[]string{`tollgate_credential_on_trial{credential="main"} 0`, `tollgate_upstream_clock_skew_seconds{upstream="bss"} -1`})
	rejects.Store(true)
	reject()
	shows("rejected once",
		[]string{"credential main is paused since", "for caller app", "credential main is on trial since"},
		[]string{`tollgate_credential_on_trial{credential="main"} 1`, `tollgate_credential_paused{credential="main"} 0`, `tollgate_credential_caller_paused{caller="app",credential="main"} 1`})
}
