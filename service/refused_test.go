package service

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"tollgate/accept"
	"tollgate/audit/logfile"
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
