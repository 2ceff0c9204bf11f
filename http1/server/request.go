package server

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"tollgate/http1"
)

// readRequest reads a head and makes the request of it.
func (c *Conn) readRequest() error {
	if err := c.reader.ReadRequestHead(&c.head); err != nil {
		return err
	}
	h, r := &c.head, &c.request
	*r = c.plain
	r.Method, r.RequestURI, r.RemoteAddr, r.TLS = h.Method, h.Target, c.peer.Remote, c.peer.TLS
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, h.Minor
	if h.Minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	c.fillHeader()
	if err := c.fillTarget(); err != nil {
		return err
	}
	c.response.begin(c)
	c.context.begin(c, h.Framing.Kind == http1.None || h.Framing == http1.Framing{Kind: http1.Length})
	return c.fillBody()
}

// fillHeader makes the header, without what net/http has in other members of a request.
func (x *exchange) fillHeader() {
	if fields := len(x.head.Fields); fields > cap(x.values) {
		x.values = make([]string, 0, fields)
	}
	for _, f := range x.head.Fields {
		switch f.Name {
		case "Host":
			x.request.Host = f.Value
		case "Transfer-Encoding":
		default:
			x.add(f)
		}
	}
	x.request.Header = x.header
	connection := x.header["Connection"]
	x.request.Close = hasToken(connection, "close") || x.head.Minor == 0 && !hasToken(connection, "keep-alive")
}

// add adds a field to the header. The only value of a name lies among those of all.
func (x *exchange) add(f http1.Field) {
	if before, ok := x.header[f.Name]; ok {
		x.header[f.Name] = append(before, f.Value)
		return
	}
	i := len(x.values)
	x.values = append(x.values, f.Value)
	x.header[f.Name] = x.values[i : i+1 : i+1]
}

// hasToken reports whether a list of tokens has one.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.Trim(one, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// fillTarget reads the target, as net/http does: the authority of one in absolute form has precedence over Host (RFC 9112 section 3.2.2).
func (x *exchange) fillTarget() error {
	target := x.head.Target
	if x.url = (url.URL{}); isPlainPath(target) {
		x.url.Path, x.url.RawQuery, _ = strings.Cut(target, "?")
		x.url.ForceQuery = x.url.RawQuery == "" && len(target) > len(x.url.Path)
		x.request.URL = &x.url
		return nil
	}
	authorityOnly := x.head.Method == http.MethodConnect && target[0] != '/'
	if authorityOnly {
		target = "http://" + target
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return http1.Target
	}
	if authorityOnly {
		parsed.Scheme = ""
	}
	if parsed.Host != "" {
		x.request.Host = parsed.Host
	}
	x.request.URL = parsed
	return nil
}

// isPlainPath reports whether a target has a path, of characters that are no others in it, and perhaps a query.
func isPlainPath(target string) bool {
	if target[0] != '/' {
		return false
	}
	for i := range len(target) {
		switch c := target[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '/' || c == '-' || c == '.' || c == '_' || c == '~':
		case c == '?':
			return true
		default:
			return false
		}
	}
	return true
}

// chunkedEncoding is what net/http has in a request that is chunked.
var chunkedEncoding = []string{"chunked"}

// fillBody prepares the body to be read.
func (c *Conn) fillBody() error {
	r, framing := &c.request, c.head.Framing
	switch framing.Kind {
	case http1.Length:
		r.ContentLength = framing.Length
	case http1.Chunked:
		r.ContentLength, r.TransferEncoding = -1, chunkedEncoding[:1:1]
		if err := c.fillTrailer(); err != nil {
			return err
		}
	}
	delete(r.Header, "Trailer")
	c.body = body{conn: c, expected: r.ContentLength != 0 && expectsContinue(r)}
	c.body.message.Reset(&c.reader, framing)
	if r.Body = &c.body; r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	return nil
}

// expectsContinue reports whether the peer waits for "100 Continue" (RFC 9110 section 10.1.1).
func expectsContinue(r *http.Request) bool {
	expect := r.Header["Expect"]
	return r.ProtoMinor > 0 && len(expect) == 1 && strings.EqualFold(expect[0], "100-continue")
}

// fillTrailer notes the trailer fields that are announced. Those that say how a message is read may not come so late.
func (c *Conn) fillTrailer() error {
	for _, list := range c.header["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(strings.Trim(name, " \t"))
			switch name {
			case "":
				continue
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return http1.FieldValue
			}
			if c.request.Trailer == nil {
				c.request.Trailer = http.Header{}
			}
			c.request.Trailer[name] = nil
		}
	}
	return nil
}
