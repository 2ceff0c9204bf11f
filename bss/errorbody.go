package bss

import (
	"math"
	"regexp"
	"strings"
)

const (
	maxErrorText     = 8 << 10 // of a message, and of what is no JSON
	maxErrorMessages = 16
	maxErrorMatches  = 64
	maxErrorCode     = 64
)

var (
	// rawCode finds a code of rejections in a text.
	rawCode = regexp.MustCompile(`(?i)\b[a-z]{2,}\.(?:0301|0303)\b`)
	quote   = regexp.MustCompile(`(?i)canonicalrequest`)
)

// readError returns code and text of an error. The provider's products spell it {"error_code", "error_msg"}, {"code",
// "message"}, or one of these within other members; what is no JSON is searched as text. Of JSON nothing else is searched: servers
// repeat the path of the request in it. Where no member decides what the code is, one in the messages is taken.
func readError(body []byte, callers echo) (code, text string) {
	r := errorReader{callers: callers, rank: undecided}
	r.walker.visitor = &r
	if r.walker.walk(body) == nil {
		text = strings.Join(r.messages, "\n")
	} else {
		r.code, r.rank = "", undecided
		text = beforeQuote(string(body[:min(len(body), maxErrorText)]))
	}
	if r.rank == undecided {
		r.code = callers.find(rawCode, text)
	}
	return r.code, text
}

// errorReader is the visitor of an error's body.
type errorReader struct {
	walker   walker
	callers  echo
	code     string // of the lowest rank
	rank     int
	messages []string
}

// member implements visitor.
func (*errorReader) member([]byte, bool) error { return nil }

// value implements visitor.
func (r *errorReader) value(kind kind, raw []byte) error {
	if raw == nil || kind == 'n' {
		return nil
	}
	path := strings.ReplaceAll(string(r.walker.path), "[]", "")
	depth := strings.Count(path, ".")
	switch name := path[strings.LastIndexByte(path, '.')+1:]; strings.ReplaceAll(strings.ToLower(name), "_", "") {
	case "errorcode", "code":
		r.addCode(string(r.walker.content(kind, raw)), depth)
	case "errormsg", "errormessage", "message", "msg", "error", "errors", "errordescription", "description", "detail", "details", "reason", "":
		r.addMessage(string(r.walker.content(kind, raw)))
	}
	return nil
}

// addCode keeps the code that decides. The caller's own body may be repeated deep in an answer.
func (r *errorReader) addCode(code string, depth int) {
	if len(code) > maxErrorCode || depth > 1 && r.callers.has(code) {
		return
	}
	if rank := rankOf(code, depth); rank < r.rank {
		r.code, r.rank = code, rank
	}
}

// undecided is the rank of codes that say neither who answers nor that something was rejected, such as "401".
const undecided = math.MaxInt

// rankOf orders codes by what they decide: those nearer to the top come first, and on one level those that reject.
func rankOf(code string, depth int) int {
	switch {
	case isBillingCode(code):
		return 3*depth + 2
	case rejectionCode.MatchString(code):
		return 3 * depth
	case dateCode.MatchString(code):
		return 3*depth + 1
	}
	return undecided
}

func (r *errorReader) addMessage(text string) {
	if len(r.messages) < maxErrorMessages {
		r.messages = append(r.messages, beforeQuote(text[:min(len(text), maxErrorText)]))
	}
}

// beforeQuote cuts a text before it quotes the canonical request, and with it what the caller wrote.
func beforeQuote(text string) string {
	if at := quote.FindStringIndex(text); at != nil {
		return text[:at[0]]
	}
	return text
}
