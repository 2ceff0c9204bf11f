package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// optional is a gauge that is absent while its value is not known.
type optional struct {
	desc  *prometheus.Desc
	value func() (value float64, known bool)
}

// Describe implements [prometheus.Collector].
func (o optional) Describe(to chan<- *prometheus.Desc) { to <- o.desc }

// Collect implements [prometheus.Collector].
func (o optional) Collect(to chan<- prometheus.Metric) {
	if value, known := o.value(); known {
		to <- gaugeOf(o.desc, value)
	}
}

func gaugeOf(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// timestamp returns a time as metrics have it: a Unix time in seconds.
func timestamp(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
