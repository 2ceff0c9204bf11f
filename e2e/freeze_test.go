package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestFreezeSurvivesKill: a gateway that is killed right after `tollgate freeze` has returned comes up with the freeze, and so it goes on
// until `tollgate unfreeze` has returned. Both verifiers find the log whole.
func TestFreezeSurvivesKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(standard + unlimited)
	call := func(p *process) answer {
		return send(t, http.DefaultTransport, request(t, "GET", "http://"+p.address("plain")+"/v2/accounts/customer-accounts/balances", ""))
	}
	command := func(args ...string) result { return run(t, w.env, append(args, "--config", w.config)...) }
	p := w.start()
	if got := call(p); got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"freeze", "--caller", "shop"}, 2, "--reason"},
		{[]string{"freeze", "--reason", "x"}, 2, "choose one"},
		{[]string{"freeze", "--all", "--spend", "--reason", "x"}, 2, "choose one"},
		{[]string{"freeze", "--all=false", "--reason", "x"}, 2, "stops nothing"},
		{[]string{"freeze", "--all", "--until", "2001-01-01", "--reason", "x"}, 2, "is over"},
		{[]string{"freeze", "--caller", "shopp", "--reason", "x"}, 1, "nothing was stopped"},
		{[]string{"unfreeze"}, 2, "its id"},
		{[]string{"unfreeze", "f-00000000"}, 1, "no freeze"},
		{[]string{"freezes"}, 0, "nothing is frozen"},
	} {
		if got := command(c.args...); got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.want) {
			t.Errorf("%q: %+v, want code %d and %q", c.args, got, c.code, c.want)
		}
	}
	var frozen struct {
		Freeze struct{ ID string }
	}
	got := command("freeze", "--caller", "shop", "--until", "7d", "--reason", "key leaked", "--json")
	p.kill()
	if err := json.Unmarshal([]byte(got.stdout), &frozen); err != nil || got.code != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	id := frozen.Freeze.ID
	for range 2 {
		p = w.start()
		if got := call(p); got.status != http.StatusForbidden || got.code != "TG.3010" || !strings.Contains(got.body, id) || got.header.Get("Retry-After") != "" {
			t.Errorf("after the kill: %+v", got)
		}
		if got := command("freezes"); got.code != 0 || !strings.Contains(got.stdout, id) || !strings.Contains(got.stdout, "key leaked") {
			t.Errorf("freezes: %+v", got)
		}
		if got := command("status"); !strings.Contains(got.stdout, id) {
			t.Errorf("status: %+v", got)
		}
		if _, body := p.readyz(); !strings.Contains(body, id) {
			t.Errorf("readiness: %s", body)
		}
		p.kill()
	}
	p = w.start()
	if got := command("unfreeze", id, "--reason", "replaced"); got.code != 0 || !strings.Contains(got.stdout, "lifted: freeze "+id) {
		t.Errorf("unfreeze: %+v", got)
	}
	p.kill()
	p = w.start()
	if got := call(p); got.status != http.StatusOK {
		t.Errorf("after the freeze: %+v", got)
	}
	p.stop()
	w.verified()
	var events []logfile.EventCode
	for _, r := range w.records() {
		if r.Kind == logfile.KindEvent && r.StatesFreezes() {
			events = append(events, r.Event)
		}
	}
	if len(events) != 2 || events[0] != logfile.EventFrozen || events[1] != logfile.EventUnfrozen {
		t.Errorf("events %q", events)
	}
}
