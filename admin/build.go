package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// RegisterBuild registers what the running program was built of.
func RegisterBuild(registry *prometheus.Registry, version, commit string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tollgate_build_info", Help: "1, with the version of the program, the commit that it was built from, and the version of Go.",
		ConstLabels: prometheus.Labels{"version": version, "revision": commit, "go_version": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(build)
}
