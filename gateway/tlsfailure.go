package gateway

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"tollgate/audit/logfile"
	"tollgate/tlspolicy"
)

// failureOf has the code that records have for each kind of failure but alerts.
var failureOf = map[tlspolicy.Kind]string{
	tlspolicy.KindVersion: logfile.TLSVersion, tlspolicy.KindSuite: logfile.TLSSuite, tlspolicy.KindGroup: logfile.TLSGroup,
	tlspolicy.KindKey: logfile.TLSKey, tlspolicy.KindSignature: logfile.TLSSignature, tlspolicy.KindPin: logfile.TLSPin,
	tlspolicy.KindAuthority: logfile.TLSAuthority, tlspolicy.KindName: logfile.TLSName, tlspolicy.KindExpired: logfile.TLSExpired,
	tlspolicy.KindRevoked: logfile.TLSRevoked, tlspolicy.KindStatus: logfile.TLSStatusUnknown, tlspolicy.KindInvalid: logfile.TLSCertificate,
	tlspolicy.KindNotTLS: logfile.TLSNotTLS, tlspolicy.KindHandshake: logfile.TLSProtocol,
}

// TLSFailure returns the code of why a handshake failed, for records.
func TLSFailure(err error) string {
	alert, alerted := tlspolicy.AlertOf(err)
	code, known := failureOf[tlspolicy.KindOf(err)]
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return logfile.TLSTimeout
	case known:
		return code
	case alerted:
		return logfile.TLSAlert + alert.String()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return logfile.TLSClosed
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return logfile.TLSReset
	}
	return logfile.TLSOther
}
