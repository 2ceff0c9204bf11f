package bss

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// What a [Rejection] is about.
const (
	WrongSignature = "signature"   // wrong signature or secret key
	UnknownKey     = "unknown_key" // no such access key
	BadToken       = "token"       // of temporary keys: wrong or expired
	LockedKey      = "locked_key"  // too many failures in a row
	OtherRejection = "other"
	Illegible      = "illegible" // no code can be looked for; see [IllegibleRejection]

	AccountBlocked = "account" // in arrears or frozen; the keys may be good
	ExpiredDate    = "date"    // the clocks differ; the keys may be good
)

// Rejection is what a gateway before the billing system says of a call that it did not let through.
type Rejection struct {
	Kind string
	Code string // "APIG.0301"

	// Of ExpiredDate, zero where the answer does not say them.
	SignatureTime, ServerTime time.Time
}

// OfKey reports whether signature, key or token are at fault. More than five such answers in a row lock the key for five
// minutes, so a caller that sees one must stop using it.
func (r Rejection) OfKey() bool { return r.Kind != AccountBlocked && r.Kind != ExpiredDate }

// KeysInDoubt reports whether newer keys could help: the answer has the code 0301, which the provider uses for wrong keys, or
// may have it.
func (r Rejection) KeysInDoubt() bool {
	return r.Kind == Illegible || rejectionCode.MatchString(r.Code)
}

// IllegibleRejection is what a status 401 says whose body cannot be read. Most 401 of the provider are rejections, and taking them
// for less would go on until the key is locked.
func IllegibleRejection() Rejection { return Rejection{Kind: Illegible} }

// String describes what the rejection is about.
func (r Rejection) String() string {
	switch r.Kind {
	case WrongSignature:
		return "wrong signature or secret key"
	case UnknownKey:
		return "unknown access key"
	case BadToken:
		return "wrong or expired security token"
	case LockedKey:
		return "the key is locked after too many failures"
	case AccountBlocked:
		return "the account is in arrears or frozen"
	case ExpiredDate:
		return "the date of the signature is too far from the provider's clock"
	case Illegible:
		return "status 401, and no body in which a code could be looked for"
	}
	return "the provider does not accept signature or key"
}

var (
	// 0301 is the code of signatures and keys, of every product of the provider: APIG.0301, APIGW.0301. Codes of
	// the billing system come from behind the check of signatures.
	rejectionCode = regexp.MustCompile(`^(?i:[a-z][a-z0-9_-]*\.)*0301$`)
	// 0303 is documented for signatures whose date has expired.
	dateCode = regexp.MustCompile(`^(?i:[a-z][a-z0-9_-]*\.)+0303$`)

	blocked = regexp.MustCompile(`\b(?:arrears?|overdue|frozen|freeze)\b`)
	expired = regexp.MustCompile(`\bsignature (?:is |has |was )?expired\b|\b(?:date|timestamp|signature time)\b[^.,;]{0,40}\bexpired\b|\bexpired\b[^.,;]{0,20}\bdate\b`)
	// failed stands in answers to wrong signatures, whatever else they quote.
	failed = regexp.MustCompile(`\bsignature fail`)
	clock  = regexp.MustCompile(`\bserver time\b`)

	signatureTime = regexp.MustCompile(`(?i)signature time\s*[:=]\s*(\d{8}t\d{6}z)`)
	serverTime    = regexp.MustCompile(`(?i)server time\s*[:=]\s*(\d{8}t\d{6}z)`)
)

// timeForm is that of times in the provider's texts, as of the dates of signatures.
const timeForm = "20060102T150405Z"

// The provider takes signatures whose date is at most dateWindow off its clock. Times that are no more than sameTime apart are
// those of a good date, whatever the words are.
const (
	dateWindow = 15 * time.Minute
	sameTime   = time.Minute
)

// ReadRejection returns what an answer with status 401 and the code 0301 says, in whatever JSON or text; or one that says
// that the date has expired, with 0303 too. sent is what the caller wrote and servers repeat in their texts, such as the path:
// words that stand there are not taken for the provider's.
func ReadRejection(status int, body []byte, sent ...string) (Rejection, bool) {
	if status != http.StatusUnauthorized {
		return Rejection{}, false
	}
	callers := echo(strings.ToLower(strings.Join(sent, "\n")))
	code, text := readError(body, callers)
	m := message{text: strings.ToLower(text), callers: callers}
	m.signed, m.server = m.timeOf(signatureTime), m.timeOf(serverTime)
	r := Rejection{Kind: m.kind(), Code: code}
	switch {
	case isBillingCode(code):
		return Rejection{}, false
	case r.Kind == ExpiredDate:
		r.SignatureTime, r.ServerTime = m.signed, m.server
		return r, r.KeysInDoubt() || dateCode.MatchString(code)
	}
	return r, r.KeysInDoubt()
}

// echo is what the caller wrote, in lower case.
type echo string

// find returns the first match in a text that is not the caller's.
func (e echo) find(expr *regexp.Regexp, text string) string {
	for _, found := range expr.FindAllString(text, maxErrorMatches) {
		if !e.has(found) {
			return found
		}
	}
	return ""
}

func (e echo) has(text string) bool { return strings.Contains(string(e), strings.ToLower(text)) }

// message is the text of an error, in lower case.
type message struct {
	text           string
	callers        echo
	signed, server time.Time // as the text states them
}

func (m message) kind() string {
	contains := func(s string) bool { return strings.Contains(m.text, s) }
	switch {
	case m.says(blocked) && !m.says(failed):
		return AccountBlocked
	case m.ofDate() && !contains("token"): // a token that expired is one of the keys
		return ExpiredDate
	case contains("reach the limit"):
		return LockedKey
	case contains("token"):
		return BadToken
	case contains("not exist"), contains("get secretkey failed"):
		return UnknownKey
	case contains("signature"):
		return WrongSignature
	}
	return OtherRejection
}

func (m message) says(expr *regexp.Regexp) bool { return m.callers.find(expr, m.text) != "" }

// ofDate reports whether the date is at fault: by the times where both are stated, or else by the words. A failed signature is not
// that of an expired date only because the text has times.
func (m message) ofDate() bool {
	if m.signed.IsZero() || m.server.IsZero() {
		return m.says(expired) || m.says(clock) && !m.says(failed)
	}
	apart := m.server.Sub(m.signed).Abs()
	return apart > dateWindow || apart > sameTime && m.says(expired)
}

func (m message) timeOf(expr *regexp.Regexp) time.Time {
	if found := expr.FindStringSubmatch(m.callers.find(expr, m.text)); found != nil {
		t, err := time.Parse(timeForm, strings.ToUpper(found[1]))
		if err == nil {
			return t
		}
	}
	return time.Time{}
}
