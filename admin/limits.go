package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"tollgate/ratelimit"
)

// slowed collects the published quotas that are slowed since the provider refused a call of them. Label values come from the configuration and
// the catalog.
type slowed struct{ limiter *ratelimit.Limiter }

var slowedDesc = prometheus.NewDesc("tollgate_limit_slowed",
	"Part of a published quota that goes while it is slowed, because the provider refused a call since there were too many; 0: nothing goes. Absent otherwise.",
	[]string{"credential", "operation", "upstream"}, nil)

// Describe implements [prometheus.Collector].
func (slowed) Describe(to chan<- *prometheus.Desc) { to <- slowedDesc }

// Collect implements [prometheus.Collector].
func (s slowed) Collect(to chan<- prometheus.Metric) {
	for _, q := range s.limiter.Slowed() {
		to <- prometheus.MustNewConstMetric(slowedDesc, prometheus.GaugeValue, q.Factor, q.Counted.Credential, q.Counted.Operation, q.Counted.Upstream)
	}
}
