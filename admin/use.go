package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"tollgate/gateway"
)

// Connections are those of a listener or an upstream, beside the bound on them.
type Connections struct {
	Name             string // of the listener or the upstream
	Open, InUse, Max int    // InUse of upstreams only: the rest is idle
}

// UseSources return what is in use now. They are asked at each scrape, concurrently. A name is in a list once.
type UseSources struct {
	Calls                func() gateway.Use
	Listeners, Upstreams func() []Connections
}

func useDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	callsDesc           = useDesc("tollgate_calls_in_progress", "Calls of callers that are under way, those that wait for a limit included.")
	callsLimitDesc      = useDesc("tollgate_calls_limit", "How many calls may be under way: bounds.calls.")
	headersDesc         = useDesc("tollgate_request_header_bytes", "Bytes of headers of requests under way.")
	headersLimitDesc    = useDesc("tollgate_request_header_limit_bytes", "How many there may be: bounds.all_headers.")
	bodiesDesc          = useDesc("tollgate_request_body_bytes", "Bytes of bodies of requests under way.")
	bodiesLimitDesc     = useDesc("tollgate_request_body_limit_bytes", "How many there may be: bounds.bodies.")
	connectionsDesc     = useDesc("tollgate_connections", "Connections to a listener, idle ones included.", "listener")
	connectionsMaxDesc  = useDesc("tollgate_connections_limit", "How many connections a listener takes.", "listener")
	upstreamDesc        = useDesc("tollgate_upstream_connections", "Connections to an upstream, idle ones included.", "upstream")
	upstreamInUseDesc   = useDesc("tollgate_upstream_connections_in_use", "Those of them that calls have, or are opening.", "upstream")
	upstreamMaximumDesc = useDesc("tollgate_upstream_connections_limit", "How many connections to an upstream there may be: max_connections.", "upstream")
)

// Describe implements [prometheus.Collector].
func (UseSources) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		callsDesc, callsLimitDesc, headersDesc, headersLimitDesc, bodiesDesc, bodiesLimitDesc,
		connectionsDesc, connectionsMaxDesc, upstreamDesc, upstreamInUseDesc, upstreamMaximumDesc,
	} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (s UseSources) Collect(to chan<- prometheus.Metric) {
	use := s.Calls()
	to <- gaugeOf(callsDesc, float64(use.Calls))
	to <- gaugeOf(callsLimitDesc, float64(use.MaxCalls))
	to <- gaugeOf(headersDesc, float64(use.HeaderBytes))
	to <- gaugeOf(headersLimitDesc, float64(use.MaxHeaderBytes))
	to <- gaugeOf(bodiesDesc, float64(use.BodyBytes))
	to <- gaugeOf(bodiesLimitDesc, float64(use.MaxBodyBytes))
	for _, c := range s.Listeners() {
		to <- gaugeOf(connectionsDesc, float64(c.Open), c.Name)
		to <- gaugeOf(connectionsMaxDesc, float64(c.Max), c.Name)
	}
	for _, c := range s.Upstreams() {
		to <- gaugeOf(upstreamDesc, float64(c.Open), c.Name)
		to <- gaugeOf(upstreamInUseDesc, float64(c.InUse), c.Name)
		to <- gaugeOf(upstreamMaximumDesc, float64(c.Max), c.Name)
	}
}
