package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/audit/logfile"
	"tollgate/gateway"
)

// payment is a call of which it is unknown whether it was done.
var payment = gateway.Result{
	Listener: "127.0.0.1:8443", Caller: "billing", Upstream: "bss", Operation: "PayOrders", Effect: "spend",
	Outcome: "unknown", Total: 3 * time.Millisecond, UpstreamTime: time.Millisecond, Steps: logfile.Steps{Durable: 2000, Sent: 2010, FirstByte: 2700, Answered: 2990},
}

// TestFromZero: the series that alerts ask for an increase of exist before anything has happened, and count the first time.
func TestFromZero(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	series := map[string]int{ // and how often what happens below counts in each
		`tollgate_outcomes_total{effect="spend",outcome="unknown"}`:     2,
		`tollgate_outcomes_total{effect="write",outcome="unknown"}`:     0,
		`tollgate_outcomes_total{effect="read",outcome="not_sent"}`:     0,
		`tollgate_refusal_reasons_total{reason="replayed"}`:             1,
		`tollgate_refusal_reasons_total{reason="bad_signature"}`:        0,
		`tollgate_refusal_reasons_total{reason="token_unreadable"}`:     0,
		`tollgate_cut_off_total{cause="caller",setting="bounds.calls"}`: 1,
		`tollgate_cut_off_total{cause="pace",setting="answer pace"}`:    0,
	}
	check := func(happened int) {
		t.Helper()
		page := get((&Server{Registry: registry}).Handler(Loopback), "http://localhost/metrics").Body.String()
		for name, count := range series {
			if line := fmt.Sprintf("\n%s %d\n", name, count*happened); !strings.Contains(page, line) {
				t.Errorf("not on the page: %s", strings.TrimSpace(line))
			}
		}
	}
	check(0)
	m.Observe(payment)
	m.Closed(gateway.Outcome{Effect: "spend", Outcome: "unknown"})
	m.Refused(gateway.Result{Reason: "replayed"})
	m.CutOff(gateway.CutOff{Setting: "bounds.calls", Cause: "caller"})
	check(1)
}

// TestObserveAllocatesNothing: the series of a call are looked up once.
func TestObserveAllocatesNothing(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	m.Observe(payment)
	if n := testing.AllocsPerRun(100, func() { m.Observe(payment) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	metrics := NewMetrics(prometheus.NewRegistry())
	b.ReportAllocs()
	for b.Loop() {
		metrics.Observe(payment)
	}
}
