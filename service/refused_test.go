package service

import (
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/internal/testpki"
)

// TestWhyRefused: each reason has a stage, and those of handshakes a TLS failure.
func TestWhyRefused(t *testing.T) {
	for _, reason := range accept.Reasons() {
		why := whyRefused(accept.Refusal{Reason: reason, Err: io.EOF})
		if !logfile.OfConnection(why.Stage) || why.Reason != string(reason) {
			t.Errorf("%s: %+v", reason, why)
		}
		if handshake := why.Stage == logfile.StageHandshake; handshake != slices.Contains(logfile.TLSFailures(), why.TLSFailure) {
			t.Errorf("%s: %+v", reason, why)
		}
	}
	for _, tt := range []struct {
		reason accept.Reason
		err    error
		want   string
	}{
		{accept.ReasonVersion, errors.New("tls: client offered only unsupported versions"), logfile.TLSVersion},
		{accept.ReasonCertificate, errors.New("tls: client didn't provide a certificate"), logfile.TLSCertificate},
		{accept.ReasonOther, errors.New("tls: unexpected message"), logfile.TLSProtocol},
		{accept.ReasonTooMany, errors.New("full"), ""},
		{accept.ReasonAcceptFailed, &net.OpError{Op: "accept", Err: errors.New("too many open files")}, ""},
	} {
		if got := whyRefused(accept.Refusal{Reason: tt.reason, Err: tt.err}).TLSFailure; got != tt.want {
			t.Errorf("%s, %v: %q, want %q", tt.reason, tt.err, got, tt.want)
		}
	}
}

// What came to no request is counted and not put on record. Of the admin listener nothing is: it is there before the log.
func TestCountedOnly(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := &Service{logger: zap.NewNop(), metrics: admin.NewMetrics(registry)} // a record would find no log
	for _, reason := range accept.Reasons() {
		s.operatorRefused("admin", accept.Refusal{Reason: reason, Err: io.EOF})
	}
	for _, reason := range []accept.Reason{accept.ReasonSilent, accept.ReasonMalformed} {
		s.connectionRefused("l", accept.Refusal{Reason: reason, Err: io.EOF})
	}
	counted := map[string]float64{}
	for _, family := range testpki.Must(registry.Gather()) {
		if family.GetName() != "tollgate_connections_refused_total" {
			continue
		}
		for _, m := range family.GetMetric() { // labels are sorted by name: listener, reason
			counted[m.GetLabel()[0].GetValue()+": "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{}
	for _, listener := range []string{"admin", "l"} {
		want[listener+": closed before its first byte"], want[listener+": malformed or broken off request"] = 1, 1
	}
	if !maps.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}
