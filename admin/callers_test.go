package admin

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/caller"
	"tollgate/gateway"
	"tollgate/internal/setting"
)

// callersNamed returns caller-000 and so on.
func callersNamed(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("caller-%03d", i))
	}
	return names
}

// everyoneCalls has a call and a refusal of each caller counted.
func everyoneCalls(m *Metrics, names []string) {
	for _, name := range names {
		r := payment
		r.Caller = name
		m.Observe(r)
		m.Refused(gateway.Result{Caller: name, Reason: "rate_limited"})
	}
}

// callersOf returns the values of the label caller of a metric, sorted, and the sum of its series.
func callersOf(t *testing.T, registry *prometheus.Registry, metric string) (labels []string, sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if family.GetName() == metric && label.GetName() == "caller" {
					labels = append(labels, label.GetValue())
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	slices.Sort(labels)
	return labels, sum
}

// TestManyCallers: of 1,000 callers 200 have series, and the others one together, whatever is counted.
func TestManyCallers(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, names := NewMetrics(registry), callersNamed(1000)
	m.Follow(names, 200)
	everyoneCalls(m, append(names, "", "(gateway)", "no-caller-of-this-configuration"))
	for _, metric := range []string{"tollgate_calls_total", "tollgate_refusals_total"} {
		labels, sum := callersOf(t, registry, metric)
		if want := slices.Concat([]string{"", "(gateway)", otherCallers}, names[:200]); !slices.Equal(labels, want) || sum != 1003 {
			t.Errorf("%s: %d labels, %v…, and %v counts", metric, len(labels), labels[:min(5, len(labels))], sum)
		}
	}
	keys := func() (all []caller.Key) {
		for i, name := range names {
			all = append(all, caller.Key{Caller: name, ID: "TG" + name, NotAfter: setting.NotAfter(time.Now().Add(time.Duration(2000-i) * time.Hour).UnixNano())})
		}
		return all
	}
	registry.MustRegister(keyMetrics{keys, m.CallerLabel})
	if labels, _ := callersOf(t, registry, "tollgate_virtual_key_expiry_timestamp_seconds"); !slices.Equal(labels, slices.Concat([]string{otherCallers}, names[:200])) {
		t.Errorf("keys: %d labels", len(labels))
	}
}

// TestLabelsStay: over reloads callers keep their labels, a free one goes to the first by name, and what is removed leaves nothing behind.
func TestLabelsStay(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	for _, c := range []struct {
		callers string
		most    int
		want    string
	}{
		{"mc", 2, "(other) c m"},
		{"amcz", 2, "(other) c m"}, // a comes before them by name, but they have labels
		{"amz", 2, "(other) a m"},  // c is gone
		{"amzc", 2, "(other) a m"}, // and comes back too late
		{"amzc", 9, "(other) a c m z"},
		{"amzc", 1, "(other) a"},
		{"amzc", 0, "(other)"},
	} {
		m.Follow(split(c.callers), c.most)
		everyoneCalls(m, split(c.callers+"x"))
		for _, metric := range []string{"tollgate_calls_total", "tollgate_refusals_total"} {
			if labels, _ := callersOf(t, registry, metric); fmt.Sprint(labels) != "["+c.want+"]" {
				t.Errorf("callers %s, %d labels: %s has %v, want %s", c.callers, c.most, metric, labels, c.want)
			}
		}
	}
}

// TestSeriesAreForgotten: of callers without labels of their own nothing stays behind a reload that removes them.
func TestSeriesAreForgotten(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	for i := range 10 {
		names := []string{"a", fmt.Sprint("later-", i)}
		m.Follow(names, 1)
		everyoneCalls(m, names)
	}
	if len(m.series) != 2 {
		t.Errorf("calls of %d callers are remembered, and two are left", len(m.series))
	}
}

func split(letters string) (all []string) {
	for _, letter := range letters {
		all = append(all, string(letter))
	}
	return all
}
