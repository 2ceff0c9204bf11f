package tlspolicy

import (
	"errors"
	"net"
	"reflect"
	"strconv"
)

// Alert is the number of an alert with which a peer ends a connection (RFC 8446 section 6).
type Alert uint8

// alertNames are the names of IANA's registry "TLS Alerts".
var alertNames = map[Alert]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate",
	44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
	49: "access_denied", 50: "decode_error", 51: "decrypt_error", 52: "too_many_cids_requested", 60: "export_restriction",
	70: "protocol_version", 71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
	100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable",
	112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 117: "general_error", 120: "no_application_protocol", 121: "ech_required",
}

// String returns the alert's registered name, or its number if it has none.
func (a Alert) String() string {
	if name, ok := alertNames[a]; ok {
		return name
	}
	return strconv.Itoa(int(a))
}

// RefusesCertificate reports whether the alert refuses the certificate of the side that receives it, or the lack of one.
func (a Alert) RefusesCertificate() bool {
	switch a {
	case 42, 43, 44, 45, 46, 48, 49, 116:
		return true
	}
	return false
}

// AlertOf returns the alert of the peer that an error of crypto/tls reports; false if it reports none. crypto/tls marks such
// errors by Op and keeps the type of the number to itself: that it is one of uint8 is all that is relied on, and
// TestAlertsOfCryptoTLS holds it against every number.
func AlertOf(err error) (Alert, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	number := reflect.ValueOf(op.Err)
	if number.Kind() != reflect.Uint8 {
		return 0, false
	}
	return Alert(number.Uint()), true
}
