package service_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

const provinces = "/v2/systems/configs/provinces"

// wantStopped checks that calls are stopped by a freeze, or not at all when id is empty.
func (g *gateway) wantStopped(t *testing.T, id string) {
	t.Helper()
	body, status := g.fetch(t, "https://"+g.address+provinces)
	if id == "" && status != http.StatusOK || id != "" && (status != http.StatusForbidden || !strings.Contains(body, "TG.3010") || !strings.Contains(body, id)) {
		t.Errorf("%d %s, want it stopped by %q", status, body, id)
	}
}

// events returns the events of the log about freezes, in order.
func (g *gateway) events(t *testing.T) (all []logfile.Record) {
	t.Helper()
	err := logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindEvent && r.StatesFreezes() {
			all = append(all, *r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFreeze goes through the life of a freeze: in force, recorded, shown, over restarts, and lifted, which holds over restarts as well.
func TestFreeze(t *testing.T) {
	upstream := httptest.NewServer(bsssim.New(bsssim.Config{}))
	defer upstream.Close()
	dir := t.TempDir()
	g := startIn(t, dir, "one", upstream.URL, "huawei-high")
	g.wantStopped(t, "")
	frozen, err := g.Freeze(t.Context(), "uid 7", admin.FreezeRequest{Kind: "caller", Name: "app", Reason: "key leaked"})
	if err != nil || len(frozen.Problems) != 0 || frozen.Freeze.By != "uid 7" {
		t.Fatalf("%+v, %v", frozen, err)
	}
	id := frozen.Freeze.ID
	g.wantStopped(t, id)
	if n := g.metric(t, "tollgate_freezes"); n != 1 {
		t.Errorf("%d freezes by the metric", n)
	}
	if page, _ := g.fetch(t, "http://"+g.admin+"/metrics"); !strings.Contains(page, `tollgate_freezes{kind="spend"} 0`) || !strings.Contains(page, `reason="frozen"`) {
		t.Error("a metric is missing")
	}
	if page, _ := g.fetch(t, "http://"+g.admin+"/readyz"); !strings.Contains(page, id) || !strings.Contains(page, "key leaked") {
		t.Errorf("readiness: %s", page)
	}
	for range 2 {
		g.drain(t)
		g = startIn(t, dir, "one", upstream.URL, "huawei-high")
		g.wantStopped(t, id)
	}
	lifted, err := g.Unfreeze(t.Context(), "uid 8", admin.UnfreezeRequest{IDs: []string{id, "f-00000000"}, Reason: "replaced"})
	if err != nil || len(lifted.Freezes) != 1 || len(lifted.Problems) != 1 {
		t.Errorf("%+v, %v", lifted, err)
	}
	g.wantStopped(t, "")
	g.drain(t)
	g = startIn(t, dir, "one", upstream.URL, "huawei-high")
	g.wantStopped(t, "")
	g.drain(t)
	events := g.events(t)
	if len(events) != 2 || events[0].Event != logfile.EventFrozen || events[1].Event != logfile.EventUnfrozen || events[1].Identity != "uid 8" || events[1].Data["reason"] != "replaced" ||
		events[0].Subject != "caller app" || events[0].Data["freeze"] != id || events[0].Data["reason"] != "key leaked" {
		t.Errorf("recorded %+v", events)
	}
}

// TestFreezeNames: names that the configuration does not have need force.
func TestFreezeNames(t *testing.T) {
	g := start(t, "one", "http://127.0.0.1:9", "huawei-high")
	defer g.drain(t)
	for _, c := range []struct {
		request admin.FreezeRequest
		want    string // of the error; empty: taken
	}{
		{admin.FreezeRequest{Kind: "caller", Name: "ap"}, `names no caller "ap"`},
		{admin.FreezeRequest{Kind: "caller", Name: "ap", Force: true}, ""},
		{admin.FreezeRequest{Kind: "credential", Name: "app"}, "--force"},
		{admin.FreezeRequest{Kind: "credential", Name: "main"}, ""},
		{admin.FreezeRequest{Kind: "customer", Name: "anyone"}, ""}, // no grant lists customers
		{admin.FreezeRequest{Kind: "spend"}, ""},
		{admin.FreezeRequest{Kind: "all"}, ""},
		{admin.FreezeRequest{Kind: "everything"}, "kind"},
		{admin.FreezeRequest{Kind: "all", Until: time.Now().Add(-time.Second)}, "is over"},
	} {
		c.request.Reason = "why"
		if _, err := g.Freeze(t.Context(), "uid 7", c.request); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.request, err)
		}
	}
	if n := len(g.Freezes().Freezes); n != 5 {
		t.Errorf("%d freezes are in force", n)
	}
}

// TestFreezeExpiresOverARestart: a freeze whose time was over while the gateway was down ends by a record.
func TestFreezeExpiresOverARestart(t *testing.T) {
	upstream := httptest.NewServer(bsssim.New(bsssim.Config{}))
	defer upstream.Close()
	dir := t.TempDir()
	g := startIn(t, dir, "one", upstream.URL, "huawei-high")
	until := time.Now().Add(time.Hour)
	frozen, err := g.Freeze(t.Context(), "uid 7", admin.FreezeRequest{Kind: "all", Reason: "why", Until: until})
	if err != nil {
		t.Fatal(err)
	}
	g.drain(t)
	g = startIn(t, dir, "one", upstream.URL, "huawei-high")
	g.wantStopped(t, frozen.Freeze.ID)
	maintain := func(now time.Time) {
		if err := g.MaintainFreezesAt(t.Context(), now); err != nil {
			t.Error(err)
		}
	}
	maintain(until.Add(-time.Second))
	g.wantStopped(t, frozen.Freeze.ID)
	maintain(until)
	g.wantStopped(t, "")
	g.drain(t)
	if events := g.events(t); len(events) != 2 || events[1].Event != logfile.EventUnfrozen || events[1].Data["by"] != "expiry" || len(events[1].Freezes) != 0 {
		t.Errorf("recorded %+v", events)
	} else if reason, there := events[1].Data["reason"]; there || events[0].Data["until"] == "" {
		t.Errorf("an end without a reason has the reason %q", reason)
	}
}

// TestFreezeWithoutALog: a freeze that cannot be recorded is in force, and says that it is not recorded.
func TestFreezeWithoutALog(t *testing.T) {
	g := start(t, "one", "http://127.0.0.1:9", "huawei-high")
	g.drain(t) // the log is closed
	frozen, err := g.Freeze(t.Context(), "uid 7", admin.FreezeRequest{Kind: "spend", Reason: "why"})
	if err != nil || len(frozen.Problems) != 1 || !strings.Contains(frozen.Problems[0], "restart") {
		t.Fatalf("%+v, %v", frozen, err)
	}
	if l := g.Freezes(); len(l.Freezes) != 1 || len(l.Problems) != 1 {
		t.Errorf("in force: %+v", l)
	}
	_, err = g.Unfreeze(t.Context(), "uid 7", admin.UnfreezeRequest{IDs: []string{frozen.Freeze.ID, "f-00000001"}})
	if err == nil || len(g.Freezes().Freezes) != 1 || !strings.Contains(err.Error(), "not tried: f-00000001") {
		t.Errorf("it is lifted without a record, or another is tried: %v", err)
	}
}
