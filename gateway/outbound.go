package gateway

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"

	"tollgate/catalog"
	"tollgate/http1"
	"tollgate/signing"
	"tollgate/upstream"
)

// outbound is the request that is sent, with room for what most have.
type outbound struct {
	upstream.Request
	fields [10]http1.Field
	signed [2]signing.Header
}

// prepare builds the request that is sent, as yet without its signature: the canonical path and query that were matched and recorded, and
// the body that was hashed. A call that spends must not take the answer to another one for its own.
func (c *call) prepare() {
	out := &c.scratch.out
	out.Method, out.Host, out.Path, out.Query, out.Body = c.request.Method, c.upstream.Host, signing.CanonicalPath(c.path), c.query.Canonical(), c.body
	out.Rested, out.Gate = c.operation.Effect == catalog.Spend, gate{c}
	if c.upstream.Signed {
		out.Header = c.appendAllowed(out.fields[:0])
	} else {
		out.Header = c.appendForwarded(out.fields[:0])
	}
}

// forwarded are the caller's headers that every signed upstream gets as they are.
var forwarded = [...]string{"Accept", languageHeader}

// appendAllowed appends what a signed upstream gets: nothing that a caller sends reaches it unless it is named here or by the endpoint's
// declaration. The caller's User-Agent is not the upstream's to know. Without an Accept-Encoding any coding would do (RFC 9110 section
// 12.5.3), also one that cannot be read here.
func (c *call) appendAllowed(to http1.Fields) http1.Fields {
	to = append(to, http1.Field{Name: "User-Agent", Value: "tollgate"}, http1.Field{Name: "Accept-Encoding", Value: "identity"})
	if sent := c.bodyType.Sent; sent != "" {
		to.Add("Content-Type", sent)
	}
	for _, name := range forwarded {
		to = forward(to, c.request.Header, name)
	}
	for _, name := range c.operation.ForwardHeaders {
		if _, owned := c.Callers.Schemes().Owns(name); !owned { // the configuration lets none be declared
			to = forward(to, c.request.Header, name)
		}
	}
	return to
}

// forward appends a header as one value: readers differ in which of several lines they take.
func forward(to http1.Fields, from http.Header, name string) http1.Fields {
	values := from[name]
	if len(values) == 0 {
		return to
	}
	to.Del(name)
	return append(to, http1.Field{Name: name, Value: strings.Join(values, ", ")})
}

// appendForwarded appends what an HTTP proxy passes on to an internal app, less what this gateway consumed or states itself.
func (c *call) appendForwarded(to http1.Fields) http1.Fields {
	hop := hopOf(c.request.Header["Connection"])
	for name, values := range c.request.Header {
		if hop.has(name) || isOurs(name) || isOrigin(name) || catalog.Misleads(name) || c.claim != nil && name == signing.AuthorizationHeader {
			continue
		}
		for _, value := range values {
			to.Add(name, value)
		}
	}
	return append(to, http1.Field{Name: "Tollgate-Caller", Value: c.identity.Caller}, http1.Field{Name: "Tollgate-Call-Id", Value: c.id},
		http1.Field{Name: "X-Forwarded-For", Value: c.source}, http1.Field{Name: "X-Forwarded-Host", Value: c.request.Host},
		http1.Field{Name: "X-Forwarded-Proto", Value: c.scheme()})
}

// isOrigin reports whether a header is one in which the gateway says where a call came from.
func isOrigin(name string) bool {
	return name == "X-Forwarded-For" || name == "X-Forwarded-Host" || name == "X-Forwarded-Proto"
}

func (c *call) scheme() string {
	if c.connection.TLS != nil {
		return "https"
	}
	return "http"
}

// hop are the headers that belong to one connection by the word of its Connection, in canonical spelling (RFC 9110 section 7.6.1).
type hop []string

func hopOf(connection []string) (named hop) {
	for _, value := range connection {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); httpguts.ValidHeaderFieldName(name) {
				named = append(named, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
	return named
}

// has reports whether a header belongs to the connection, or to the framing, which is made at each hop.
func (h hop) has(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Http2-Settings", "Content-Length", "Expect":
		return true
	}
	for _, named := range h {
		if named == name {
			return true
		}
	}
	return false
}

// isOurs reports whether only the gateway may set a header.
func isOurs(name string) bool { return strings.HasPrefix(name, "Tollgate-") }
