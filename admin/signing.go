package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"tollgate/credential"
	"tollgate/gateway"
)

// signing collects how it stands with what signatures need: keys that the provider takes, and a clock that it agrees with.
// Label values come from the configuration.
type signing struct {
	credentials func() []*credential.Credential
	upstreams   func() []*gateway.Upstream
	label       func(caller string) string
}

var (
	pausedDesc = prometheus.NewDesc("tollgate_credential_paused",
		"1 while a credential signs nothing because the provider rejected it.", []string{"credential"}, nil)
	callerPausedDesc = prometheus.NewDesc("tollgate_credential_caller_paused",
		"1 while a credential signs nothing for one caller because the provider rejected a call of it; absent otherwise.", []string{"credential", "caller"}, nil)
	trialDesc = prometheus.NewDesc("tollgate_credential_on_trial",
		"1 while few calls at a time may use a credential, because the provider has not accepted it yet or not since a rejection.", []string{"credential"}, nil)
	skewDesc = prometheus.NewDesc("tollgate_upstream_clock_skew_seconds",
		"How far this machine's clock is ahead of the upstream's; absent before the first answer.", []string{"upstream"}, nil)
)

// Describe implements [prometheus.Collector].
func (signing) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{pausedDesc, callerPausedDesc, trialDesc, skewDesc} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (s signing) Collect(to chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64, labels ...string) { to <- gaugeOf(desc, value, labels...) }
	for _, c := range s.credentials() {
		_, paused := c.Paused()
		_, trial := c.OnTrial()
		send(pausedDesc, flag(paused), c.Name())
		send(trialDesc, flag(trial), c.Name())
		for caller := range s.pausedFor(c) {
			send(callerPausedDesc, 1, c.Name(), caller)
		}
	}
	for _, u := range s.upstreams() {
		if skew, known := u.Skew.Estimate(); known {
			send(skewDesc, skew.Seconds(), u.Name)
		}
	}
}

// pausedFor returns the labels of the callers for which a credential is paused, each once.
func (s signing) pausedFor(c *credential.Credential) map[string]bool {
	labels := map[string]bool{}
	for _, pause := range c.Pauses() {
		if pause.Caller != "" {
			labels[s.label(pause.Caller)] = true
		}
	}
	return labels
}
