package bsssim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"
)

// Bounds of what is kept of calls.
const (
	maxCalls    = 10_000
	maxKept     = 64 << 10 // bytes of one body
	maxKeptSum  = 64 << 20 // bytes of all bodies
	maxBodySize = 12 << 20 // what the real API takes
)

// Call is one request as it arrived.
type Call struct {
	Time       time.Time   `json:"time"`
	RequestID  string      `json:"request_id"` // as answered in X-Request-Id
	Method     string      `json:"method"`
	Path       string      `json:"path"`  // as received, escaped
	Query      string      `json:"query"` // as received
	Host       string      `json:"host"`
	Protocol   string      `json:"protocol"` // "HTTP/1.1"
	Header     http.Header `json:"header"`
	Body       []byte      `json:"body,omitempty"`        // at most the first 64 KB
	BodySize   int         `json:"body_size"`             // of the whole body
	BodySHA256 string      `json:"body_sha256,omitempty"` // of the whole body; empty if it was not read to its end
	Source     string      `json:"source"`                // remote address with port
	Operation  string      `json:"operation,omitempty"`   // empty: no such API
	Signature  string      `json:"signature,omitempty"`   // one of the Verdict constants
	Account    string      `json:"account,omitempty"`     // domain id, once the signature was found valid
	Status     int         `json:"status,omitempty"`      // what was answered; 0: the connection was broken first

	whole []byte // the whole body, while the call is being answered
}

func newCall(r *http.Request, now time.Time) Call {
	return Call{
		Time: now.UTC(), Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Protocol: r.Proto,
		Header: r.Header.Clone(), Source: r.RemoteAddr,
	}
}

// readBody reads the body into the call, or says why not.
func readBody(w http.ResponseWriter, r *http.Request, call *Call) *answer {
	if r.ContentLength < 0 {
		return failText(http.StatusLengthRequired, "SIM.0411", "a request with a body needs a Content-Length")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodySize))
	call.whole, call.BodySize = body, len(body)
	call.Body = body[:min(len(body), maxKept):min(len(body), maxKept)]
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return gatewayError(http.StatusRequestEntityTooLarge, "APIG.0201", "The request body exceeds 12 MB")
	}
	if err != nil {
		return failText(http.StatusBadRequest, "SIM.0400", "the body ended early")
	}
	hash := sha256.Sum256(body)
	call.BodySHA256 = hex.EncodeToString(hash[:])
	return nil
}

// ring keeps the newest calls within both bounds.
type ring struct {
	calls []Call
	bytes int
}

func (g *ring) add(c Call) {
	c.Body = append([]byte(nil), c.Body...) // do not hold the rest of a large body
	g.calls = append(g.calls, c)
	g.bytes += len(c.Body)
	for len(g.calls) > maxCalls || g.bytes > maxKeptSum {
		g.bytes -= len(g.calls[0].Body)
		g.calls[0] = Call{}
		g.calls = g.calls[1:]
	}
}

func (s *Server) record(c Call, status int) {
	c.Status, c.whole = status, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.add(c)
}

// Calls returns what arrived, oldest first: the last 10,000 calls, fewer if their bodies are large. A call is there
// before its answer, or the end of its connection, can be seen. What Header and Body hold must not be changed.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls.calls...)
}
