package accept

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"tollgate/http1"
	"tollgate/internal/source"
	"tollgate/tlspolicy"
)

// Reason says in a few words why a connection was turned away. The set is fixed, so it can label a metric.
type Reason string

// The reasons.
const (
	ReasonTimeout       Reason = "timeout"           // the handshake took too long
	ReasonVersion       Reason = "no common version" // the TLS policy allows none of the offered versions
	ReasonSuite         Reason = "no common suite"
	ReasonGroup         Reason = "no common group"
	ReasonCertificate   Reason = "certificate"                  // the peer's is missing or not valid, or ours does not suit the peer
	ReasonRevoked       Reason = "certificate revoked"          // or whether it is cannot be known
	ReasonNotTLS        Reason = "not tls"                      // something else than TLS was spoken
	ReasonTooMany       Reason = "too many connections"         // Config.MaxConns
	ReasonTooManySource Reason = "too many from source"         // Config.MaxConnsPerSource
	ReasonPeerClosed    Reason = "closed by peer"               // in the handshake
	ReasonSilent        Reason = "closed before its first byte" // by either side, as port scans and health checks have it
	ReasonMalformed     Reason = "malformed or broken off request"
	ReasonMadeRoom      Reason = "closed to make room" // idle for longest when another connection needed its place
	ReasonPeerAlert     Reason = "refused by peer"     // the peer sent an alert: it does not trust our certificate, for example
	ReasonAcceptFailed  Reason = "accept failed"       // the system could not accept, for lack of file descriptors for example
	ReasonOther         Reason = "other"
)

// Reasons lists all reasons.
func Reasons() []Reason {
	return []Reason{
		ReasonTimeout, ReasonVersion, ReasonSuite, ReasonGroup, ReasonCertificate, ReasonRevoked, ReasonNotTLS, ReasonTooMany,
		ReasonTooManySource, ReasonPeerClosed, ReasonSilent, ReasonMalformed, ReasonMadeRoom, ReasonPeerAlert, ReasonAcceptFailed, ReasonOther,
	}
}

// Setting names what there is too little of, in the words of the configuration; empty for reasons that are no lack of room.
func (r Reason) Setting() string {
	switch r {
	case ReasonTooMany:
		return "max_connections"
	case ReasonTooManySource:
		return "max_connections_per_source"
	case ReasonMadeRoom:
		return "max_connections or max_connections_per_source"
	}
	return ""
}

// Refusal describes a connection that was turned away.
type Refusal struct {
	Source source.Source
	Remote string // the peer's address; empty for ReasonAcceptFailed, and where the system does not know it any more
	Reason Reason
	Err    error           // the cause
	Fault  http1.Error     // of ReasonMalformed in HTTP/1.1: what was wrong with the request
	Offer  tlspolicy.Offer // what the peer offered, if it got that far
}

var (
	errTooMany       = errors.New("the listener has all the connections that it may have")
	errTooManySource = errors.New("the source has all the connections that it may have")
	errSilent        = errors.New("nothing was sent")
	errMalformed     = errors.New("no request came of what was sent")
	errMadeRoom      = errors.New("it was idle for longest when another connection needed its place")
)

func refusalOf(c *conn, reason Reason, err error) Refusal {
	return Refusal{Source: c.source, Remote: c.facts.Remote, Reason: reason, Err: err}
}

// reasonOf sorts the error of a handshake.
func reasonOf(err error, hello tlspolicy.Hello) Reason {
	var notAllowed *tlspolicy.NotAllowed
	var notTLS tls.RecordHeaderError
	_, alerted := tlspolicy.AlertOf(err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.As(err, &notTLS):
		return ReasonNotTLS
	case hello.Mismatch != nil:
		return reasonOfKind(hello.Mismatch.Kind)
	case errors.As(err, &notAllowed):
		return reasonOfKind(notAllowed.Kind)
	case alerted:
		return ReasonPeerAlert
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ReasonPeerClosed
	case strings.Contains(err.Error(), "no cipher suite"): // crypto/tls has no types for most; here the certificate's key does not fit the offer
		return ReasonSuite
	case strings.Contains(err.Error(), "certificate"):
		return ReasonCertificate
	}
	return ReasonOther
}

func reasonOfKind(kind tlspolicy.Kind) Reason {
	switch kind {
	case tlspolicy.KindVersion:
		return ReasonVersion
	case tlspolicy.KindSuite:
		return ReasonSuite
	case tlspolicy.KindGroup:
		return ReasonGroup
	case tlspolicy.KindRevoked, tlspolicy.KindStatus:
		return ReasonRevoked
	case tlspolicy.KindKey, tlspolicy.KindSignature, tlspolicy.KindAuthority, tlspolicy.KindExpired, tlspolicy.KindInvalid:
		return ReasonCertificate
	}
	return ReasonOther
}
