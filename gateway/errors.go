package gateway

import (
	"fmt"
	"time"
)

// Code is one of the gateway's own error codes. docs/errors.md has a paragraph for each.
type Code struct {
	Number string // "TG." and four digits; the first says the group
	Reason string // one word for records and metrics
	Status int    // HTTP status
	Title  string // short text for people, the same for every occurrence
}

// The codes, by group: 1 the request, 2 who calls, 3 what is allowed, 4 this operation or body, 5 rates,
// 6 the gateway cannot now, 7 the upstream, 9 faults of the gateway.
var (
	badRequest     = Code{"TG.1001", "bad_request", 400, "The request is not one that this gateway takes"}
	ambiguousPath  = Code{"TG.1002", "ambiguous_path", 400, "The path can be read in two ways"}
	ambiguousQuery = Code{"TG.1003", "ambiguous_query", 400, "The query can be read in two ways"}
	bodyCutShort   = Code{"TG.1004", "body_cut_short", 400, "The body is incomplete"}
	badBody        = Code{"TG.1005", "bad_body", 400, "The body is not clear JSON"}
	bodyNotTaken   = Code{"TG.1006", "body_not_taken", 400, "This method takes no body"}
	notRecordable  = Code{"TG.1007", "not_recordable", 400, "The call cannot be recorded whole"}
	badAmount      = Code{"TG.1008", "bad_amount", 400, "The amount is no plain decimal number"}
	badAct         = Code{"TG.1009", "bad_act", 400, "The call does not say clearly what it is about"}

	noIdentity       = Code{"TG.2001", "no_identity", 401, "The caller is not known"}
	badAuthorization = Code{"TG.2002", "bad_authorization", 401, "The Authorization header is malformed"}
	unknownScheme    = Code{"TG.2003", "unknown_scheme", 401, "The signature scheme is not supported"}
	unknownKey       = Code{"TG.2004", "unknown_access_key", 401, "The access key is not known here"}
	badDate          = Code{"TG.2005", "bad_date", 401, "The signed date is missing, malformed or outside the window"}
	badSignature     = Code{"TG.2006", "bad_signature", 401, "The signature does not match the request"}
	contradiction    = Code{"TG.2007", "contradicting_identities", 401, "The request names two callers"}
	badCertificate   = Code{"TG.2008", "unknown_certificate", 401, "The client certificate belongs to no one caller"}
	unsignedPayload  = Code{"TG.2009", "unsigned_payload", 401, "The signature does not cover the body"}
	expiredKey       = Code{"TG.2010", "expired_access_key", 401, "The access key has expired"}

	noGrant              = Code{"TG.3001", "no_grant", 403, "The caller may not call this operation"}
	wrongClass           = Code{"TG.3002", "wrong_class", 403, "The granted credential is of the wrong class for this operation"}
	wrongAccount         = Code{"TG.3003", "wrong_account", 403, "The account that the call names is not the credential's"}
	customerNotGranted   = Code{"TG.3004", "customer_not_granted", 403, "The grant does not cover this customer"}
	credentialNotGranted = Code{"TG.3005", "credential_not_granted", 403, "The named credential is not granted"}
	ambiguousCredential  = Code{"TG.3006", "ambiguous_credential", 403, "Several credentials fit"}
	deprecatedForbidden  = Code{"TG.3007", "deprecated_forbidden", 403, "The operation is deprecated and not allowed here"}
	fromBrowser          = Code{"TG.3008", "from_browser", 403, "Web pages may not call this gateway"}
	foreignToken         = Code{"TG.3009", "foreign_token", 403, "Tokens of the provider are not taken"}
	frozen               = Code{"TG.3010", "frozen", 403, "The operator has stopped such calls"}
	capFull              = Code{"TG.3011", "cap_full", 403, "A cap on spending is full"}
	unpriced             = Code{"TG.3012", "unpriced", 403, "A cap on spending cannot be kept for this call"}
	repeatNotAllowed     = Code{"TG.3013", "repeat_not_allowed", 403, "The caller may not repeat an act on purpose"}

	unknownOperation = Code{"TG.4001", "unknown_operation", 404, "No such operation"}
	bodyTooSlow      = Code{"TG.4002", "body_too_slow", 408, "The body did not arrive in time"}
	replayed         = Code{"TG.4003", "replayed", 409, "This signature was used before"}
	bodyTooLarge     = Code{"TG.4004", "body_too_large", 413, "The body is too large"}
	encodedBody      = Code{"TG.4005", "encoded_body", 415, "The body is encoded"}
	wrongHost        = Code{"TG.4006", "wrong_host", 421, "The request is for another host"}
	otherContentType = Code{"TG.4007", "content_type", 415, "The operation takes no body of this type"}
	actHeld          = Code{"TG.4008", "act_held", 409, "Another call does this, or did it"}

	overLimit       = Code{"TG.5001", "over_limit", 429, "A rate limit is reached"}
	tooManyFailures = Code{"TG.5002", "too_many_failures", 429, "Too many failed authentications from this address"}

	logUnavailable   = Code{"TG.6001", "log_unavailable", 503, "The audit log cannot take the call now"}
	bodiesBusy       = Code{"TG.6002", "bodies_busy", 503, "Too many request bodies at once"}
	callsBusy        = Code{"TG.6003", "calls_busy", 503, "Too many calls at once"}
	credentialPaused = Code{"TG.6004", "credential_paused", 503, "The provider rejects this gateway's cloud key"}
	replayFull       = Code{"TG.6005", "replay_full", 503, "The memory against replays is full"}
	callerLeft       = Code{"TG.6006", "caller_left", 503, "The caller left before the call was sent"}
	headersBusy      = Code{"TG.6007", "headers_busy", 503, "Too many request headers at once"}
	clockRejected    = Code{"TG.6008", "clock_rejected", 503, "The provider's clock and this gateway's differ"}
	stopping         = Code{"TG.6009", "stopping", 503, "The gateway is stopping"}
	keysOnTrial      = Code{"TG.6010", "credential_on_trial", 503, "This gateway's cloud key is on trial"}
	countsUnknown    = Code{"TG.6011", "counts_unavailable", 503, "Earlier calls cannot be looked up now"}
	marksUnknown     = Code{"TG.6012", "signatures_unavailable", 503, "Used signatures cannot be looked up now"}
	spendingUnknown  = Code{"TG.6013", "spending_unavailable", 503, "What was spent cannot be looked up now"}
	memoryBusy       = Code{"TG.6014", "memory_busy", 503, "Too little memory is free for another call"}

	notSent        = Code{"TG.7001", "not_sent", 502, "The upstream did not take the call"}
	outcomeUnknown = Code{"TG.7002", "unknown", 502, "The upstream gave no usable answer"}
	notSentInTime  = Code{"TG.7003", "not_sent_in_time", 504, "The upstream was not reached in time; the call was not sent"}
	unknownInTime  = Code{"TG.7004", "unknown_in_time", 504, "The upstream did not answer in time"}
	redirected     = Code{"TG.7005", "redirected", 502, "The upstream answered with a redirect"}

	internalFault = Code{"TG.9001", "internal", 500, "The gateway failed"}
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
	Detail     string
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

func refusal(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// later is a refusal that may be repeated at once: nothing about the call was wrong.
func later(code Code, format string, args ...any) *Refusal {
	r := refusal(code, format, args...)
	r.RetryAfter = time.Second
	return r
}
