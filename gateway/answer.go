package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/ratelimit"
)

// edition is the day of the documentation that the catalog was read from. What is deprecated without a known notice was deprecated
// on that day or before.
var edition = time.Date(2024, 9, 26, 0, 0, 0, 0, time.UTC)

// deprecation is the value of the Deprecation header (RFC 9745).
func deprecation(operation *catalog.Operation) string {
	since := operation.Announced
	if since.IsZero() {
		since = edition
	}
	return "@" + strconv.FormatInt(since.Unix(), 10)
}

// passedOn are the answer headers of signed upstreams that reach the caller, besides RateLimit and what begins with it. Others
// could hand over sessions and tokens, or lead elsewhere. Content-Encoding says how a body is to be read that
// is not decoded here.
var passedOn = [...]string{
	"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", "Date", "Etag", "Last-Modified",
	"X-Request-Id", "X-Iam-Trace-Id", "Retry-After",
}

// passesOn reports whether an answer's header of a signed upstream reaches the caller.
func (c *call) passesOn(name string) bool {
	return slices.Contains(passedOn[:], name) || strings.HasPrefix(name, rateLimit) || slices.Contains(c.operation.AnswerHeaders, name)
}

// outcomeHeader says what the gateway made of an answer, in the words of the audit log: HTTP 200 may mean failure, and an
// answer that was passed on may leave the outcome unknown.
const outcomeHeader = "Tollgate-Outcome"

// rateLimit is what the headers about limits begin with, as net/http spells it.
const rateLimit = "Ratelimit"

// addLimit says how much the limits leave to the caller, if any of them counted the call.
func (c *call) addLimit(add *adder) {
	if policy, left := c.verdict.Fields(); policy != "" {
		add.add(rateLimit+"-Policy", policy)
		add.add(rateLimit, left)
	}
}

// answer is step 14: the upstream's answer, unchanged but for gzip of signed upstreams.
func (c *call) answer(a *answer) {
	c.answering = true
	header := c.writer.Header()
	hop := hopOf(a.response.Header.Values("Connection"))
	add := newAdder(header)
	theirs := false // how much is left to the caller
	for _, field := range a.response.Header {
		if hop.has(field.Name) || isOurs(field.Name) || c.upstream.Signed && !c.passesOn(field.Name) {
			continue
		}
		if field.Name == "Retry-After" && a.outcome == logfile.Unknown {
			continue // who obeys it repeats a call that may have had its effect
		}
		add.append(field.Name, field.Value)
		theirs = theirs || strings.HasPrefix(field.Name, rateLimit)
	}
	if !theirs {
		c.addLimit(&add)
	}
	c.mark(&add)
	add.add(outcomeHeader, a.outcome)
	if length := c.answerLength(a); length >= 0 {
		add.add("Content-Length", strconv.FormatInt(length, 10))
	}
	if header["Content-Type"] == nil {
		header["Content-Type"] = nil // otherwise the HTTP server makes one up
	}
	c.deadline(c.settledAt)
	c.writer.WriteHeader(a.response.Status)
	if c.request.Method == http.MethodHead {
		return
	}
	if !a.whole {
		c.stream(a.stream)
		return
	}
	c.writeHeld(a)
}

// writeHeld writes a whole answer. If the caller has gone, the outcome is on record. An HTTP/2 server may then still be writing, so that the
// memory is not handed to other calls.
func (c *call) writeHeld(a *answer) {
	lent := c.scratch.answer
	c.scratch.answer = buffer{}
	if _, err := c.writer.Write(a.held); err == nil {
		lent.release()
	}
}

// adder sets headers whose values lie in one array. That belongs to no call: a server may write them after it.
type adder struct {
	header http.Header
	values []string
}

// usualHeaders is how many values most answers have at most.
const usualHeaders = 14

func newAdder(header http.Header) adder { return adder{header, make([]string, 0, usualHeaders)} }

func (a *adder) add(name, value string) {
	a.values = append(a.values, value)
	last := len(a.values)
	a.header[name] = a.values[last-1 : last : last]
}

// append adds a value to those that a header has.
func (a *adder) append(name, value string) {
	if have := a.header[name]; have != nil {
		a.header[name] = append(have, value)
		return
	}
	a.add(name, value)
}

// answerLength is the length to announce; -1 if it is not known, or the answer has no body.
func (c *call) answerLength(a *answer) int64 {
	switch {
	case a.response.Status == http.StatusNoContent || a.response.Status == http.StatusNotModified:
		return -1
	case a.whole && c.request.Method != http.MethodHead:
		return int64(len(a.held))
	}
	return a.response.ContentLength
}

