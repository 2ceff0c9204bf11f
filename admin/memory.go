package admin

import "github.com/prometheus/client_golang/prometheus"

// MemorySources are read at each scrape.
type MemorySources struct {
	Busy func() bool // no call begins
	// Now returns what the control group allows, and what of it is in use; ok is false where that is not known, or there is no limit.
	Now func() (limit, inUse uint64, ok bool)
}

var (
	memoryBusy  = prometheus.NewDesc("tollgate_memory_busy", "1 while no new call begins for lack of memory.", nil, nil)
	memoryLimit = prometheus.NewDesc("tollgate_memory_limit_bytes", "Memory that the control group of the process may use. No series without a limit.", nil, nil)
	memoryInUse = prometheus.NewDesc("tollgate_memory_in_use_bytes",
		"Memory that the control group of the process uses, without pages of files that the kernel can take back. No series without a limit.", nil, nil)
)

// RegisterMemory registers the metrics of the control group's memory.
func RegisterMemory(registry *prometheus.Registry, s MemorySources) { registry.MustRegister(s) }

// Describe implements [prometheus.Collector].
func (MemorySources) Describe(to chan<- *prometheus.Desc) {
	to <- memoryBusy
	to <- memoryLimit
	to <- memoryInUse
}

// Collect implements [prometheus.Collector].
func (s MemorySources) Collect(to chan<- prometheus.Metric) {
	to <- gaugeOf(memoryBusy, flag(s.Busy()))
	if limit, inUse, ok := s.Now(); ok {
		to <- gaugeOf(memoryLimit, float64(limit))
		to <- gaugeOf(memoryInUse, float64(inUse))
	}
}
