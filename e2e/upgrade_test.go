package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/e2e/firstversion"
)

// upgradeConfig is a configuration that both versions know: callers that spend, a cap that is full after four payments, and an index.
const upgradeConfig = moneyConfig + `
include: [callers.d]
reload: {watch: true}
bounds: {drain: 20s}
` + unhardened

// TestUpgradeAndRollback runs the two versions in turn over one folder, each ended in good order or killed with a payment in flight. What one
// has written the other goes on from: numbers, open calls, what is held, what caps have counted, signatures, freezes.
func TestUpgradeAndRollback(t *testing.T) {
	t.Parallel()
	for name, killed := range map[string]bool{"stopped": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			u := newUpgrade(t, firstversion.Binary(t))
			for round := range 4 {
				u.round(round, killed)
			}
			u.end(killed)
		})
	}
}

// upgrade is a world whose gateway is in turn of one version and of the other.
type upgrade struct {
	*world
	first  string
	other  string            // the version that is not running
	wrote  map[string][]byte // the segments as the last gateway left them, without what was allocated ahead
	signed *copies           // a payment that was taken in an earlier round
	frozen string            // the freeze that the last gateway left
	open   []string          // orders whose payments were in flight when a gateway was killed
}

func newUpgrade(t *testing.T, first string) *upgrade {
	u := &upgrade{world: newMoneyWorld(t, upgradeConfig), first: first}
	must(t, os.Mkdir(u.file("callers.d"), 0o700))
	u.addOrders(20, "50.00")
	return u
}

func (u *upgrade) round(round int, killed bool) {
	u.t.Helper()
	if u.binary, u.other = u.first, binary; round%2 == 1 {
		u.binary, u.other = binary, u.first
	}
	p := u.start()
	u.keepsOn(p)
	u.does(p, paying(asTill, 0, fmt.Sprintf("CS-T%d", round)))
	u.remembers(p)
	if !killed && round < 2 { // once for each version, since each command is a process
		u.commands(p)
	}
	u.freezes(p)
	if killed {
		u.killInFlight(p, fmt.Sprintf("CS-T1%d", round))
	} else {
		p.stop()
	}
	u.kept()
}

// keepsOn checks what a gateway has taken over from the one before.
func (u *upgrade) keepsOn(p *process) {
	u.t.Helper()
	for _, order := range u.open {
		u.turnsDown(p, paying(asShop, 1, order), http.StatusConflict, "TG.4008")
	}
	if u.signed != nil {
		if code := u.signed.one(&member{process: p}); code != "TG.4003" {
			u.t.Errorf("a signature of before is answered %q", code)
		}
	}
	if u.frozen == "" {
		return
	}
	u.turnsDown(p, couponIssue("1"), http.StatusForbidden, "TG.3010")
	u.by(u.other, "unfreeze", u.frozen, "--reason", "over")
}

// by runs a command of a version, which must succeed.
func (u *upgrade) by(version string, args ...string) string {
	u.t.Helper()
	got := runBinary(u.t, version, u.env, append(args, "--config", u.config)...)
	if got.code != 0 {
		u.t.Errorf("%s %q: %+v", version, args, got)
	}
	return got.stdout
}

// commands asks the running gateway by the commands of the other version.
func (u *upgrade) commands(p *process) {
	u.t.Helper()
	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"health"}, {"acts"}, {"acts", "--json"}, {"caps"}, {"caps", "--json"}, {"freezes"}, {"reload", "--dry-run"}, {"reload"},
		{"audit", "verify"}, {"audit", "list"}, {"audit", "report"},
	} {
		if u.by(u.other, args...) == "" {
			u.t.Errorf("%q says nothing", args)
		}
	}
}

// freezes leaves a freeze, by the command of the other version.
func (u *upgrade) freezes(p *process) {
	u.t.Helper()
	if _, body := p.readyz(); !strings.Contains(body, `"ready":true`) {
		u.t.Errorf("readiness: %s", body)
	}
	u.frozen = freezeID.FindString(u.by(u.other, "freeze", "--caller", "office", "--reason", "a key leaked"))
	if u.frozen == "" {
		u.t.Error("the freeze has no id")
	}
}

