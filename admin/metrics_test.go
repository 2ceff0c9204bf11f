package admin

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/gateway"
)

func BenchmarkObserve(b *testing.B) {
	metrics := NewMetrics(prometheus.NewRegistry())
	r := gateway.Result{
		Listener: "127.0.0.1:8443", Caller: "billing", Upstream: "bss", Operation: "ShowCustomerAccountBalances", Effect: "read",
		Outcome: "succeeded", Status: 200, Total: 3 * time.Millisecond, UpstreamTime: time.Millisecond,
	}
	b.ReportAllocs()
	for b.Loop() {
		metrics.Observe(r)
	}
}
