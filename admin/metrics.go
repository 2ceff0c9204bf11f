package admin

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tollgate/gateway"
)

// Metrics counts calls. It implements [gateway.Observer]. Every label value comes from the configuration, the catalog
// or a small fixed set, so a peer cannot add series.
type Metrics struct {
	calls      *prometheus.CounterVec
	outcomes   *prometheus.CounterVec
	refusals   *prometheus.CounterVec
	reasons    *prometheus.CounterVec
	handshakes *prometheus.CounterVec
	malformed  *prometheus.CounterVec
	total      *prometheus.HistogramVec
	upstream   *prometheus.HistogramVec
	waited     prometheus.Histogram
	shadow     *prometheus.CounterVec
	cutOff     *prometheus.CounterVec
	actHeld    *prometheus.CounterVec
	capFull    *prometheus.CounterVec
	fsync      prometheus.Histogram
	phases     *prometheus.HistogramVec

	mutex   sync.RWMutex
	callers map[string]bool          // those with a label of their own
	series  map[labelsOfCall]*series // each that has counted
}

// labelsOfCall are those of the series that a call counts in, but for the caller's, which is its name.
type labelsOfCall struct{ listener, caller, upstream, operation, effect, outcome, status string }

// series are what a call counts in. To look them up by their labels would be most of the cost of a count.
type series struct {
	calls, outcome  prometheus.Counter
	total, upstream prometheus.Observer
	phases          phases
}

var _ gateway.Observer = (*Metrics)(nil)

// buckets reach from a call that never left the machine to the longest usual upstream deadline, in seconds.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}

