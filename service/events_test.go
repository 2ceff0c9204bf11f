package service_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestEventsOfAGateway: a rejected signature and a refused handshake are on record when the gateway has stopped, by members alone.
func TestEventsOfAGateway(t *testing.T) {
	var rejects atomic.Bool
	simulator := bsssim.New(bsssim.Config{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rejects.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: ak AKOLD not exist"}`)
			return
		}
		simulator.ServeHTTP(w, r)
	}))
	defer upstream.Close()
	g := start(t, "one", upstream.URL, "huawei-high")
	g.get(t, 1)
	rejects.Store(true)
	if body, status := g.fetch(t, "https://"+g.address+"/v2/systems/configs/provinces"); status != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", status, body)
	}
	raw, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprint(raw, "GET / HTTP/1.1\r\n\r\n")
	_, _ = raw.Read(make([]byte, 1024)) // until it is refused
	_ = raw.Close()
	g.drain(t)
	var events, refusals, failures []logfile.Record
	err = logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		switch {
		case r.Kind == logfile.KindEvent:
			events = append(events, *r)
		case r.Kind == logfile.KindRefusal:
			refusals = append(refusals, *r)
		case r.Kind == logfile.KindOutcome && r.Reason != "":
			failures = append(failures, *r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 || events[0].Event != logfile.EventConfigLoaded || events[0].Data["plan"] == "" {
		t.Fatalf("events %+v", events)
	}
	if events = events[1:]; len(events) != 1 || events[0].Event != logfile.EventCredentialPaused || events[0].Subject != "main" ||
		events[0].Data["caller"] != "app" || events[0].Data["access_key"] == "" || events[0].Data["reason"] != "the provider rejected it: unknown access key" {
		t.Errorf("events %+v", events)
	}
	if len(refusals) != 1 || refusals[0].Stage != logfile.StageHandshake || refusals[0].TLSFailure != logfile.TLSNotTLS {
		t.Errorf("refusals %+v", refusals)
	}
	if len(failures) != 1 || failures[0].Stage != logfile.StageAnswer || failures[0].TLSFailure != "" {
		t.Errorf("failures %+v", failures)
	}
}
