package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/gateway"
)

// Phases of calls on their way to an upstream and back, and of opening connections to it. See docs/metrics.md.
const (
	phaseConnection = "connection"
	phaseFirstByte  = "first_byte"
	phaseBody       = "body"
	phaseConnect    = "connect"
	phaseTLS        = "tls"
)

// phaseBuckets reach from an idle connection, or an application on this machine, to the longest usual upstream deadline, in seconds.
var phaseBuckets = append([]float64{.0001, .0005}, buckets...)

func newPhases() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tollgate_upstream_phase_seconds", Help: "Time of the phases of calls to an upstream (connection, first_byte, body), and of opening connections to it (connect, tls).",
		Buckets: phaseBuckets,
	}, []string{"upstream", "phase"})
}

// phases are what the calls to one upstream count in.
type phases struct{ connection, firstByte, body prometheus.Observer }

func phasesOf(all *prometheus.HistogramVec, upstream string) phases {
	return phases{all.WithLabelValues(upstream, phaseConnection), all.WithLabelValues(upstream, phaseFirstByte), all.WithLabelValues(upstream, phaseBody)}
}

// observe counts the phases that a call came through: those that its record has the steps of.
func (p *phases) observe(r *gateway.Result) {
	at := &r.Steps
	if at.Sent == 0 {
		return
	}
	p.connection.Observe(seconds(at.Sent - at.Durable))
	if at.FirstByte == 0 {
		return
	}
	p.firstByte.Observe(seconds(at.FirstByte - at.Sent))
	p.body.Observe(seconds(at.Durable + r.UpstreamTime.Microseconds() - at.FirstByte))
}

// seconds returns microseconds as seconds. Steps are rounded, and at least 1: differences of them may be below 0 by as much.
func seconds(micros int64) float64 { return float64(max(micros, 0)) / 1e6 }

// Opened counts a connection that was opened to an upstream. handshake is 0 without TLS.
func (m *Metrics) Opened(upstream string, connect, handshake time.Duration) {
	m.phases.WithLabelValues(upstream, phaseConnect).Observe(connect.Seconds())
	if handshake > 0 {
		m.phases.WithLabelValues(upstream, phaseTLS).Observe(handshake.Seconds())
	}
}
