package gateway

import (
	"time"

	"tollgate/internal/words"
)

// Code is one of the gateway's own error codes. docs/errors.md has a paragraph for each.
type Code struct {
	Number string // "TG." and four digits; the first says the group
	Reason string // one word for records and metrics
	Status int    // HTTP status
}

// Title returns a short text for people, the same for every occurrence.
func (c Code) Title() words.Message { return words.Say("error.title." + c.Reason) }

// The codes, by group: 1 the request, 2 who calls, 3 what is allowed, 4 this operation or body, 5 rates,
// 6 the gateway cannot now, 7 the upstream, 9 faults of the gateway.
var (
	badRequest     = Code{"TG.1001", "bad_request", 400}
	ambiguousPath  = Code{"TG.1002", "ambiguous_path", 400}
	ambiguousQuery = Code{"TG.1003", "ambiguous_query", 400}
	bodyCutShort   = Code{"TG.1004", "body_cut_short", 400}
	badBody        = Code{"TG.1005", "bad_body", 400}
	bodyNotTaken   = Code{"TG.1006", "body_not_taken", 400}
	notRecordable  = Code{"TG.1007", "not_recordable", 400}
	badAmount      = Code{"TG.1008", "bad_amount", 400}
	badAct         = Code{"TG.1009", "bad_act", 400}

	noIdentity       = Code{"TG.2001", "no_identity", 401}
	badAuthorization = Code{"TG.2002", "bad_authorization", 401}
	unknownScheme    = Code{"TG.2003", "unknown_scheme", 401}
	unknownKey       = Code{"TG.2004", "unknown_access_key", 401}
	badDate          = Code{"TG.2005", "bad_date", 401}
	badSignature     = Code{"TG.2006", "bad_signature", 401}
	contradiction    = Code{"TG.2007", "contradicting_identities", 401}
	badCertificate   = Code{"TG.2008", "unknown_certificate", 401}
	unsignedPayload  = Code{"TG.2009", "unsigned_payload", 401}
	expiredKey       = Code{"TG.2010", "expired_access_key", 401}

	noGrant              = Code{"TG.3001", "no_grant", 403}
	wrongClass           = Code{"TG.3002", "wrong_class", 403}
	wrongAccount         = Code{"TG.3003", "wrong_account", 403}
	customerNotGranted   = Code{"TG.3004", "customer_not_granted", 403}
	credentialNotGranted = Code{"TG.3005", "credential_not_granted", 403}
	ambiguousCredential  = Code{"TG.3006", "ambiguous_credential", 403}
	deprecatedForbidden  = Code{"TG.3007", "deprecated_forbidden", 403}
	fromBrowser          = Code{"TG.3008", "from_browser", 403}
	foreignToken         = Code{"TG.3009", "foreign_token", 403}
	frozen               = Code{"TG.3010", "frozen", 403}
	capFull              = Code{"TG.3011", "cap_full", 403}
	unpriced             = Code{"TG.3012", "unpriced", 403}
	repeatNotAllowed     = Code{"TG.3013", "repeat_not_allowed", 403}

	unknownOperation = Code{"TG.4001", "unknown_operation", 404}
	bodyTooSlow      = Code{"TG.4002", "body_too_slow", 408}
	replayed         = Code{"TG.4003", "replayed", 409}
	bodyTooLarge     = Code{"TG.4004", "body_too_large", 413}
	encodedBody      = Code{"TG.4005", "encoded_body", 415}
	wrongHost        = Code{"TG.4006", "wrong_host", 421}
	otherContentType = Code{"TG.4007", "content_type", 415}
	actHeld          = Code{"TG.4008", "act_held", 409}

	overLimit       = Code{"TG.5001", "over_limit", 429}
	tooManyFailures = Code{"TG.5002", "too_many_failures", 429}

	logUnavailable   = Code{"TG.6001", "log_unavailable", 503}
	bodiesBusy       = Code{"TG.6002", "bodies_busy", 503}
	callsBusy        = Code{"TG.6003", "calls_busy", 503}
	credentialPaused = Code{"TG.6004", "credential_paused", 503}
	replayFull       = Code{"TG.6005", "replay_full", 503}
	callerLeft       = Code{"TG.6006", "caller_left", 503}
	headersBusy      = Code{"TG.6007", "headers_busy", 503}
	clockRejected    = Code{"TG.6008", "clock_rejected", 503}
	stopping         = Code{"TG.6009", "stopping", 503}
	keysOnTrial      = Code{"TG.6010", "credential_on_trial", 503}
	countsUnknown    = Code{"TG.6011", "counts_unavailable", 503}
	marksUnknown     = Code{"TG.6012", "signatures_unavailable", 503}
	spendingUnknown  = Code{"TG.6013", "spending_unavailable", 503}
	memoryBusy       = Code{"TG.6014", "memory_busy", 503}

	notSent        = Code{"TG.7001", "not_sent", 502}
	outcomeUnknown = Code{"TG.7002", "unknown", 502}
	notSentInTime  = Code{"TG.7003", "not_sent_in_time", 504}
	unknownInTime  = Code{"TG.7004", "unknown_in_time", 504}
	redirected     = Code{"TG.7005", "redirected", 502}

	internalFault = Code{"TG.9001", "internal", 500}
)