// fsyncBuckets reach from a disk with a protected cache to one that hangs, in seconds.
var fsyncBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// NewMetrics registers the metrics.
func NewMetrics(registry *prometheus.Registry) *Metrics {
	m := &Metrics{
		series: map[labelsOfCall]*series{}, phases: newPhases(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_calls_total", Help: "Calls that were intended, by outcome.",
		}, []string{"listener", "caller", "upstream", "operation", "effect", "outcome", "status"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_outcomes_total", Help: "Outcomes of calls, also of those that a start closed as unknown. All series exist from the start.",
		}, []string{"effect", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_refusals_total", Help: "Calls that were refused before anything was sent.",
		}, []string{"listener", "caller", "upstream", "operation", "reason"}),
		reasons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_refusal_reasons_total", Help: "Refusals by reason alone. All series exist from the start.",
		}, []string{"reason"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_connections_refused_total", Help: "Connections that were refused or whose TLS handshake failed.",
		}, []string{"listener", "reason"}),
		malformed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_malformed_requests_total", Help: "Messages over HTTP/1.1 that could not be read as requests, by what was wrong with them.",
		}, []string{"listener", "fault"}),
		total: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollgate_call_seconds", Help: "Time of a call from its header to its outcome.", Buckets: buckets,
		}, []string{"listener", "upstream", "effect"}),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollgate_upstream_seconds", Help: "Time of a call from sending to its outcome.", Buckets: buckets,
		}, []string{"upstream", "effect"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tollgate_limit_wait_seconds", Help: "Time for which calls waited for rate limits.", Buckets: buckets,
		}),
	}
	m.shadow = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_limit_would_refuse_total", Help: "Calls that a limit in shadow mode would have refused.",
	}, []string{"limit"})
	m.actHeld = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_act_held_total",
		Help: "Calls whose act another call held, by the guard's mode: they were refused (enforce), or would have been (shadow).",
	}, []string{"act", "mode"})
	m.capFull = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_cap_full_total", Help: "Calls for which a cap had no room, or that it cannot count, by its mode: they were refused (hard), or would have been (soft).",
	}, []string{"cap", "mode"})
	m.cutOff = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollgate_cut_off_total",
		Help: "Calls that were refused or cut off because a share was used up or a pace not kept, by setting and whose share it was.",
	}, []string{"setting", "cause"})
	m.fsync = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "tollgate_audit_fsync_seconds", Help: "Time of writes of records with their fsync, those that became durable. Several records share one under load.",
		Buckets: fsyncBuckets,
	})
	m.beginAtZero()
	registry.MustRegister(m.calls, m.outcomes, m.refusals, m.reasons, m.handshakes, m.malformed, m.total, m.upstream, m.waited, m.shadow, m.cutOff, m.actHeld, m.capFull, m.fsync, m.phases,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// beginAtZero makes the series whose labels are known beforehand. To Prometheus a series that appears with 1 has not increased, so an alert
// on an increase would miss the first count.
func (m *Metrics) beginAtZero() {
	for _, o := range gateway.Outcomes() {
		m.outcomes.WithLabelValues(o.Effect, o.Outcome)
	}
	for _, code := range gateway.Codes() {
		m.reasons.WithLabelValues(code.Reason)
	}
	m.reasons.WithLabelValues(TokenUnreadable)
	for _, kind := range gateway.CutOffs() {
		m.cutOff.WithLabelValues(kind.Setting, kind.Cause)
	}
}

// TokenUnreadable is the reason of a refusal by the metrics listener, whose other reasons are codes of the gateway.
const TokenUnreadable = "token_unreadable"

// Refused counts a refusal.
func (m *Metrics) Refused(r gateway.Result) {
	m.reasons.WithLabelValues(r.Reason).Inc()
	m.countSpending(&r)
	m.mutex.RLock() // until it is counted: Follow may remove the label
	defer m.mutex.RUnlock()
	m.refusals.WithLabelValues(r.Listener, m.callerLabel(r.Caller), r.Upstream, r.Operation, r.Reason).Inc()
}

// countSpending counts what was in the way of a call that spends: what refused it, as its reason says, or would have.
func (m *Metrics) countSpending(r *gateway.Result) {
	if r.Held {
		m.actHeld.WithLabelValues(r.Act, choose(r.Reason == "act_held", "enforce", "shadow")).Inc()
	}
	for _, name := range r.CapsFull {
		m.capFull.WithLabelValues(name, choose(r.Reason == "cap_full" || r.Reason == "unpriced", "hard", "soft")).Inc()
	}
}

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// Observe counts a call that was intended.
func (m *Metrics) Observe(r gateway.Result) {
	s := m.seriesOf(labelsOfCall{r.Listener, r.Caller, r.Upstream, r.Operation, r.Effect, r.Outcome, statusClass(r.Status)})
	s.calls.Inc()
	s.outcome.Inc()
	s.total.Observe(r.Total.Seconds())
	s.upstream.Observe(r.UpstreamTime.Seconds())
	s.phases.observe(&r)
	if r.Waited > 0 {
		m.waited.Observe(r.Waited.Seconds())
	}
	for _, limit := range r.WouldRefuse {
		m.shadow.WithLabelValues(limit).Inc()
	}
	m.countSpending(&r)
}

// Fsynced counts a write of records and its fsync.
func (m *Metrics) Fsynced(took time.Duration) { m.fsync.Observe(took.Seconds()) }

// Closed counts the outcome of a call that another process had begun.
func (m *Metrics) Closed(o gateway.Outcome) { m.outcomes.WithLabelValues(o.Effect, o.Outcome).Inc() }

func (m *Metrics) seriesOf(l labelsOfCall) *series {
	m.mutex.RLock()
	s := m.series[l]
	m.mutex.RUnlock()
	if s != nil {
		return s
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	s = &series{
		calls:    m.calls.WithLabelValues(l.listener, m.callerLabel(l.caller), l.upstream, l.operation, l.effect, l.outcome, l.status),
		outcome:  m.outcomes.WithLabelValues(l.effect, l.outcome),
		total:    m.total.WithLabelValues(l.listener, l.upstream, l.effect),
		upstream: m.upstream.WithLabelValues(l.upstream, l.effect),
		phases:   phasesOf(m.phases, l.upstream),
	}
	m.series[l] = s
	return s
}

// CutOff counts a call that was cut off for its share or its pace.
func (m *Metrics) CutOff(kind gateway.CutOff) {
	m.cutOff.WithLabelValues(kind.Setting, kind.Cause).Inc()
}

// ConnectionRefused counts a connection that did not come to a call.
func (m *Metrics) ConnectionRefused(listener, reason string) {
	m.handshakes.WithLabelValues(listener, reason).Inc()
}

// Malformed counts a message of which no request came.
func (m *Metrics) Malformed(listener, fault string) {
	m.malformed.WithLabelValues(listener, fault).Inc()
}

var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// statusClass keeps the upstream's freedom to invent statuses out of the labels.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return classes[status/100-1]
}
