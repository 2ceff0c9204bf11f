package service

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tollgate/admin"
	"tollgate/audit/calls"
	"tollgate/config"
	"tollgate/fleet/redistest"
	"tollgate/spend/journal"
)

// couponCap is a hard cap of what coupons cost together.
const couponCap = `caps: [{name: coupons, each: month, amount: {CNY: "100"}, units: [coupon]}]`

// issuing returns changes of the configuration by which app issues coupons under caps.
func issuing(caps string) []string {
	return []string{"app: {grants: [{operations: [ListProvinces]", "app: {grants: [{operations: [ListProvinces, CreatePartnerCoupons]", "audit: {dir: audit}", caps + "\naudit: {dir: audit}", "burst: 5", "burst: 50"}
}

func done(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"success_infos":[],"fail_infos":[]}`)
}

// dropped takes a call and does not answer it.
func dropped(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func (g *running) answers(with http.HandlerFunc) { g.answer.Store(&with) }

// issue asks for a coupon for each of some customers, and returns the id of the call.
func (g *running) issue(t *testing.T, customer, value string, status int, text string) (call string) {
	t.Helper()
	body := fmt.Sprintf(`{"customer_ids":["%s"],"quota_id":"q-1","face_value":%s,"valid_time":"2026-01-01T00:00:00Z","expire_time":"2027-01-01T00:00:00Z"}`, strings.Join(strings.Fields(customer), `","`), value)
	response, err := g.client.Post("http://"+g.Address("local")+"/v2/promotions/benefits/partner-coupons", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(answer), text) {
		t.Errorf("coupon of %s for %s: %d %s, %v; want %d %s", value, customer, response.StatusCode, answer, err, status, text)
	}
	return response.Header.Get("Tollgate-Call-Id")
}

// wantUsed compares what is used of a cap.
func (g *running) wantUsed(t *testing.T, name, used string) {
	t.Helper()
	caps, err := g.caps(admin.CapsRequest{Name: name}, time.Now())
	if err != nil || len(caps.Caps) != 1 {
		t.Fatalf("%+v, %v", caps, err)
	}
	got := "0"
	if counts := caps.Caps[0].Counts; len(counts) > 0 {
		got = counts[0].Used
	}
	if got != used {
		t.Errorf("cap %s: used %s, want %s (%+v)", name, got, used, caps.Caps[0])
	}
}

// again stops the gateway and starts another one on its log.
func (g *running) again(t *testing.T, changes ...string) error {
	t.Helper()
	g.end(t)
	return g.startAgain(t, changes...)
}

// labelled returns the value of a metric with labels; 0 if there is none.
func (g *running) labelled(t *testing.T, name string) float64 {
	t.Helper()
	page := httptest.NewRecorder()
	promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Error(err)
			}
			return number
		}
	}
	return 0
}

// issuer runs a gateway whose callers issue coupons.
func issuer(t *testing.T, caps string) *running {
	g := runWith(t, issuing(caps)...)
	g.answers(done)
	return g
}

// TestMoneyOutlivesReloadsAndRestarts: what is held and used is the same behind a reload and behind a start.
func TestMoneyOutlivesReloadsAndRestarts(t *testing.T) {
	g := issuer(t, couponCap)
	first := g.issue(t, "c-1", "30", 200, "")
	check := func() {
		t.Helper()
		g.issue(t, "c-1", "30.00", 409, first)
		g.issue(t, "c-2", "70.01", 403, "coupons")
		g.wantUsed(t, "coupons", "30.00")
	}
	check()
	g.change(t, issuing(strings.Replace(couponCap, `"100"`, `"99.5"`, 1))...) // an amount may change
	check()
	if err := g.again(t, issuing(couponCap)...); err != nil {
		t.Fatal(err)
	}
	check()
	g.end(t)
	if err := os.Remove(filepath.Join(g.dir, "audit", journal.FileName)); err != nil { // all of it is read from the records then
		t.Fatal(err)
	}
	if err := g.startAgain(t, issuing(couponCap)...); err != nil {
		t.Fatal(err)
	}
	check()
	held := g.acts(admin.ActsRequest{}, time.Now())
	if len(held.Acts) != 1 || held.Acts[0].Call != first || held.Acts[0].Outcome != "succeeded" || held.Acts[0].Until.IsZero() || held.Mode != "enforce" || held.Rebuilding != "" {
		t.Errorf("%+v", held)
	}
}

// TestChangedCaps: a hard cap that would count otherwise is refused by name, at a reload and at a start; under a new name it counts what is
// on record.
func TestChangedCaps(t *testing.T) {
	g := issuer(t, couponCap)
	g.issue(t, "c-1", "30", 200, "")
	for _, change := range [][2]string{
		{"each: month", "each: day"}, {"each: month", "per: customer, each: month"}, {"each: month", "each: month, zone: Europe/Berlin"},
		{"units: [coupon]", "units: [coupon, cash]"}, {`{CNY: "100"}`, `{CNY: "100", USD: "1"}`}, {`amount: {CNY: "100"}`, "count: 9"},
	} {
		caps := strings.Replace(couponCap, change[0], change[1], 1)
		if _, err := g.follow(t, g.load(t, issuing(caps)...)); err == nil || !strings.Contains(err.Error(), `"coupons"`) || !strings.Contains(err.Error(), "another name") {
			t.Errorf("%v: %v", change, err)
		}
		if g.rebuilding() != "" || g.config.Load().Spend.Caps[0].Each != "month" {
			t.Errorf("%v: it is in force", change)
		}
	}
	if r, err := g.Reload(t.Context(), Trigger{By: BySignal}, true); err == nil {
		t.Errorf("a dry run takes what a reload refuses: %+v", r)
	}
	renamed := strings.NewReplacer("name: coupons", "name: coupons-day", "each: month", "per: customer, each: day").Replace(couponCap)
	g.change(t, issuing(renamed)...)
	eventually(t, "the new cap has counted", func() bool { return g.rebuilding() == "" })
	g.wantUsed(t, "coupons-day", "30.00")
	g.issue(t, "c-1", "70.01", 403, "coupons-day")
	g.issue(t, "c-1", "70", 200, "")
	if err := g.again(t, issuing(renamed)...); err != nil {
		t.Fatal(err)
	}
	g.wantUsed(t, "coupons-day", "100.00")
	if err := g.again(t, issuing(strings.Replace(renamed, "per: customer", "per: caller", 1))...); err == nil || !strings.Contains(err.Error(), `"coupons-day"`) {
		t.Errorf("a start takes a cap that counts otherwise: %v", err)
	}
	if err := g.again(t, issuing(renamed)...); err != nil {
		t.Fatal(err)
	}
}

// TestTurnedCaps: a cap that was hard may count otherwise once it is soft, also behind a start; one that has become hard may not.
func TestTurnedCaps(t *testing.T) {
	g := issuer(t, couponCap)
	g.issue(t, "c-1", "30", 200, "")
	soft := strings.Replace(couponCap, "units", "mode: soft, units", 1)
	otherwise := func(caps string) string { return strings.Replace(caps, "each: month", "per: caller, each: month", 1) }
	in := func(caps string) {
		t.Helper()
		g.change(t, issuing(caps)...)
		eventually(t, "caps count", func() bool { return g.rebuilding() == "" })
	}
	in(soft)
	in(otherwise(soft))
	if err := g.again(t, issuing(otherwise(soft))...); err != nil {
		t.Fatalf("what a reload took is refused by a start: %v", err)
	}
	g.wantUsed(t, "coupons", "30.00")
	in(otherwise(couponCap))
	if err := g.again(t, issuing(strings.Replace(couponCap, "each: month", "per: customer, each: month", 1))...); err == nil || !strings.Contains(err.Error(), `"coupons"`) {
		t.Errorf("a start takes a cap that was made hard and counts otherwise: %v", err)
	}
	if err := g.again(t, issuing(otherwise(couponCap))...); err != nil {
		t.Fatal(err)
	}
	g.wantUsed(t, "coupons", "30.00")
	g.issue(t, "c-2", "70.01", 403, "coupons")
}

// TestCountFails: while it cannot be counted what a new cap has used, nothing that spends is let through and no cap is changed, and the next
// start counts.
func TestCountFails(t *testing.T) {
	g := issuer(t, couponCap)
	g.issue(t, "c-1", "30", 200, "")
	other := filepath.Join(g.dir, "audit", "00000000000000009999.jsonl")
	if err := os.WriteFile(other, []byte("no record\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	two := strings.NewReplacer("[{", "[{name: second, each: month, amount: {CNY: \"40\"}, units: [coupon]}, {").Replace(couponCap)
	g.change(t, issuing(two)...)
	eventually(t, "the count has failed", func() bool { return strings.Contains(g.rebuilding(), "cannot count") })
	g.issue(t, "c-2", "5", 503, "TG.6013")
	if !g.warned("cannot count") || g.labelled(t, "tollgate_spending_available") != 0 {
		t.Errorf("%q", g.readiness().Warnings)
	}
	if _, err := g.follow(t, g.load(t, issuing(couponCap)...)); err == nil {
		t.Error("caps are changed of which it is not known what is used")
	}
	g.want(t, "local", 200, "")
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := g.again(t, issuing(two)...); err != nil {
		t.Fatal(err)
	}
	g.wantUsed(t, "second", "30.00")
	g.issue(t, "c-2", "10.01", 403, "second")
	g.issue(t, "c-2", "10", 200, "")
}

// TestChangedCapsLate: what a start would refuse, and finds out only after it has served reads, lets nothing that spends through until a
// start with the caps of before.
func TestChangedCapsLate(t *testing.T) {
	g := issuer(t, couponCap)
	g.issue(t, "c-1", "30", 200, "")
	defer func(patience time.Duration) { openPatience = patience }(openPatience)
	openPatience = 0
	daily := issuing(strings.Replace(couponCap, "each: month", "each: day", 1))
	for err := g.again(t, daily...); err != nil; err = g.startAgain(t, daily...) {
		if !strings.Contains(err.Error(), `"coupons"`) { // it was found out at once
			t.Fatal(err)
		}
	}
	eventually(t, "it is found out", func() bool { return strings.Contains(g.rebuilding(), `"coupons"`) })
	g.want(t, "local", 200, "")
	g.issue(t, "c-2", "1", 503, "TG.6013")
	if r := g.readiness(); !r.Ready || !g.warned("another name") {
		t.Errorf("%+v", r)
	}
	if _, err := g.follow(t, g.load(t, issuing(couponCap)...)); err == nil {
		t.Error("caps are changed while it is not known what is used")
	}
	if err := g.again(t, issuing(couponCap)...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is known what is used", func() bool { return g.rebuilding() == "" })
	g.wantUsed(t, "coupons", "30.00")
	g.issue(t, "c-2", "70.01", 403, "coupons")
}

// TestDecisions: an unknown call is held until it is settled, and an act that was done is repeated once if an operator lets it.
func TestDecisions(t *testing.T) {
	g := issuer(t, couponCap)
	operator := admin.Peer{}
	g.answers(dropped)
	lost := g.issue(t, "c-1", "60", 502, "")
	g.answers(done)
	g.issue(t, "c-1", "60", 409, lost)
	g.issue(t, "c-2", "50", 403, "coupons")
	if all := g.acts(admin.ActsRequest{Unknown: true}, time.Now()); len(all.Acts) != 1 || all.Acts[0].Call != lost || !all.Acts[0].Until.IsZero() {
		t.Errorf("%+v", all)
	}
	if !g.warned("1 call is unknown") {
		t.Errorf("readiness does not warn of it: %q", g.readiness().Warnings)
	}
	if _, err := g.allowRepeat(t.Context(), operator, admin.AllowRepeatRequest{Call: lost, Reason: "why"}); err == nil {
		t.Error("an unknown call may be repeated")
	}
	for _, r := range []admin.ResolveRequest{{}, {Call: "none"}, {Call: lost, Outcome: "not_sent", Reason: "why"}, {Call: lost, Outcome: "failed"}, {Call: lost, Outcome: "failed", Reason: strings.Repeat("x", maxReason+1)}} {
		if answer, err := g.resolve(t.Context(), operator, r); err == nil {
			t.Errorf("%+v: %+v", r, answer)
		}
	}
	for _, id := range []string{lost[1 : len(lost)-1], lost[len(lost)-4:]} {
		if answer, err := g.resolve(t.Context(), operator, admin.ResolveRequest{Call: id, Outcome: "failed", Reason: "why"}); err == nil {
			t.Errorf("%q names no call: %+v", id, answer)
		}
	}
	short := calls.ShortID(lost)
	if all := g.acts(admin.ActsRequest{Call: short}, time.Now()); len(all.Acts) != 1 || all.Acts[0].Call != lost {
		t.Errorf("acts of %q: %+v", short, all)
	}
	if shown, err := g.resolve(t.Context(), operator, admin.ResolveRequest{Call: short}); err != nil || shown.Outcome != "" || fmt.Sprint(shown.Holds) == "[]" || shown.Act != "coupon-give" || shown.Call != lost {
		t.Errorf("%+v, %v", shown, err)
	}
	if _, err := g.resolve(t.Context(), operator, admin.ResolveRequest{Call: lost, Outcome: "failed", Reason: "no coupon in the list"}); err != nil {
		t.Fatal(err)
	}
	g.wantUsed(t, "coupons", "0")
	first := g.issue(t, "c-1", "20", 200, "")
	if _, err := g.resolve(t.Context(), operator, admin.ResolveRequest{Call: first, Outcome: "failed", Reason: "why"}); err == nil {
		t.Error("what is known is settled otherwise")
	}
	if held, err := g.allowRepeat(t.Context(), operator, admin.AllowRepeatRequest{Call: calls.ShortID(first), Reason: "a second one"}); err != nil || !held.RepeatAllowed {
		t.Errorf("%+v, %v", held, err)
	}
	second := g.issue(t, "c-1", "20", 200, "")
	both := 0 // how many characters two calls of one moment begin with
	for first[both] == second[both] {
		both++
	}
	if _, err := g.resolve(t.Context(), operator, admin.ResolveRequest{Call: first[:both]}); err == nil || !strings.Contains(err.Error(), "several calls have ids") {
		t.Errorf("%q: %v", first[:both], err)
	}
	g.issue(t, "c-1", "20", 409, second)
	if err := g.again(t, issuing(couponCap)...); err != nil {
		t.Fatal(err)
	}
	g.issue(t, "c-1", "20", 409, second)
	g.wantUsed(t, "coupons", "40.00")
	for _, want := range []string{"resolved", "repeat_allowed", "repeated"} {
		found := false
		for _, code := range g.events(t, "veryVERY") {
			found = found || string(code) == want
		}
		if !found {
			t.Errorf("no event %s is on record", want)
		}
	}
}

// TestMoneyMetrics: caps, acts and what they refuse are counted, soft caps and a guard in shadow mode apart.
func TestMoneyMetrics(t *testing.T) {
	g := issuer(t, couponCap)
	g.issue(t, "c-1", "30", 200, "")
	g.issue(t, "c-1", "30", 409, "")
	g.issue(t, "c-2", "90", 403, "")
	each := strings.NewReplacer("name: coupons", "name: each", "each: month", "per: customer, each: call", `"100"`, `"99"`, "units", "mode: soft, units").Replace(couponCap)
	g.change(t, issuing(each)...)
	eventually(t, "the new cap has counted", func() bool { return g.rebuilding() == "" })
	g.issue(t, "c-4 c-5 c-6", "99.5", 200, "")
	g.change(t, issuing("guard: {mode: shadow}\n"+strings.Replace(couponCap, "units", "mode: soft, units", 1))...)
	g.issue(t, "c-1", "30", 200, "")
	last := g.issue(t, "c-2", "90", 200, "")
	if caps, err := g.caps(admin.CapsRequest{}, time.Now()); err != nil || caps.Caps[0].Counts[0].Last != last || caps.Caps[0].Counts[0].Calls != 3 {
		t.Errorf("%+v, %v: not that call %s was the last of three", caps, err, last)
	}
	g.change(t, issuing(strings.NewReplacer("coupons", "dollars", "CNY", "USD").Replace(couponCap))...)
	eventually(t, "the new cap has counted", func() bool { return g.rebuilding() == "" })
	g.issue(t, "c-3", "1", 403, "TG.3012")
	g.change(t, issuing(strings.Replace(couponCap, "units", "mode: soft, units", 1))...)
	for name, want := range map[string]float64{
		`tollgate_cap_used{cap="coupons",currency="CNY"}`: 150, `tollgate_cap_limit{cap="coupons",currency="CNY"}`: 100, "tollgate_spending_available": 1,
		`tollgate_act_held_total{act="coupon-give",mode="enforce"}`: 1, `tollgate_act_held_total{act="coupon-give",mode="shadow"}`: 1,
		`tollgate_cap_full_total{cap="coupons",mode="hard"}`: 1, `tollgate_cap_full_total{cap="coupons",mode="soft"}`: 1, `tollgate_cap_full_total{cap="dollars",mode="hard"}`: 1, `tollgate_cap_full_total{cap="each",mode="soft"}`: 1, "tollgate_acts_unknown_calls": 0,
	} {
		if got := g.labelled(t, name); got != want {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
}

// TestMoneyIsNotShared: a member of a fleet says that acts and caps are its own.
func TestMoneyIsNotShared(t *testing.T) {
	g := runWith(t, inFleet(plain(redistest.Start(t, redistest.Options{Password: "the-secret-of-redis-0"})), "a")...)
	if !slices.Contains(g.readiness().Notes, config.SpendAlone) {
		t.Errorf("readiness does not say so: %q", g.readiness().Notes)
	}
	status, err := g.status(t.Context(), admin.Peer{}, admin.StatusRequest{})
	if err != nil || !slices.Contains(status.Readiness.Notes, config.SpendAlone) {
		t.Errorf("status does not say so: %+v, %v", status, err)
	}
	if got := g.acts(admin.ActsRequest{}, time.Now()).Alone; got != config.SpendAlone {
		t.Errorf("acts do not say so: %q", got)
	}
}
