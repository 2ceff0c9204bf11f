package admin

import (
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/audit/logfile"
	"tollgate/gateway"
)

// TestPhases: a call counts in the phases that it came through, as its record has their ends.
func TestPhases(t *testing.T) {
	whole := logfile.Steps{Durable: 1000, Sent: 3000, FirstByte: 10_000, Answered: 12_000}
	for name, c := range map[string]struct {
		steps logfile.Steps
		want  map[string]float64 // sums, in milliseconds; one of each
	}{
		"answered":          {whole, map[string]float64{"connection": 2, "first_byte": 7, "body": 11}},
		"no answer":         {logfile.Steps{Durable: 1000, Sent: 3000}, map[string]float64{"connection": 2}},
		"no connection":     {logfile.Steps{Durable: 1000}, map[string]float64{}},
		"rounded the wrong": {logfile.Steps{Durable: 3001, Sent: 3000, FirstByte: 3000}, map[string]float64{"connection": 0, "first_byte": 0, "body": 20.001}},
	} {
		registry := prometheus.NewRegistry()
		m := NewMetrics(registry)
		m.Observe(gateway.Result{Upstream: "bss", Steps: c.steps, UpstreamTime: 20 * time.Millisecond})
		if got := phasesIn(t, registry); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestOpenings: connections count by how long they took to open, plain ones in no handshake.
func TestOpenings(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.Opened("bss", 3*time.Millisecond, 5*time.Millisecond)
	if got := phasesIn(t, registry); !maps.Equal(got, map[string]float64{"connect": 3, "tls": 5}) {
		t.Errorf("with TLS: %v", got)
	}
	registry = prometheus.NewRegistry()
	m = NewMetrics(registry)
	m.Opened("app", 3*time.Millisecond, 0)
	if got := phasesIn(t, registry); !maps.Equal(got, map[string]float64{"connect": 3}) {
		t.Errorf("plain: %v", got)
	}
}

// phasesIn returns the sums of the phases that something counted in once, in milliseconds.
func phasesIn(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "tollgate_upstream_phase_seconds" && m.GetHistogram().GetSampleCount() == 1 {
				sums[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleSum() * 1000
			}
		}
	}
	return sums
}