// remembers makes a payment that the provider turns down, so that it holds nothing but its signature, which no later gateway may take.
func (u *upgrade) remembers(p *process) {
	u.t.Helper()
	if u.signed != nil {
		return
	}
	u.signed = (&fleet{world: u.world, transport: &http.Transport{DisableKeepAlives: true}}).copies(u.t, "CS-NONE")
	if code := u.signed.one(&member{process: p}); code == "" || strings.HasPrefix(code, "TG.") {
		u.t.Errorf("the payment is answered %q", code)
	}
}

// killInFlight kills the gateway during a payment.
func (u *upgrade) killInFlight(p *process, order string) {
	u.t.Helper()
	hold := u.holdPayments()
	ended := make(chan struct{})
	transport, address := &http.Transport{DisableKeepAlives: true}, p.address("keys")
	go func() {
		defer close(ended)
		_, _ = paying(asShop, 0, order).send(transport, address) // breaks off
	}()
	<-hold.arrived
	p.kill()
	close(hold.release)
	<-ended
	u.held.Store(nil)
	u.open = append(u.open, order)
}

// kept checks that the log begins with what was there before, byte for byte.
func (u *upgrade) kept() {
	u.t.Helper()
	now := map[string][]byte{}
	for _, name := range u.segments() {
		text, err := os.ReadFile(name)
		must(u.t, err)
		now[name] = bytes.TrimRight(text, "\x00")
	}
	for name, text := range u.wrote {
		if !bytes.HasPrefix(now[name], text) {
			u.t.Errorf("%s was changed", filepath.Base(name))
		}
	}
	u.wrote = now
}

// end checks that the cap has counted all rounds, settles what is unknown, and verifies the log by both versions.
func (u *upgrade) end(killed bool) {
	u.t.Helper()
	u.binary, u.other = binary, u.first
	p := u.start()
	u.keepsOn(p)
	u.turnsDown(p, paying(asTill, 0, "CS-T8"), http.StatusForbidden, "TG.3011")
	p.stop()
	u.kept()
	for _, version := range []string{u.first, binary} {
		u.by(version, "audit", "verify")
	}
	u.verified()
	var unknown, versions []string
	for _, h := range u.consistent() {
		if h.outcome != nil && h.outcome.Outcome == logfile.Unknown {
			unknown = append(unknown, orderOf(h.intent))
		}
	}
	for _, r := range u.records() {
		if r.Kind == logfile.KindStart && !slices.Contains(versions, r.Version) {
			versions = append(versions, r.Version)
		}
	}
	if slices.Sort(unknown); !slices.Equal(unknown, u.open) || killed != (len(unknown) == 4) {
		u.t.Errorf("unknown are the payments of %q, want those of %q", unknown, u.open)
	}
	if len(versions) != 2 || versions[0] != firstversion.Version {
		u.t.Errorf("the log was written by %q", versions)
	}
}

// TestUnknownSettings: a running gateway refuses to reload settings that it does not know, by name, and goes on; so does a start, and changes
// nothing.
func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	u := newUpgrade(t, firstversion.Binary(t))
	for version, other := range map[string]string{u.first: binary, binary: u.first} {
		u.binary = version
		p := u.configure(upgradeConfig).start()
		u.configure(upgradeConfig + "\nof_a_later_version: {enabled: true}\n")
		if got := runBinary(t, other, u.env, "reload", "--config", u.config); got.code != 1 || !strings.Contains(got.stderr, "of_a_later_version") {
			t.Errorf("reload: %+v", got)
		}
		u.turnsDown(p, attempt{who: asOffice, path: "/v2/no/such/operation"}, http.StatusNotFound, "TG.4001")
		p.stop()
		before := u.folderNow("audit")
		if got := runBinary(t, version, u.env, "run", "--config", u.config); got.code != 1 || !strings.Contains(got.stderr, "of_a_later_version") {
			t.Errorf("run: %+v", got)
		}
		u.sameFolder("audit", before)
		if len(before) < 3 {
			t.Errorf("the folder has %q", slices.Sorted(maps.Keys(before)))
		}
	}
}
