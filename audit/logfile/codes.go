package logfile

import "strings"

// Stages of [Record.Stage]: how far a connection or a call had come when it was refused, or failed. Package gateway has the steps of a
// call.
const (
	StageConnection = "connection" // accepted, and not served: for one, because there were too many
	StageHandshake  = "handshake"  // of TLS with a peer that connected
	StageAdmit      = "admit"      // the request as such: framing, host, target
	StageIdentify   = "identify"   // who calls
	StageMatch      = "match"      // which operation
	StageRead       = "read"       // the body
	StageVerify     = "verify"     // the caller's signature
	StageDecide     = "decide"     // which credential
	StagePrice      = "price"      // what its business act costs
	StageLimit      = "limit"      // rates
	StageReserve    = "reserve"    // the keys of its act, and caps
	StageIntend     = "intend"     // memory of signatures, and the intent's record

	// Of outcomes, whose calls were intended.
	StageConnect = "connect" // to the upstream, its TLS handshake included: it took no byte of the request
	StageSign    = "sign"    // the credential is paused or on trial, or does not sign
	StageSend    = "send"    // the request may have been written, and no answer came
	StageAnswer  = "answer"  // one came, and cannot be used
)

// Stages lists every stage, in the order in which a call comes to them.
func Stages() []string {
	return []string{
		StageConnection, StageHandshake, StageAdmit, StageIdentify, StageMatch, StageRead, StageVerify, StageDecide, StagePrice, StageLimit,
		StageReserve, StageIntend,
		StageConnect, StageSign, StageSend, StageAnswer,
	}
}

// OfConnection reports whether a stage is one of a connection that came to no call.
func OfConnection(stage string) bool { return stage == StageConnection || stage == StageHandshake }

// Codes of [Record.TLSFailure]: why a TLS handshake failed, with a peer that connected or towards the upstream. A peer that ends
// it with an alert is [TLSAlert] and the alert's name.
const (
	TLSTimeout       = "timeout"
	TLSVersion       = "no_common_version"
	TLSSuite         = "no_common_suite"
	TLSGroup         = "no_common_group"
	TLSKey           = "certificate_key"            // of the peer: too short, or of a kind that is not taken
	TLSSignature     = "certificate_signature"      // SHA-1 or older
	TLSPin           = "certificate_pin"            // no key of the peer's chain is pinned
	TLSAuthority     = "certificate_authority"      // of no authority that is trusted
	TLSName          = "certificate_name"           // for another host
	TLSExpired       = "certificate_expired"        // or not valid yet
	TLSRevoked       = "certificate_revoked"        //
	TLSStatusUnknown = "certificate_status_unknown" // whether it is revoked cannot be found out
	TLSCertificate   = "certificate"                // the peer's is missing or not valid for another reason, or ours cannot serve the peer
	TLSNotTLS        = "not_tls"                    // something else than TLS
	TLSProtocol      = "protocol"                   // anything else that TLS does not allow
	TLSClosed        = "closed_by_peer"
	TLSReset         = "reset_by_peer"
	TLSOther         = "other"
)

// TLSAlert begins the codes of alerts: behind it stands the alert's registered name (IANA, "TLS Alerts"), or its number where it
// has none.
const TLSAlert = "alert_"

// TLSFailures lists every code but those of alerts.
func TLSFailures() []string {
	return []string{
		TLSTimeout, TLSVersion, TLSSuite, TLSGroup, TLSKey, TLSSignature, TLSPin, TLSAuthority, TLSName, TLSExpired, TLSRevoked, TLSStatusUnknown,
		TLSCertificate, TLSNotTLS, TLSProtocol, TLSClosed, TLSReset, TLSOther,
	}
}

// TLSFailureText returns a code in words, as in "no common version".
func TLSFailureText(code string) string {
	if alert, ok := strings.CutPrefix(code, TLSAlert); ok {
		return "refused by peer: " + alert
	}
	return strings.ReplaceAll(code, "_", " ")
}
