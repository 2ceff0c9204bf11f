package admin

import "github.com/prometheus/client_golang/prometheus"

// CapUse is what is used of a cap and a currency, by those who have used the most.
type CapUse struct {
	Cap, Currency string
	Used, Limit   float64 // in the currency's main unit; without a currency, calls
}

// capMetrics shows what is used of caps. Names come from the configuration. It does not name those who are counted: they may be customers, of
// whom callers can name as many as they like.
type capMetrics struct{ use func() []CapUse }

var (
	capUsed = prometheus.NewDesc("tollgate_cap_used",
		"What is used of a cap in its day or month, by those who have used the most of it: money in the currency's main unit, or calls where there is no currency.",
		[]string{"cap", "currency"}, nil)
	capLimit = prometheus.NewDesc("tollgate_cap_limit", "What a cap allows, as tollgate_cap_used counts it.", []string{"cap", "currency"}, nil)
)

// Describe implements [prometheus.Collector].
func (capMetrics) Describe(to chan<- *prometheus.Desc) { to <- capUsed; to <- capLimit }

// Collect implements [prometheus.Collector].
func (m capMetrics) Collect(to chan<- prometheus.Metric) {
	for _, u := range m.use() {
		to <- prometheus.MustNewConstMetric(capUsed, prometheus.GaugeValue, u.Used, u.Cap, u.Currency)
		to <- prometheus.MustNewConstMetric(capLimit, prometheus.GaugeValue, u.Limit, u.Cap, u.Currency)
	}
}
