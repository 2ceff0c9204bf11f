package admin

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reloads are the metrics of the configuration that runs, and of reloads of it.
type Reloads struct {
	successful, at prometheus.Gauge
	info           *prometheus.GaugeVec
	mutex          sync.Mutex // has info show one plan at a time
}

// NewReloads registers the metrics. The start counts as the first reload, by a plan of this hash.
func NewReloads(registry *prometheus.Registry, now time.Time, hash string) *Reloads {
	r := &Reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tollgate_config_last_reload_successful",
			Help: "1 if the last reload of the configuration was carried out, or there was none; 0 if it was refused, so that the file on disk differs from what runs.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tollgate_config_last_reload_timestamp_seconds",
			Help: "When the configuration was last reloaded, or a reload was refused; when the gateway started, if neither has happened.",
		}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tollgate_config_info", Help: "1, with the hash of the plan that runs, as records have it.",
		}, []string{"hash"}),
	}
	registry.MustRegister(r.successful, r.at, r.info)
	r.Reloaded(now, hash)
	return r
}

// Reloaded shows that a configuration was put in force.
func (r *Reloads) Reloaded(now time.Time, hash string) {
	r.Published(hash)
	r.successful.Set(1)
	r.at.Set(timestamp(now))
}

// Refused shows that a configuration was refused.
func (r *Reloads) Refused(now time.Time) {
	r.successful.Set(0)
	r.at.Set(timestamp(now))
}

// Published shows the plan that runs.
func (r *Reloads) Published(hash string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.info.Reset()
	r.info.WithLabelValues(hash).Set(1)
}
