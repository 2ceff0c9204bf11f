package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

// admit is step 1: the request is for this listener, and plain enough to be read by all in the same way.
func (c *call) admit() *Refusal {
	c.recognized = c.recognize()
	if refusal := c.takeHeader(); refusal != nil {
		return refusal
	}
	if refusal := c.takeUnread(); refusal != nil {
		return refusal
	}
	if refusal := c.awaitTurn(); refusal != nil {
		return refusal
	}
	if c.bodyMayCome() {
		// Whatever the call's outcome, a body must not dribble in for ever.
		c.pace.ends = time.Now().Add(time.Duration(c.Bounds.BodyTimeout))
		c.pace.start()
	}
	if refusal := c.admitHost(); refusal != nil {
		return refusal
	}
	return c.admitForm()
}

func (c *call) admitHost() *Refusal {
	host := hostName(c.request.Host)
	if !c.listener.knows(host) {
		return refusal(wrongHost, "error.request.host", "Host", fmt.Sprintf("%.100q", c.request.Host))
	}
	if c.route = c.listener.route(host); c.route == nil {
		return refusal(wrongHost, "error.request.no_route")
	}
	return nil
}

// admitForm refuses what tunnels, what comes from web pages, and what carries more than one message.
func (c *call) admitForm() *Refusal {
	r := c.request
	if refused := checkMethod(r.Method); refused != nil {
		return refused
	}
	switch header := r.Header; {
	case r.ProtoMajor == 2 && !plainHTTP2(r):
		return refusal(badRequest, "error.request.http2_host")
	case r.ProtoMajor == 2 && connectionSpecific(header):
		return refusal(badRequest, "error.request.http2_fields")
	case upgrades(header) && !offersH2C(r) || header[":protocol"] != nil:
		return refusal(badRequest, "error.request.upgrade")
	case len(r.Trailer) > 0:
		return refusal(badRequest, "error.request.trailers")
	case c.listener.Local && fromWebPage(header):
		return refusal(fromBrowser, "error.request.browser")
	case len(r.RequestURI) == 0 || r.RequestURI[0] != '/':
		return refusal(badRequest, "error.request.target")
	}
	return nil
}

// plainHTTP2 reports whether a request is free of what net/http leaves alone in HTTP/2 where it refuses the like in HTTP/1 (RFC 9113 section
// 8.1.1 calls all of these malformed). It takes a content-length that is no number for 0.
func plainHTTP2(r *http.Request) bool {
	lengths := r.Header["Content-Length"]
	return !slices.ContainsFunc(r.Header["Host"], func(host string) bool { return host != r.Host }) &&
		(lengths == nil || len(lengths) == 1 && lengths[0] == strconv.FormatInt(r.ContentLength, 10))
}

// connectionSpecific reports whether there are header fields that HTTP/2 must not have (RFC 9113 section 8.2.2). net/http answers all but an empty TE
// by itself, with 400 before there is a call; nothing rests on that here. A handler cannot make the stream error of it that the RFC wants:
// net/http has no hook there, and a handler can end a stream with INTERNAL_ERROR only.
func connectionSpecific(header http.Header) bool {
	te := header["Te"]
	return header["Connection"] != nil || header["Proxy-Connection"] != nil || header["Keep-Alive"] != nil ||
		header["Transfer-Encoding"] != nil || header["Upgrade"] != nil || te != nil && (len(te) != 1 || te[0] != "trailers")
}

// bodyMayCome reports whether the end of the request must be read. In HTTP/2 a length of 0 does not end it.
func (c *call) bodyMayCome() bool {
	return c.request.ContentLength != 0 || c.request.ProtoMajor == 2 && c.request.Header["Content-Length"] != nil
}

func checkMethod(method string) *Refusal {
	switch {
	case method == http.MethodConnect || method == http.MethodTrace:
		return refusal(badRequest, "error.request.method", "Method", method)
	case !plainMethod(method): // another method for some readers, the same for others
		return refusal(badRequest, "error.request.method_form")
	}
	return nil
}

