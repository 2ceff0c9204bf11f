package service

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/signing"
)

// The keys of the caller "other" in these tests.
const (
	oneKey   = "{access_key: {id: TGONE, secret: {env: ONE}}}"
	twoKey   = "{access_key: {id: TGTWO, secret: {env: TWO}}}"
	overKey  = "{access_key: {id: TGONE, secret: {env: ONE}, not_after: 2026-01-02}}"
	aheadKey = "{access_key: {id: TGONE, secret: {env: ONE}, not_after: %s}}"
)

// withKeys has the gateway follow a configuration in which "other" is known by keys.
func (g *running) withKeys(t *testing.T, keys ...string) {
	t.Helper()
	g.change(t, ", caller: other}", "}", "  other: {grants", "  other: {auth: ["+strings.Join(keys, ", ")+"], grants", "burst: 5", "burst: 50")
}

// signedCall makes a call that is signed by a key, over the connection that is there.
func (g *running) signedCall(t *testing.T, id string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+g.Address("second")+"/v2/systems/configs/provinces", nil)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := keyOf(id[2:])
	unsigned := signing.Request{Method: request.Method, Path: request.URL.Path, PayloadHash: signing.HashHex(nil)}
	added, err := signing.SDK.NewKey(id, secret.New(value)).Sign(time.Now(), unsigned, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range added {
		request.Header.Set(h.Name, h.Value)
	}
	response, err := g.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (g *running) wantSigned(t *testing.T, id string, status int, text string) {
	t.Helper()
	if got, body := g.signedCall(t, id); got != status || !strings.Contains(body, text) {
		t.Errorf("%s: got %d %.200s, want %d %q", id, got, body, status, text)
	}
}

// TestKeysFollow: a key that comes is taken, one that has ended or is gone is refused at once, over the connection that it was used on; the
// other key of the caller goes on.
func TestKeysFollow(t *testing.T) {
	g := run(t)
	g.withKeys(t, oneKey)
	g.wantSigned(t, "TGONE", 200, "")
	g.wantSigned(t, "TGTWO", 401, "TG.2004")
	g.withKeys(t, oneKey, twoKey)
	g.wantSigned(t, "TGTWO", 200, "")
	g.withKeys(t, overKey, twoKey)
	g.wantSigned(t, "TGONE", 401, "TG.2010")
	g.wantSigned(t, "TGTWO", 200, "")
	g.withKeys(t, twoKey)
	g.wantSigned(t, "TGONE", 401, "TG.2004")
	g.wantSigned(t, "TGTWO", 200, "")
}

// TestKeysListed: uses are known from one configuration to the next, and keys that end are warned about and measured.
func TestKeysListed(t *testing.T) {
	g := run(t)
	g.withKeys(t, oneKey, twoKey)
	g.wantSigned(t, "TGONE", 200, "")
	soon := setting.NotAfter(time.Now().Add(3 * 24 * time.Hour).UnixNano())
	g.withKeys(t, fmt.Sprintf(aheadKey, soon), twoKey)
	answer, err := g.keys(t.Context(), admin.Peer{}, admin.KeysRequest{})
	if err != nil || len(answer.Keys) != 2 {
		t.Fatalf("%+v, %v", answer, err)
	}
	one, two := answer.Keys[0], answer.Keys[1]
	if one.Caller != "other" || one.ID != "TGONE" || one.LastUse == nil || one.NotAfter == nil || one.Expired || two.ID != "TGTWO" || two.LastUse != nil || two.NotAfter != nil {
		t.Errorf("listed: %+v, %+v", one, two)
	}
	if only, err := g.keys(t.Context(), admin.Peer{}, admin.KeysRequest{ID: "TGTWO"}); err != nil || len(only.Keys) != 1 || only.Keys[0].ID != "TGTWO" {
		t.Errorf("one key: %+v, %v", only, err)
	}
	if warnings := strings.Join(g.readiness().Warnings, "\n"); !strings.Contains(warnings, "key TGONE of caller other ends in 7") || strings.Contains(warnings, "TGTWO") {
		t.Errorf("warnings: %s", warnings)
	}
	if found := g.gauge(t, "tollgate_virtual_key_expiry_timestamp_seconds"); len(found) != 1 || math.Abs(found[0]-float64(soon)/1e9) > 1 {
		t.Errorf("the metric has %v", found)
	}
	g.withKeys(t, overKey, twoKey)
	if warnings := strings.Join(g.readiness().Warnings, "\n"); !strings.Contains(warnings, "key TGONE of caller other has expired (not_after 2026-01-02)") {
		t.Errorf("warnings: %s", warnings)
	}
}

// gauge returns the values of a metric.
func (g *running) gauge(t *testing.T, name string) (values []float64) {
	t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				values = append(values, m.GetGauge().GetValue())
			}
		}
	}
	return values
}

// TestManyKeyWarnings: readiness names some of many keys, and counts the others.
func TestManyKeyWarnings(t *testing.T) {
	g := run(t)
	var keys []string
	for i := range maxKeyWarnings + 3 {
		keys = append(keys, fmt.Sprintf("{access_key: {id: TG%d, secret: {env: ONE}, not_after: 2026-01-02}}", i))
	}
	g.withKeys(t, keys...)
	got := g.keyWarnings(time.Now())
	if len(got) != maxKeyWarnings+1 || !strings.HasPrefix(got[maxKeyWarnings], "3 more keys") {
		t.Errorf("%d warnings, the last is %q", len(got), got[len(got)-1])
	}
}

// TestCallerLabels: a reload changes how many callers metrics name, and a caller without a label counts as another one, in each metric.
func TestCallerLabels(t *testing.T) {
	g := run(t)
	labels := func() (all []string) {
		for _, series := range seriesOf(t, g.registry)["tollgate_calls_total"] {
			all = append(all, series["caller"])
		}
		return all
	}
	g.want(t, "local", http.StatusOK, "")
	if got := labels(); !slices.Equal(got, []string{"app"}) {
		t.Errorf("by default: %v", got)
	}
	g.change(t, "audit: {", "metrics: {callers: 0}\naudit: {")
	if got := labels(); len(got) != 0 {
		t.Errorf("series of a label that is gone: %v", got)
	}
	g.want(t, "local", http.StatusOK, "")
	g.answers(reject)
	g.want(t, "local", http.StatusServiceUnavailable, "TG.6004")
	if got := labels(); slices.Contains(got, "app") || !slices.Contains(got, "(other)") {
		t.Errorf("without labels: %v", got)
	}
	if paused := seriesOf(t, g.registry)["tollgate_credential_caller_paused"]; len(paused) != 1 || paused[0]["caller"] != "(other)" {
		t.Errorf("a pause for one caller: %v", paused)
	}
}
