package admin

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// RegisterBuild registers what the running program was built of.
func RegisterBuild(registry *prometheus.Registry, version string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tollgate_build_info", Help: "1, with the version of the program, the commit that it was built from, and the version of Go.",
		ConstLabels: prometheus.Labels{"version": version, "revision": cmp.Or(revision(), "unknown"), "go_version": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(build)
}

// revision returns the commit that Go has written into the program; "" where it was built outside of a repository.
func revision() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}