// plainMethod reports whether a method has the usual spelling, as all registered ones have. A token may hold much more (RFC 9110
// section 5.6.2), and an application may make something else of it.
func plainMethod(method string) bool {
	for i := range len(method) {
		if c := method[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return method != ""
}

func upgrades(header http.Header) bool {
	return header["Upgrade"] != nil || httpguts.HeaderValuesContainsToken(header["Connection"], "upgrade")
}

// offersH2C reports whether a request offers HTTP/2 without TLS and no other protocol, as Java's HttpClient and curl --http2 do
// with each request. A server may ignore an offer (RFC 9110 section 7.8): the call goes on in HTTP/1.1, and [endToEnd] strips it.
func offersH2C(r *http.Request) bool {
	offered := r.Header["Upgrade"]
	return r.ProtoMajor == 1 && r.ProtoAtLeast(1, 1) && len(offered) == 1 && strings.EqualFold(offered[0], "h2c") &&
		httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade")
}

// engines name the programs that show web pages, in the User-Agent of each. "Mozilla/" alone names none: PowerShell and WinHTTP
// begin with it, too; nor does "CFNetwork/", with which every program of macOS ends. Safari has a media player and a fetcher of icons
// besides, with names of their own.
var engines = [...]string{
	"AppleWebKit", "com.apple.WebKit", "Safari/", "AppleCoreMedia", "KHTML", "Gecko/", "Goanna/", "Servo/", "Trident", "MSIE ", "Presto/",
}

// fromWebPage reports whether a browser sends the request for a page: the page's author is not the user of this machine.
// Sec-Fetch-Mode is no sign of one: Node's fetch sends it, and a browser sends -Site and -Dest with it. A browser that knows none of
// them is known by its engine; so is one that was led here by a name of the page's author, for which it sends none either.
func fromWebPage(header http.Header) bool {
	return header["Origin"] != nil || header["Referer"] != nil ||
		header["Sec-Fetch-Site"] != nil || header["Sec-Fetch-Dest"] != nil || header["Sec-Fetch-User"] != nil ||
		header["X-Playback-Session-Id"] != nil || // Safari's media player
		slices.ContainsFunc(header["User-Agent"], namesEngine)
}

func namesEngine(agent string) bool {
	return slices.ContainsFunc(engines[:], func(engine string) bool { return strings.Contains(agent, engine) })
}

// route finds the route for a host name; nil if none serves it.
func (l *Listener) route(host string) *Route {
	var general *Route
	for i := range l.Routes {
		switch route := &l.Routes[i]; {
		case slices.Contains(route.Hosts, host):
			return route
		case len(route.Hosts) == 0:
			general = route
		}
	}
	return general
}

// knows reports whether the listener is called by this name.
func (l *Listener) knows(host string) bool {
	if len(l.Hosts) == 0 || slices.Contains(l.Hosts, host) {
		return true
	}
	return slices.ContainsFunc(l.Routes, func(r Route) bool { return slices.Contains(r.Hosts, host) })
}

// hostName takes the port, one final dot and the brackets of an IPv6 address off a Host header and lowers its case. The dot says
// that the name is a whole one, and is no part of it (RFC 1034 section 3.1). What is not of that form, such as an IPv6 address
// without brackets, whose end would be taken for a port, is no name: "".
func hostName(host string) string {
	name := host
	if end := strings.LastIndexByte(host, ':'); end >= 0 && strings.Trim(host[end+1:], "0123456789") == "" {
		name = host[:end]
	}
	inner, opened := strings.CutPrefix(name, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if opened != closed || opened != strings.Contains(inner, ":") || !isASCII(inner) {
		return ""
	}
	if !opened {
		inner = strings.TrimSuffix(inner, ".")
	}
	return strings.ToLower(inner)
}

// isASCII reports whether a name is all ASCII: letters outside may have a lower case inside, such as the Kelvin sign.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
