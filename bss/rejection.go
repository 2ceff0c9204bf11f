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

// KeysInDoubt reports whether newer keys could help: the answer has the code 0301, which the provider uses for wrong keys.
func (r Rejection) KeysInDoubt() bool { return rejectionCode.MatchString(r.Code) }

// String says in words what the rejection is about.
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
	}
	return "the provider does not accept signature or key"
}

var (
	// 0301 is the code of signatures and keys, whatever product of the provider's answers: APIG.0301, APIGW.0301. Codes of
	// the billing system come from behind the check of signatures.
	rejectionCode = regexp.MustCompile(`^(?i:[a-z][a-z0-9_-]*\.)*0301$`)
	// 0303 is documented for signatures whose date has expired.
	dateCode = regexp.MustCompile(`^(?i:[a-z][a-z0-9_-]*\.)+0303$`)
	// rawCode finds such a code in a text.
	rawCode = regexp.MustCompile(`(?i)\b[a-z]{2,}\.(?:0301|0303)\b`)
	quote   = regexp.MustCompile(`(?i)canonicalrequest`)

	blocked = regexp.MustCompile(`\b(?:arrears?|overdue|frozen|freeze)\b`)
	expired = regexp.MustCompile(`\bsignature (?:is |has |was )?expired\b|\b(?:date|timestamp|signature time)\b[^.,;]{0,40}\bexpired\b|\bexpired\b[^.,;]{0,20}\bdate\b|\bserver time\b`)

	signatureTime = regexp.MustCompile(`(?i)signature time\s*[:=]\s*(\d{8}t\d{6}z)`)
	serverTime    = regexp.MustCompile(`(?i)server time\s*[:=]\s*(\d{8}t\d{6}z)`)
)

// timeForm is that of X-Sdk-Date, which the provider's texts have too.
const timeForm = "20060102T150405Z"

// ReadRejection returns what an answer with status 401 and the code 0301 says, in whatever JSON or text; or one that says
// that the date has expired, with 0303 too.
func ReadRejection(status int, body []byte) (Rejection, bool) {
	if status != http.StatusUnauthorized {
		return Rejection{}, false
	}
	code, message := readError(body)
	message = strings.ToLower(message)
	r := Rejection{Kind: kindOf(message), Code: code}
	switch {
	case isBillingCode(code):
		return Rejection{}, false
	case r.Kind == ExpiredDate:
		r.SignatureTime, r.ServerTime = timeIn(signatureTime, message), timeIn(serverTime, message)
		return r, r.KeysInDoubt() || dateCode.MatchString(code)
	}
	return r, r.KeysInDoubt()
}

func kindOf(message string) string {
	contains := func(s string) bool { return strings.Contains(message, s) }
	switch {
	case blocked.MatchString(message):
		return AccountBlocked
	case expired.MatchString(message) && !contains("token"): // a token that expired is one of the keys
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

func timeIn(expr *regexp.Regexp, message string) time.Time {
	if found := expr.FindStringSubmatch(message); found != nil {
		t, err := time.Parse(timeForm, strings.ToUpper(found[1]))
		if err == nil {
			return t
		}
	}
	return time.Time{}
}

// readError returns code and text of an error. The provider's products spell it {"error_code", "error_msg"}, {"code",
// "message"}, or one of these within another member; what is no such JSON is searched as text.
func readError(body []byte) (code, message string) {
	r := errorReader{}
	r.walker.visitor = &r
	if r.walker.walk(body) == nil && len(r.codes) > 0 {
		for _, c := range r.codes {
			if code == "" || rejectionCode.MatchString(c) && !isBillingCode(c) { // of several the one that matters
				code = c
			}
		}
		return code, strings.Join(r.messages, "\n")
	}
	text := beforeQuote(string(body[:min(len(body), maxErrorText)]))
	return rawCode.FindString(text), text
}

const (
	maxErrorText   = 8 << 10 // of what is no JSON
	maxErrorValues = 16      // codes, and messages
)

// errorReader is the visitor of an error's body.
type errorReader struct {
	walker          walker
	codes, messages []string
}

// member implements visitor.
func (*errorReader) member([]byte, bool) error { return nil }

// value implements visitor.
func (r *errorReader) value(kind kind, raw []byte) error {
	name := string(r.walker.path)
	if raw == nil || kind == 'n' || strings.Count(name, ".") > 1 {
		return nil
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
	case "errorcode", "code":
		r.codes = appendSome(r.codes, string(r.walker.content(kind, raw)))
	case "errormsg", "errormessage", "message", "msg":
		r.messages = appendSome(r.messages, beforeQuote(string(r.walker.content(kind, raw))))
	}
	return nil
}

func appendSome(list []string, s string) []string {
	if len(list) == maxErrorValues {
		return list
	}
	return append(list, s[:min(len(s), maxErrorText)])
}

// beforeQuote cuts a text before it quotes the canonical request, and with it what the caller wrote.
func beforeQuote(text string) string {
	if at := quote.FindStringIndex(text); at != nil {
		return text[:at[0]]
	}
	return text
}
