package tlsreport

import (
	"cmp"
	"strings"

	"tollgate/audit/logfile"
)

// refusedFor returns why a connection was refused, in words; false if the record or count is of a call.
func refusedFor(reason, stage, failure string) (words string, ok bool) {
	if stage == "" {
		return strings.CutPrefix(reason, oldRefused)
	}
	return cmp.Or(logfile.TLSFailureText(failure), reason), logfile.OfConnection(stage)
}

// failedFor returns why there was no TLS connection with an upstream, in words; false if that is not the reason of an outcome.
func failedFor(r *logfile.Record) (words string, ok bool) {
	if r.Stage == "" {
		return oldFailedFor(r)
	}
	return logfile.TLSFailureText(r.TLSFailure), r.TLSFailure != ""
}

// Records of versions without the members stage and tls_failure have only texts. No version writes them any more.
const (
	oldRefused = "connection: "
	oldFailed  = "no TLS connection with upstream "
)

// oldWords are the texts of old records that have other words now.
var oldWords = map[string]string{
	"version": "no common version", "suite": "no common suite", "group": "no common group", "handshake": "protocol",
	"it hung up in the handshake": "closed by peer", "it reset the connection in the handshake": "reset by peer", "the handshake failed": "other",
}

// oldFailedFor returns what the detail of an old outcome has in parentheses.
func oldFailedFor(r *logfile.Record) (words string, ok bool) {
	if r.Outcome != logfile.NotSent || !strings.HasPrefix(r.Detail, oldFailed) {
		return "", false
	}
	_, rest, _ := strings.Cut(r.Detail, "(")
	words, _, _ = strings.Cut(rest, ")")
	return cmp.Or(oldWords[words], words), true
}
