package gateway

import (
	"context"
	"net/http"
	"time"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/grants"
	"tollgate/signing"
)

// Decide takes a request through steps 1 to 8, for benchmarks.
func (g *Gateway) Decide(listener string, w http.ResponseWriter, r *http.Request) *Refusal {
	c := newCall(g, listener, w, r)
	defer c.leaveScratch()
	defer c.end()
	for _, step := range [...]func(*call) *Refusal{
		(*call).admit, (*call).identify, (*call).match, (*call).read, (*call).verify, (*call).decide, (*call).price, (*call).limit,
	} {
		if refusal := step(c); refusal != nil {
			return refusal
		}
	}
	return nil
}

// ServeDecided serves a call, and returns how it was decided.
func (g *Gateway) ServeDecided(listener string, w http.ResponseWriter, r *http.Request) grants.Decision {
	c := newCall(g, listener, w, r)
	c.serve()
	return c.decision
}

// Serves reports whether a Host header names the listener.
func (l *Listener) Serves(header string) bool { return l.knows(hostName(header)) }

// WithConnection adds to the context of a new connection what its calls share.
func WithConnection(ctx context.Context) context.Context { return withConnection(ctx) }

// Evidence returns that of a request's connection.
func Evidence(ctx context.Context) *logfile.TLS { return connectionOf(ctx).tlsIn() }

// SetQuery adds a query to a record, as describe does.
func SetQuery(r *logfile.Record, o *catalog.Operation, query signing.Query) { setQuery(r, o, query) }

// ReadFacts reads what a call of an operation is about.
func ReadFacts(o *catalog.Operation, path string, query signing.Query, body []byte) (Facts, *Refusal) {
	a := asked{method: "POST", path: path, query: query, operation: o, bodyType: ContentType{JSON: true}, body: body}
	return a.readFacts("")
}

// ParsePath reads a path as calls do.
func ParsePath(raw string) (string, error) { return parsePath(raw) }

// CheckAuthorization refuses what is neither a signature nor, where that is possible, for an internal app.
func CheckAuthorization(callers *caller.Registry, header http.Header, forApp bool) *Refusal {
	return checkAuthorization(callers, header, forApp)
}

// SharedDeadline returns what makes contexts for records.
func SharedDeadline() func(time.Duration) context.Context { return new(sharedDeadline).in }

// NewID returns the id of a call that begins.
var NewID = newID

// RetryAfter reads what an answer asks for.
var RetryAfter = retryAfter

// Spoil overwrites what a call has left, as soon as its memory is handed on.
func Spoil() {
	spoil = func(b []byte) {
		for i := range b {
			b[i] = 0xdb
		}
	}
}

// OwnTime has calls of the gateway's own take so long at the most, and returns what undoes that.
func OwnTime(d time.Duration) (undo func()) {
	former := ownTime
	ownTime = d
	return func() { ownTime = former }
}
