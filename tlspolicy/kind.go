package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// KindOf returns, in words of a fixed set, why a handshake failed, for metrics and records; "" if the error is not one of TLS,
// such as a broken connection. A [*NotAllowed] has its own kind.
func KindOf(err error) Kind {
	var notAllowed *NotAllowed
	var unverified *tls.CertificateVerificationError
	var op *net.OpError
	var notTLS tls.RecordHeaderError
	_, alerted := AlertOf(err)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &notAllowed):
		return notAllowed.Kind
	case errors.As(err, &unverified):
		return kindOfUnverified(unverified)
	case alerted:
		return KindAlert
	case errors.As(err, &notTLS):
		return KindNotTLS
	case errors.As(err, &op) && op.Op == "local error", op == nil && strings.Contains(err.Error(), "tls: "): // there are no types for these
		return KindHandshake
	}
	return ""
}

// kindOfUnverified returns why crypto/x509 found no chain. It says of a signature with SHA-1 that its signer is unknown.
func kindOfUnverified(e *tls.CertificateVerificationError) Kind {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(e.Err, &name):
		return KindName
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return KindExpired
	case errors.As(e.Err, &authority):
		for _, certificate := range e.UnverifiedCertificates {
			if SignedWeakly(certificate) {
				return KindSignature
			}
		}
		return KindAuthority
	}
	return KindInvalid
}
