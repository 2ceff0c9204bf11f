package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FleetMetrics are the metrics of a fleet, as this member sees it. Label values come from small fixed sets.
type FleetMetrics struct {
	state     func() *Fleet
	trips     prometheus.Histogram
	questions prometheus.Counter
	limited   *prometheus.CounterVec

	up, epoch, complete, closed, members *prometheus.Desc
}

// What may not be shared, in [ClosedStatus].
const (
	ClosedLimits     = "limits"
	ClosedSignatures = "signatures"
	ClosedFreezes    = "freezes"
)

// States of members, in [MemberStatus].
const (
	MemberPresent = "present"
	MemberAbsent  = "absent"
	MemberStopped = "stopped"
	MemberUnseen  = "never seen"
	MemberUnknown = "unknown" // Redis is away
)

// tripBuckets reach from a Redis on the same machine to the longest that a round trip may take, in seconds.
var tripBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}

// NewFleetMetrics registers the metrics of a fleet, whose state is asked for at each scrape.
func NewFleetMetrics(registry *prometheus.Registry, state func() *Fleet) *FleetMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m := &FleetMetrics{
		state: state,
		trips: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tollgate_fleet_round_trip_seconds", Help: "Time of round trips to Redis, each of which many questions share.",
			Buckets: tripBuckets,
		}),
		questions: prometheus.NewCounter(prometheus.CounterOpts{Name: "tollgate_fleet_questions_total", Help: "Questions that Redis answered."}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_fleet_limit_decisions_total",
			Help: "Calls whose limits were decided on, by where they were counted: over Redis (fleet), by this member's share, or nowhere.",
		}, []string{"from"}),
		up:       desc("tollgate_fleet_up", "1 while this member reaches Redis."),
		epoch:    desc("tollgate_fleet_epoch", "Number of the life of the data in Redis: it grows when Redis has lost something."),
		complete: desc("tollgate_fleet_epoch_complete", "1 while all members have stated what they know in this life of the data."),
		closed:   desc("tollgate_fleet_closed", "1 while a part is not shared: limits, signatures or freezes.", "what"),
		members:  desc("tollgate_fleet_members", "Configured members, by what is known of them.", "state"),
	}
	for _, from := range []string{"fleet", "share", "nowhere"} { // an alert on an increase needs the series before its first count
		m.limited.WithLabelValues(from)
	}
	registry.MustRegister(m, m.trips, m.questions, m.limited)
	return m
}

// Limited counts a call whose limits were decided on, by where they were counted.
func (m *FleetMetrics) Limited(from string) { m.limited.WithLabelValues(from).Inc() }

// Trip counts a round trip to Redis.
func (m *FleetMetrics) Trip(took time.Duration, questions int) {
	m.trips.Observe(took.Seconds())
	m.questions.Add(float64(questions))
}

// Describe implements [prometheus.Collector].
func (m *FleetMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.epoch, m.complete, m.closed, m.members} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *FleetMetrics) Collect(to chan<- prometheus.Metric) {
	f := m.state()
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	gauge(m.up, flag(f.Up))
	gauge(m.epoch, float64(f.Epoch.Number))
	gauge(m.complete, flag(f.Epoch.Complete))
	for _, what := range []string{ClosedLimits, ClosedSignatures, ClosedFreezes} {
		gauge(m.closed, flag(f.IsClosed(what)), what)
	}
	for _, state := range []string{MemberPresent, MemberAbsent, MemberStopped, MemberUnseen, MemberUnknown} {
		gauge(m.members, float64(f.count(state)), state)
	}
}

// IsClosed reports whether a part is not shared now.
func (f *Fleet) IsClosed(what string) bool {
	for _, c := range f.Closed {
		if c.What == what {
			return true
		}
	}
	return false
}

func (f *Fleet) count(state string) (n int) {
	for _, m := range f.Members {
		if m.State == state && !m.Unlisted {
			n++
		}
	}
	return n
}