// stream passes on a large answer. If it breaks off, so does the answer: the caller must not take it for whole. A
// caller that does not take what waits for it is cut off, and with it the connection to the upstream.
func (c *call) stream(answer io.Reader) {
	buffer := make([]byte, takenBytes)
	pace := answerPace{call: c}
	for {
		n, err := answer.Read(buffer)
		if n > 0 {
			if !pace.pass(buffer[:n]) {
				panic(http.ErrAbortHandler)
			}
		}
		if err == io.EOF {
			c.deadline(time.Now()) // for what the server still holds
			return
		}
		if err != nil {
			c.warn("the rest of a large answer is missing", err.Error())
			panic(http.ErrAbortHandler)
		}
	}
}

// isOddlyFramed reports whether what stands in front may take a part of a request for the next one: a proxy of HTTP/1.0 knows no
// Transfer-Encoding (RFC 9112 section 6.1), and others expect no body with some methods (RFC 9110 section 9.3.1). Then it would take the
// answer to another's request for its own.
func isOddlyFramed(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		if r.ContentLength != 0 {
			return true
		}
	}
	return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1)
}

// mark adds what the gateway says about the call. It ends the connection where it may have been read in two ways.
func (c *call) mark(add *adder) {
	if isOddlyFramed(c.request) {
		c.hangUp()
	}
	if c.connection.Ending() {
		c.writer.Header()["Connection"] = connectionClose
	}
	add.add("Tollgate-Call-Id", c.id)
	if c.operation == nil || !c.operation.Deprecated {
		return
	}
	add.add("Deprecation", deprecation(c.operation))
	if !c.operation.Sunset.IsZero() {
		add.add("Sunset", c.operation.Sunset.Format(http.TimeFormat)) // RFC 8594
	}
	if len(c.operation.ReplacedBy) > 0 {
		add.add("Tollgate-Replaced-By", strings.Join(c.operation.ReplacedBy, ", "))
	}
}

// deadline bounds how long the caller may take, from a moment on, to read the next part.
func (c *call) deadline(from time.Time) {
	_ = c.control.SetWriteDeadline(from.Add(time.Duration(c.Bounds.WriteTimeout)))
}

// problem is the body of the gateway's own answers: the provider's SDKs read error_code and error_msg, all others
// can read the members of RFC 9457.
type problem struct {
	ErrorCode string   `json:"error_code"`
	ErrorMsg  string   `json:"error_msg"`
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Instance  string   `json:"instance"`
	Choices   []string `json:"choices,omitempty"`
}

// unauthenticatedTimeout bounds how long a peer that is not known may take to read a refusal.
const unauthenticatedTimeout = 5 * time.Second

// answerRefusal writes an answer of the gateway's own, with its error_msg in a language.
func (c *call) answerRefusal(r *Refusal, lang words.Language) {
	title := r.Code.Title()
	body, err := json.Marshal(problem{
		ErrorCode: r.Code.Number, ErrorMsg: words.In(lang).Text("error.said", "Title", title, "Detail", r.message),
		Type: "urn:tollgate:error:" + r.Code.Reason, Title: title.String(), Status: r.Code.Status,
		Detail: r.Detail, Instance: "urn:uuid:" + c.id, Choices: r.Choices,
	})
	if err != nil {
		panic(err) // texts and numbers only
	}
	c.answering = true
	header := c.writer.Header()
	header["Content-Type"] = []string{"application/problem+json"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	header["Cache-Control"] = []string{"no-store"}
	header["X-Request-Id"] = []string{c.id} // where the provider's SDKs look for what their exceptions show
	if r.RetryAfter > 0 {
		header["Retry-After"] = []string{strconv.Itoa(ratelimit.RetryAfterSeconds(r.RetryAfter))}
	}
	if r.Code.Status == http.StatusUnauthorized {
		header["Www-Authenticate"] = c.Callers.Schemes().Names()
	}
	add := newAdder(header)
	c.addLimit(&add)
	c.mark(&add)
	c.deadline(time.Now())
	if c.identity.Caller == "" { // an unauthenticated peer may not hold a refusal for long
		_ = c.control.SetWriteDeadline(time.Now().Add(min(unauthenticatedTimeout, time.Duration(c.Bounds.WriteTimeout))))
	}
	c.writer.WriteHeader(r.Code.Status)
	_, _ = c.writer.Write(body)
	if c.identity.Caller == "" && c.request.ProtoMajor == 2 {
		_ = c.control.Flush() // waits for the peer here, where the call still has its turn on the connection
	}
}
