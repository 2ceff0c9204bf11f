// Package http1test holds messages of HTTP/1.1, each with what a strict recipient has to read, written from the grammar of RFC 9110 and
// RFC 9112 and from how requests are smuggled past others. It knows no parser: what reads the messages is held against them, a package as
// well as a server behind a connection.
package http1test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// End is what comes of a connection after the requests that a case wants.
type End uint8

// The ends.
const (
	Next    End = iota // the next request is read
	Closes             // the connection ends with the last answer, nothing behind the request is read
	Refused            // what follows is answered with an error of the server, and nothing behind it is read
	Broken             // the head of the last request is read and its body does not end as it should, after which nothing is read
)

func (e End) String() string { return [...]string{"next", "closes", "refused", "broken"}[e] }

// Case is what a peer sends on a connection, and what has to be read.
type Case struct {
	Name string
	Sent string
	Want []string // the requests, see [Request.String]; Host is "h" unless it is named
	End  End
	Cut  bool // the peer ends its side after Sent, and the case is about that. Others may be followed by [Probe].

	// Status is what a refusal is answered with instead of 400, where the RFCs have a more exact one; a strict recipient may say 400 all the
	// same. An answer does not say more than that: the reason is in the metrics.
	Status int

	// Repaired: net/http reads more of it, or reads it as something else. A case without it is read by net/http exactly so.
	Repaired bool
}

// Probe is a request that follows each case. Where it is read, Sent was read to its end and no further.
const Probe = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"

// Probed is how [Probe] is read.
const Probed = "GET /probe"

// Request is a request as it was read.
type Request struct {
	Method, Target string
	Minor          int // of HTTP/1
	Host           string
	Header         http.Header // Host and those of the framing do not count
	Body           string
	Trailer        http.Header
	Broken         bool // the body did not end as it should; what came of it does not count
}

// String returns the request in the form of [Case.Want]: method, target, "HTTP/1.0" if it is that, "@HOST" if it is not h, "{Name: value}"
// for each field in the order of names, "[BODY]" if there is one, "<Name: value>" for each of the trailer.
func (r *Request) String() string {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.Target)
	if r.Minor != 1 {
		fmt.Fprintf(&b, " HTTP/1.%d", r.Minor)
	}
	if r.Host != "h" {
		b.WriteString(" @" + r.Host)
	}
	writeHeader(&b, r.Header, "{}")
	if r.Broken {
		return b.String()
	}
	if r.Body != "" {
		b.WriteString(" [" + r.Body + "]")
	}
	writeHeader(&b, r.Trailer, "<>")
	return b.String()
}

func writeHeader(b *strings.Builder, h http.Header, braces string) {
	var names []string
	for name := range h {
		if !slices.Contains(framing, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			fmt.Fprintf(b, " %c%s: %s%c", braces[0], name, value, braces[1])
		}
	}
}

// framing has the names of fields whose meaning is seen in the body and in Host. net/http keeps some of them in the header and some not. In
// a trailer they never count.
var framing = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Expect"}

// Outcome is what came of a case: the requests that were read, and what a connection showed after them.
type Outcome struct {
	Read []string
	End  End
}

func (o Outcome) String() string { return fmt.Sprintf("%q, then %s", o.Read, o.End) }

// Wanted returns what has to come of the case where [Probe] follows it, or the end of the peer's side if it is cut.
func (c *Case) Wanted() Outcome {
	o := Outcome{slices.Clone(c.Want), c.End}
	if c.End == Next && !c.Cut {
		o.Read = append(o.Read, Probed)
	}
	return o
}

// Stream returns what the peer sends in all.
func (c *Case) Stream() string {
	if c.Cut {
		return c.Sent
	}
	return c.Sent + Probe
}

// Equal reports whether two outcomes are the same.
func (o Outcome) Equal(other Outcome) bool {
	return o.End == other.End && slices.Equal(o.Read, other.Read)
}
