package service

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/audit/logfile"
	"tollgate/fleet/redistest"
	"tollgate/gateway"
	"tollgate/internal/testpki"
	"tollgate/ratelimit"
)

// metric is what a page says of a metric, or a gateway shows.
type metric struct {
	kind   string // "counter", "gauge" or "histogram"
	labels string
}

// TestMetricsPage holds docs/metrics.md against a gateway that has a series of every metric, both ways.
func TestMetricsPage(t *testing.T) {
	g := startEverything(t)
	g.happenEverything(t)
	shown, documented := shownMetrics(t, g.registry), documentedMetrics(t)
	for name := range keysOf(shown, documented) {
		if shown[name] != documented[name] {
			t.Errorf("%s: docs/metrics.md has %+v, the gateway %+v", name, documented[name], shown[name])
		}
	}
}

// TestBuildMetric: the metric has the version and the commit that the process was given, since the linker may know what Go does not record.
func TestBuildMetric(t *testing.T) {
	build := seriesOf(t, run(t).registry)["tollgate_build_info"]
	if len(build) != 1 || build[0]["version"] != "test" || build[0]["revision"] != "0123abcd" {
		t.Errorf("%v", build)
	}
}

// TestRefusedScraper: what the metrics listener refuses is counted by reasons that exist from the start.
func TestRefusedScraper(t *testing.T) {
	reasons := seriesOf(t, run(t).registry)["tollgate_refusal_reasons_total"]
	for _, reason := range []string{"no_identity", "too_many_failures", "token_unreadable"} {
		if !slices.ContainsFunc(reasons, func(labels map[string]string) bool { return labels["reason"] == reason }) {
			t.Errorf("no series of the reason %s before the first refusal", reason)
		}
	}
}

// startEverything runs a gateway that has all parts with metrics of their own.
func startEverything(t *testing.T) *running {
	t.Helper()
	dir, ca := t.TempDir(), testpki.Must(testpki.New())
	issue(t, ca, testpki.Leaf{Names: []string{"gw.example"}, Server: true}, dir, "tls")
	list := x509.RevocationList{ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
	if err := cmp.Or(ca.WriteFile(filepath.Join(dir, "ca.pem")), os.WriteFile(filepath.Join(dir, "ca.crl"), testpki.Must(ca.RevocationList(list)), 0o600)); err != nil {
		t.Fatal(err)
	}
	tls := fmt.Sprintf("{certificate: {files: {cert: %[1]s/tls.crt, key: %[1]s/tls.key}}, client_ca: %[1]s/ca.pem, client_crl: [%[1]s/ca.crl]}", dir)
	redis := redistest.Start(t, redistest.Options{Password: "the-secret-of-redis-0"})
	return member(t, plain(redis), "a",
		"listeners: [", `listeners: [{name: https, address: "127.0.0.1:0", tls: `+tls+"}, ",
		"  app: {grants", "  app: {auth: [{access_key: {id: TGAPP, secret: {env: TWO}, not_after: 2099-01-01}}], grants",
		"limits: {", "caps: [{name: calls, each: day, count: 9, mode: soft}]\nlimits: {",
		": audit}", ": audit, checkpoints: {copies: [{file: "+dir+"/copy.jsonl}]}}",
	)
}

// happenEverything has something happen for each metric that has no series before. What takes long to bring about is only counted.
func (g *running) happenEverything(t *testing.T) {
	t.Helper()
	g.want(t, "local", http.StatusOK, "")
	g.answers(reject)
	g.want(t, "local", http.StatusServiceUnavailable, "TG.6004")
	r := gateway.Result{
		Listener: "local", Caller: "app", Upstream: "bss", Operation: "PayOrders", Effect: "spend", Outcome: "succeeded", Status: http.StatusOK,
		Waited: time.Second, WouldRefuse: []string{"day"}, Act: "pay", Held: true, CapsFull: []string{"calls"},
	}
	g.metrics.Observe(r)
	r.Reason = "act_held"
	g.metrics.Refused(r)
	g.metrics.ConnectionRefused("local", "timeout")
	g.metrics.Malformed("local", "header")
	rules := testpki.Must(ratelimit.NewRules(ratelimit.Config{Published: true}))
	for minute := range uint64(11) { // of use of the disk
		g.forecast.Add(time.Now().Add(time.Duration(minute)*time.Minute), 1<<20, minute)
	}
	g.waitForIndex(t)
	g.limiter.Throttled(rules.Of(ratelimit.Subject{Operation: "PayOrders", Credential: "main", Upstream: "bss", Quota: 10}), 30*time.Second)
}

var descriptor = regexp.MustCompile(`fqName: "(tollgate_\w+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// shownMetrics returns all that are registered, with the types of their series.
func shownMetrics(t *testing.T, registry *prometheus.Registry) map[string]metric {
	t.Helper()
	kinds, all := kindsOf(t, registry), map[string]metric{}
	for _, text := range descriptions(registry) {
		if found := descriptor.FindStringSubmatch(text); found != nil {
			all[found[1]] = metric{kinds[found[1]], sorted(append(strings.Split(found[3], ","), constants(found[2])...))}
		} else if !strings.Contains(text, `"go_`) && !strings.Contains(text, `"process_`) {
			t.Errorf("a metric without the prefix tollgate_: %s", text)
		}
	}
	return all
}

func descriptions(registry *prometheus.Registry) (all []string) {
	to := make(chan *prometheus.Desc)
	go func() {
		defer close(to)
		registry.Describe(to)
	}()
	for desc := range to {
		all = append(all, desc.String())
	}
	return all
}

// constants returns the names of labels that a descriptor has values of.
func constants(text string) (names []string) {
	for _, found := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

func kindsOf(t *testing.T, registry *prometheus.Registry) map[string]string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, family := range families {
		kinds[family.GetName()] = strings.ToLower(family.GetType().String())
	}
	return kinds
}

var metricRow = regexp.MustCompile("(?m)^\\| `(tollgate_\\w+)` \\| (\\w+) \\| ([`\\w ]*) ?\\| .* \\|$")

func documentedMetrics(t *testing.T) map[string]metric {
	t.Helper()
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]metric{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		all[row[1]] = metric{row[2], sorted(strings.Fields(strings.ReplaceAll(row[3], "`", "")))}
	}
	return all
}

// sorted returns names as one text, so that lists of labels can be compared.
func sorted(names []string) string {
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return strings.Join(names, " ")
}

func keysOf[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// seriesOf returns the labels of each series, by metric.
func seriesOf(t *testing.T, registry *prometheus.Registry) map[string][]map[string]string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]map[string]string{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range m.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			all[family.GetName()] = append(all[family.GetName()], labels)
		}
	}
	return all
}

// TestClosedCallsCount: what a start closes as unknown counts among the outcomes, so that the alert on unknown payments fires after a crash.
func TestClosedCallsCount(t *testing.T) {
	g := run(t)
	for _, intent := range []logfile.Record{{Call: "paid", Effect: "spend"}, {Call: "read", Effect: "read"}} {
		if err := g.log.Intent(t.Context(), &intent); err != nil {
			t.Fatal(err)
		}
	}
	g.end(t)
	if err := g.startAgain(t); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range testpki.Must(g.registry.Gather()) {
		for _, m := range family.GetMetric() {
			if value := m.GetCounter().GetValue(); family.GetName() == "tollgate_outcomes_total" && value > 0 {
				got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = value
			}
		}
	}
	if want := map[string]float64{"spend unknown": 1, "read unknown": 1}; !maps.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}
