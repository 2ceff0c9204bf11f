package gateway

import (
	"bytes"
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"tollgate/catalog"
	"tollgate/signing"
)

// userAgent is what upstreams see; the caller's own is not theirs to know. Nobody writes to it.
var userAgent = []string{"tollgate"}

// usualHeaders is how many headers most signed calls have at most.
const usualHeaders = 8

// outbound builds the request that is sent: the canonical path and query that were matched and recorded, the body that
// was hashed, and no way to repeat it (GetBody stays nil).
func (c *call) outbound(ctx context.Context) *http.Request {
	r := (&http.Request{}).WithContext(ctx)
	r.Method, r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor = c.request.Method, c.upstream.Host, "HTTP/1.1", 1, 1
	r.URL = &url.URL{
		Scheme: c.upstream.Scheme, Host: c.upstream.Host,
		Path: c.path, RawPath: signing.CanonicalPath(c.path), RawQuery: c.query.Canonical(),
	}
	if len(c.body) > 0 {
		r.Body, r.ContentLength = newBody(c.body), int64(len(c.body))
	}
	if c.upstream.Signed {
		r.Header = c.signedHeader()
	} else {
		r.Header = c.unsignedHeader()
	}
	return r
}

// body is a request's body that is read once.
type body struct{ bytes.Reader }

func newBody(b []byte) *body {
	r := new(body)
	r.Reset(b)
	return r
}

// Close does nothing.
func (*body) Close() error { return nil }

// forwarded are the caller's headers that every signed upstream gets as they are.
var forwarded = [...]string{"Accept", "X-Language"}

// identity asks for answers that can be read: without it any coding will do (RFC 9110 section 12.5.3). Nobody writes to it.
var identity = []string{"identity"}

// signedHeader is an allow-list: nothing that a caller sends reaches a signed upstream unless it is named here or by
// the endpoint's declaration.
func (c *call) signedHeader() http.Header {
	header := make(http.Header, usualHeaders)
	header["User-Agent"], header["Accept-Encoding"] = userAgent, identity
	if sent := c.bodyType.Sent; sent == jsonMedia {
		header["Content-Type"] = onlyJSON
	} else if sent != "" {
		header["Content-Type"] = []string{sent}
	}
	for _, name := range forwarded {
		forward(header, c.request.Header, name)
	}
	for _, name := range c.operation.ForwardHeaders {
		if _, owned := c.Callers.Schemes().Owns(name); !owned { // the configuration lets none be declared
			forward(header, c.request.Header, name)
		}
	}
	return header
}

// forward copies a header as one value: readers differ in which of several lines they take.
func forward(to, from http.Header, name string) {
	if values := from[name]; len(values) == 1 {
		to[name] = values
	} else if len(values) > 1 {
		to[name] = []string{strings.Join(values, ", ")}
	}
}

// hopByHop are the headers that belong to one connection (RFC 9110 section 7.6.1), and the framing, which is made anew.
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Content-Length": true, "Expect": true,
}

// unsignedHeader is what an HTTP proxy passes on to an internal app, less what this gateway consumed or states itself.
func (c *call) unsignedHeader() http.Header {
	header := make(http.Header, len(c.request.Header)+5)
	endToEnd(header, c.request.Header)
	for name := range header {
		if isOurs(name) || catalog.Misleads(name) {
			delete(header, name)
		}
	}
	if c.claim != nil {
		delete(header, signing.AuthorizationHeader)
	}
	header["Tollgate-Caller"] = []string{c.identity.Caller}
	header["Tollgate-Call-Id"] = []string{c.id}
	header["X-Forwarded-For"] = []string{c.source}
	header["X-Forwarded-Host"] = []string{c.request.Host}
	header["X-Forwarded-Proto"] = []string{c.scheme()}
	return header
}

func (c *call) scheme() string {
	if c.connection.TLS != nil {
		return "https"
	}
	return "http"
}

// endToEnd copies a header without what belongs to the connection, and without what Connection names.
func endToEnd(header, from http.Header) {
	for name, values := range from {
		if !hopByHop[name] {
			header[name] = values
		}
	}
	for _, value := range from["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); httpguts.ValidHeaderFieldName(name) {
				delete(header, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
}

// isOurs knows the headers that only the gateway may speak.
func isOurs(name string) bool { return strings.HasPrefix(name, "Tollgate-") }