// Codes lists every code, in order.
func Codes() []Code {
	return []Code{
		badRequest, ambiguousPath, ambiguousQuery, bodyCutShort, badBody, bodyNotTaken, notRecordable, badAmount, badAct,
		noIdentity, badAuthorization, unknownScheme, unknownKey, badDate, badSignature, contradiction, badCertificate, unsignedPayload, expiredKey,
		noGrant, wrongClass, wrongAccount, customerNotGranted, credentialNotGranted, ambiguousCredential, deprecatedForbidden, fromBrowser,
		foreignToken, frozen, capFull, unpriced, repeatNotAllowed,
		unknownOperation, bodyTooSlow, replayed, bodyTooLarge, encodedBody, wrongHost, otherContentType, actHeld,
		overLimit, tooManyFailures,
		logUnavailable, bodiesBusy, callsBusy, credentialPaused, replayFull, callerLeft, headersBusy, clockRejected, stopping,
		keysOnTrial, countsUnknown, marksUnknown, spendingUnknown, memoryBusy,
		notSent, outcomeUnknown, notSentInTime, unknownInTime, redirected,
		internalFault,
	}
}

// Refusal is why the gateway answers a call by itself. Its texts are for the caller: they say what the caller did, and
// nothing of what the gateway holds.
type Refusal struct {
	Code       Code
	Detail     string        // in English
	message    words.Message // what Detail says
	Choices    []string      // credentials that the caller may name
	RetryAfter time.Duration // 0: none
	Inside     string        // the cause, which the record says besides, and the caller does not learn
	Claimed    string        // caller named by an unproven claim
	TLSFailure string        // of the handshake with the upstream: see [logfile.Record]; empty: none failed
	Answer     *answer       // the upstream's, which is not passed on; nil: there was none that could be used
}

// recorded returns what the record says of a refusal.
func (r *Refusal) recorded() string {
	if r.Inside == "" {
		return r.Detail
	}
	return r.Detail + ": " + r.Inside
}

func (r *Refusal) Error() string { return r.Code.Number + " " + r.Detail }

// Message returns what Detail says.
func (r *Refusal) Message() words.Message { return r.message }

// refusal returns a refusal with a message of package words and its values.
func refusal(code Code, id string, args ...any) *Refusal { return refuse(code, words.Say(id, args...)) }

func refuse(code Code, message words.Message) *Refusal {
	r := &Refusal{Code: code}
	r.say(message)
	return r
}

func (r *Refusal) say(message words.Message) { r.message, r.Detail = message, message.String() }

// later is a refusal that may be repeated at once: nothing about the call was wrong.
func later(code Code, id string, args ...any) *Refusal {
	r := refusal(code, id, args...)
	r.RetryAfter = time.Second
	return r
}
