package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2conn is an HTTP/2 connection on which a test says what it likes.
type h2conn struct {
	*http2.Framer
	t     testing.TB
	conn  *tls.Conn
	block bytes.Buffer
	enc   *hpack.Encoder
}

// dialH2 connects as the shop. The gateway's SETTINGS are read and acknowledged by the reader of answers.
func (w *rawWorld) dialH2(t testing.TB, listener string, settings ...http2.Setting) *h2conn {
	t.Helper()
	c, err := tls.Dial("tcp", w.address(listener), &tls.Config{
		RootCAs: w.pool(), ServerName: gatewayName, Certificates: []tls.Certificate{w.shop}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	return newH2(t, c, settings...)
}

func newH2(t testing.TB, c *tls.Conn, settings ...http2.Setting) *h2conn {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	h := &h2conn{Framer: http2.NewFramer(c, c), t: t, conn: c}
	h.AllowIllegalWrites = true
	h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.enc = hpack.NewEncoder(&h.block)
	h.must(io.WriteString(c, http2.ClientPreface))
	h.try(h.WriteSettings(settings...))
	return h
}

func (h *h2conn) must(_ int, err error) { h.try(err) }

func (h *h2conn) try(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// fields encodes header fields, each written "name: value". Names may begin with a colon.
func (h *h2conn) fields(lines ...string) []byte {
	h.block.Reset()
	for _, line := range lines {
		at := strings.Index(line[1:], ":") + 1
		h.try(h.enc.WriteField(hpack.HeaderField{Name: line[:at], Value: strings.TrimPrefix(line[at+1:], " ")}))
	}
	return bytes.Clone(h.block.Bytes())
}

func (h *h2conn) headers(stream uint32, end bool, lines ...string) {
	h.t.Helper()
	h.try(h.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h.fields(lines...), EndStream: end, EndHeaders: true}))
}

// outcome reads until a stream has ended: "200", "400 TG.1001", "RST_STREAM PROTOCOL_ERROR", "GOAWAY ..." or "closed".
func (h *h2conn) outcome(stream uint32) string {
	var status string
	var body bytes.Buffer
	for {
		frame, err := h.ReadFrame()
		if err != nil {
			return "closed"
		}
		if frame.Header().StreamID != 0 && frame.Header().StreamID != stream {
			continue
		}
		ended := false
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = h.WriteSettingsAck() // the connection may be gone; reading shows it
			}
		case *http2.GoAwayFrame:
			return "GOAWAY " + f.ErrCode.String()
		case *http2.RSTStreamFrame:
			if status == "" || f.ErrCode != http2.ErrCodeNo {
				return "RST_STREAM " + f.ErrCode.String()
			}
			ended = true
		case *http2.MetaHeadersFrame:
			status, ended = f.PseudoValue("status"), f.StreamEnded()
		case *http2.DataFrame:
			body.Write(f.Data())
			ended = f.StreamEnded()
		}
		if ended {
			return strings.TrimSpace(status + " " + problemCode(body.Bytes()))
		}
	}
}

// initialWindow is how much of a body a client may send before any WINDOW_UPDATE (RFC 9113 section 6.9.2).
const initialWindow = 65535

// awaitWindow returns the window of a stream after n more bytes. It reads frames until the window is wide enough.
func (h *h2conn) awaitWindow(stream uint32, window, n int) int {
	h.t.Helper()
	for window < n {
		frame, err := h.ReadFrame()
		h.try(err)
		if update, ok := frame.(*http2.WindowUpdateFrame); ok && update.StreamID == stream {
			window += int(update.Increment)
		}
	}
	return window - n
}

// standardFields are those of a good request.
func standardFields(method, path string) []string {
	return []string{":method: " + method, ":scheme: https", ":authority: " + gatewayName, ":path: " + path}
}

// h2Case is one request on a connection of its own.
type h2Case struct {
	name   string
	fields []string // besides those of a good request, whose value is replaced where the name is the same; "-name" leaves one out
	data   []string // DATA frames; the last one ends the stream
	after  []string // trailers
	want   string   // as outcome says it; "A or B" where the HTTP server may reset the stream before the gateway answers
	sent   string   // what reaches the upstream; empty: nothing
	header []string // header lines that are among it, where the upstream is the app
}

const (
	malformed = "RST_STREAM PROTOCOL_ERROR"
	refusedH2 = "400 TG.1001"
)

var h2Cases = []h2Case{
	{name: "plain", want: "200", sent: "GET /echo/x"},
	{name: "body", fields: []string{":method: POST"}, data: []string{"ab", "c"}, want: "200", sent: `POST /echo/x "abc"`},
	{name: "body and length", fields: []string{":method: POST", "content-length: 3"}, data: []string{"abc"}, want: "200", sent: `POST /echo/x "abc"`},
	{name: "length longer than the body", fields: []string{":method: POST", "content-length: 4"}, data: []string{"abc"}, want: "400 TG.1004"},
	{name: "length shorter than the body", fields: []string{":method: POST", "content-length: 2"}, data: []string{"abc"}, want: malformed},
	{name: "length of zero and a body", fields: []string{":method: POST", "content-length: 0"}, data: []string{"abc"}, want: "400 TG.1004 or " + malformed},
	{name: "length without a body", fields: []string{":method: POST", "content-length: 3"}, want: refusedH2},
	{name: "length of nothing", fields: []string{":method: POST", "content-length: 0"}, want: "200", sent: "POST /echo/x"},
	{name: "length of nothing, and an empty frame", fields: []string{":method: POST", "content-length: 0"}, data: []string{""}, want: "200", sent: "POST /echo/x"},
	{name: "length that is no number", fields: []string{":method: POST", "content-length: x"}, data: []string{"abc"}, want: refusedH2 + " or " + malformed},
	{name: "length with a sign", fields: []string{":method: POST", "content-length: +3"}, data: []string{"abc"}, want: refusedH2 + " or " + malformed},
	{name: "length over 63 bits", fields: []string{":method: POST", "content-length: 18446744073709551619"}, data: []string{"abc"}, want: refusedH2 + " or " + malformed},
	{name: "two lengths", fields: []string{":method: POST", "content-length: 3", "content-length: 4"}, data: []string{"abc"}, want: refusedH2},
	{name: "two lengths in one", fields: []string{":method: POST", "content-length: 3, 3"}, data: []string{"abc"}, want: refusedH2 + " or " + malformed},
	{name: "a request in a body without length", fields: []string{":method: POST"}, data: []string{"0\r\n\r\nGET /echo/y HTTP/1.1\r\nHost: x\r\n\r\n"}, want: "200",
		sent: `POST /echo/x "0\r\n\r\nGET /echo/y HTTP/1.1\r\nHost: x\r\n\r\n"`},
	{name: "empty frames of data", fields: []string{":method: POST"}, data: []string{"", "a", "", "", "b", ""}, want: "200", sent: `POST /echo/x "ab"`},
	{name: "body over the bound", fields: []string{":method: POST"}, data: []string{strings.Repeat("x", 16000), strings.Repeat("x", 16000), strings.Repeat("x", 16000), strings.Repeat("x", 16000), "123456789" + strings.Repeat("x", 2000)}, want: "413 TG.4004"},
	{name: "trailers are not passed on", fields: []string{":method: POST"}, data: []string{"abc"}, after: []string{"tollgate-caller: root", "x-t: 1"}, want: "200", sent: `POST /echo/x "abc"`},
	{name: "announced trailers", fields: []string{":method: POST", "trailer: x-t"}, data: []string{"abc"}, after: []string{"x-t: 1"}, want: refusedH2},
	{name: "pseudo-header in trailers", fields: []string{":method: POST"}, data: []string{"abc"}, after: []string{":path: /echo/y"}, want: malformed},

	// What net/http answers by itself, with no code of ours: there is no way to make a stream error of it (docs/errors.md).
	{name: "connection", fields: []string{"connection: keep-alive"}, want: "400"},
	{name: "keep-alive", fields: []string{"keep-alive: 1"}, want: "400"},
	{name: "proxy-connection", fields: []string{"proxy-connection: keep-alive"}, want: "400"},
	{name: "transfer-encoding", fields: []string{":method: POST", "transfer-encoding: chunked"}, data: []string{"0\r\n\r\n"}, want: "400"},
	{name: "transfer-encoding, and a request", fields: []string{":method: POST", "transfer-encoding: chunked"}, data: []string{"0\r\n\r\nGET /echo/y HTTP/1.1\r\n\r\n"}, want: "400"},
	{name: "transfer-encoding and length", fields: []string{":method: POST", "content-length: 5", "transfer-encoding: chunked"}, data: []string{"0\r\n\r\n"}, want: "400"},
	{name: "transfer_encoding", fields: []string{":method: POST", "transfer_encoding: chunked", "content_length: 0"}, data: []string{"0\r\n\r\n"}, want: "200", sent: `POST /echo/x "0\r\n\r\n"`},
	{name: "upgrade", fields: []string{"upgrade: h2c"}, want: "400"},
	{name: "te of trailers", fields: []string{"te: trailers"}, want: "200", sent: "GET /echo/x"},
	{name: "te of something else", fields: []string{"te: gzip"}, want: "400"},
	{name: "te of both", fields: []string{"te: trailers, gzip"}, want: "400"},
	{name: "two te", fields: []string{"te: trailers", "te: gzip"}, want: "400"},
	{name: "te of nothing", fields: []string{"te:"}, want: refusedH2},
	{name: "connection, before a body", fields: []string{":method: POST", "connection: close"}, data: []string{"abc"}, want: "400"},
	{name: "connection in trailers", fields: []string{":method: POST"}, data: []string{"abc"}, after: []string{"connection: close", "te: gzip"}, want: "200", sent: `POST /echo/x "abc"`},

	{name: "name in capitals", fields: []string{"X-Custom: 1"}, want: malformed},
	{name: "name with a blank", fields: []string{"x custom: 1"}, want: malformed},
	{name: "name with a line end", fields: []string{"x\r\ntransfer-encoding: chunked"}, want: malformed},
	{name: "empty name", fields: []string{"\x00: 1"}, want: malformed},
	{name: "line end in a value", fields: []string{"x-custom: 1\r\ntransfer-encoding: chunked"}, want: malformed},
	{name: "line feed in a value", fields: []string{"x-custom: 1\nx: y"}, want: malformed},
	{name: "NUL in a value", fields: []string{"x-custom: 1\x00"}, want: malformed},

	{name: "no method", fields: []string{"-:method"}, want: malformed},
	{name: "no scheme", fields: []string{"-:scheme"}, want: malformed},
	{name: "no path", fields: []string{"-:path"}, want: malformed},
	{name: "no authority", fields: []string{"-:authority"}, want: "421 TG.4006"},
	{name: "host for authority", fields: []string{"-:authority", "host: " + gatewayName}, want: "200", sent: "GET /echo/x"},
	{name: "host as the authority", fields: []string{"host: " + gatewayName}, want: "200", sent: "GET /echo/x"},
	{name: "host other than the authority", fields: []string{"host: other.example"}, want: refusedH2},
	{name: "authority other than the host", fields: []string{":authority: other.example", "host: " + gatewayName}, want: "421 TG.4006"},
	{name: "two hosts", fields: []string{"-:authority", "host: " + gatewayName, "host: other.example"}, want: refusedH2},
	{name: "authority with userinfo", fields: []string{":authority: " + gatewayName + "@other.example"}, want: malformed},
	{name: "authority with a blank", fields: []string{":authority: " + gatewayName + " other.example"}, want: "421 TG.4006"},
	{name: "authority with a line end", fields: []string{":authority: " + gatewayName + "\r\nx: y"}, want: malformed},
	{name: "method twice", fields: []string{"+:method: GET"}, want: malformed},
	{name: "path twice", fields: []string{"+:path: /echo/y"}, want: malformed},
	{name: "authority twice", fields: []string{"+:authority: other.example"}, want: malformed},
	{name: "pseudo-header after others", fields: []string{"x-custom: 1", "+:path: /echo/y"}, want: malformed},
	{name: "unknown pseudo-header", fields: []string{"+:custom: 1"}, want: malformed},
	{name: "pseudo-header of answers", fields: []string{"+:status: 200"}, want: malformed},
	{name: "extended CONNECT", fields: []string{":method: CONNECT", "+:protocol: websocket"}, want: malformed},
	{name: "CONNECT", fields: []string{":method: CONNECT", "-:scheme", "-:path"}, want: refusedH2},
	{name: "CONNECT with a path", fields: []string{":method: CONNECT"}, want: malformed},
	{name: "method in lower case", fields: []string{":method: get"}, want: refusedH2},
	{name: "method with a blank", fields: []string{":method: GET /ECHO/Y HTTP/1.1"}, want: refusedH2},
	{name: "method with a line end", fields: []string{":method: GET /echo/y HTTP/1.1\r\nHost: x\r\n\r\nGET"}, want: malformed},
	{name: "TRACE", fields: []string{":method: TRACE"}, want: refusedH2},
	{name: "scheme of plain HTTP counts for nothing", fields: []string{":scheme: http"}, want: "200", sent: "GET /echo/x", header: []string{"X-Forwarded-Proto: https"}},
	{name: "other scheme", fields: []string{":scheme: ftp"}, want: malformed},
	{name: "scheme with more", fields: []string{":scheme: https://other.example/x?"}, want: malformed},
	{name: "scheme in capitals", fields: []string{":scheme: HTTPS"}, want: malformed},
	{name: "empty path", fields: []string{":path: "}, want: malformed},
	{name: "asterisk", fields: []string{":path: *"}, want: refusedH2},
	{name: "asterisk of OPTIONS", fields: []string{":method: OPTIONS", ":path: *"}, want: refusedH2},
	{name: "path without a slash", fields: []string{":path: echo/x"}, want: malformed},
	{name: "absolute path", fields: []string{":path: https://other.example/echo/x"}, want: refusedH2},
	{name: "path with two slashes", fields: []string{":path: //other.example/echo/x"}, want: "400 TG.1002"},
	{name: "path with a blank", fields: []string{":path: /echo/x HTTP/1.1"}, want: "400 TG.1002"},
	{name: "path with a line end", fields: []string{":path: /echo/x HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/y"}, want: malformed},
	{name: "path with a fragment", fields: []string{":path: /echo/x#y"}, want: "400 TG.1002"},
	{name: "path with dots", fields: []string{":path: /echo/../echo/x"}, want: "400 TG.1002"},
	{name: "path with escaped slash", fields: []string{":path: /echo/x%2fy"}, want: "400 TG.1002"},
	{name: "path with a backslash", fields: []string{`:path: /echo\x`}, want: "400 TG.1002"},
	{name: "path with bare UTF-8", fields: []string{":path: /echo/\u4e2d"}, want: "400 TG.1002"},
	{name: "query with a semicolon", fields: []string{":path: /echo/x?a=1;b=2"}, want: "400 TG.1003"},
	{name: "query with a bare blank", fields: []string{":path: /echo/x?a=1 HTTP/1.1"}, want: "400 TG.1003"},
	{name: "query", fields: []string{":path: /echo/x?b=1&a=+"}, want: "200", sent: "GET /echo/x?a=%20&b=1"},

	{name: "spoofed headers", fields: []string{"tollgate-caller: root", "tollgate_caller: root", "x-forwarded-for: 6.6.6.6", "x-forwarded-proto: http", "forwarded: for=6.6.6.6", "cookie: a=b", "cookie: c=d"},
		want: "200", sent: "GET /echo/x", header: []string{"Tollgate-Caller: shop", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "Cookie: a=b; c=d"}},
}

// TestRawHTTP2 sends each case in frames of its own.
func TestRawHTTP2(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, raw)
	for i := range h2Cases {
		c := &h2Cases[i]
		for listener, upstream := range map[string]string{"https": "bss", "https-app": "app"} {
			t.Run(c.name+"/"+upstream, func(t *testing.T) { w.runH2(t, c, listener, upstream) })
		}
	}
	w.finish()
	for _, r := range w.records() {
		if r.Kind == "intent" && (r.TLSIn == nil || r.Caller != "shop") {
			t.Fatalf("an intent that does not say how it came in: %+v", r)
		}
	}
}

func (w *rawWorld) runH2(t *testing.T, c *h2Case, listener, upstream string) {
	h := w.dialH2(t, listener)
	h.headers(1, len(c.data) == 0, c.lines()...)
	window := initialWindow
	for i, data := range c.data {
		window = h.awaitWindow(1, window, len(data))
		_ = h.WriteData(1, i == len(c.data)-1 && c.after == nil, []byte(data)) // it may have been answered already
	}
	if c.after != nil {
		h.headers(1, true, c.after...)
	}
	if got := h.outcome(1); !slices.Contains(strings.Split(c.want, " or "), got) {
		t.Errorf("the stream ends with %q, want %q", got, c.want)
	}
	_ = h.conn.Close()
	arrived := w.upstreams[upstream].take()
	w.arrived[upstream] = append(w.arrived[upstream], arrived...)
	var sent []string
	for i := range arrived {
		sent = append(sent, arrived[i].String())
	}
	if got := strings.Join(sent, ", "); got != c.sent {
		t.Errorf("the upstream got %q, want %q", got, c.sent)
	}
	if upstream == "app" && len(arrived) == 1 {
		(&rawCase{passed: c.header, kept: []string{"X-T", "Tollgate_Caller", "Forwarded"}}).checkHeader(t, &arrived[0])
	}
	w.upstreams[upstream].sound()
}

// lines are the fields of the case in order: the pseudo-headers, changed as it says, then the others.
func (c *h2Case) lines() []string {
	lines := standardFields("GET", "/echo/x")
	for _, field := range c.fields {
		switch {
		case field[0] == '-':
			lines = without(lines, field[1:]+":")
		case field[0] == '+':
			lines = append(lines, field[1:])
		case field[0] == ':':
			name := field[:strings.Index(field[1:], ":")+2]
			for i, line := range lines {
				if strings.HasPrefix(line, name) {
					lines[i] = field
				}
			}
		default:
			lines = append(lines, field)
		}
	}
	return lines
}

func without(lines []string, prefix string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			kept = append(kept, line)
		}
	}
	return kept
}

// TestHTTP2Floods: a peer that floods a connection loses it, or is just served; honest calls on others go on, and nothing that
// was not decided on is sent.
func TestHTTP2Floods(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	w := newRawWorld(t, strings.ReplaceAll(raw, "effect: write", "effect: read"))
	get := append(standardFields("GET", "/echo/x"), "x-custom: 1")
	post := standardFields("POST", "/echo/x")
	open := func(h *h2conn, i int, end bool, lines []string) uint32 {
		stream := uint32(2*i + 1)
		if h.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h.fields(lines...), EndStream: end, EndHeaders: true}) != nil {
			return 0
		}
		return stream
	}
	for name, flood := range map[string]func(h *h2conn, i int) error{
		"rapid reset": func(h *h2conn, i int) error { return h.WriteRSTStream(open(h, i, true, get), http2.ErrCodeCancel) },
		"resets by the gateway's hand": func(h *h2conn, i int) error { // the gateway is made to reset: a window that overflows
			stream := open(h, i, false, post)
			return errors.Join(h.WriteWindowUpdate(stream, 1<<31-1), h.WriteWindowUpdate(stream, 1<<31-1))
		},
		"streams that depend on themselves": func(h *h2conn, i int) error {
			return h.WritePriority(open(h, i, false, post), http2.PriorityParam{StreamDep: uint32(2*i + 1)})
		},
		"settings": func(h *h2conn, i int) error {
			return h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
		},
		"pings":      func(h *h2conn, i int) error { return h.WritePing(false, [8]byte{}) },
		"priorities": func(h *h2conn, i int) error { return h.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1}) },
		"continuations": func(h *h2conn, i int) error {
			if i == 0 {
				return h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.fields(get...)})
			}
			return h.WriteContinuation(1, false, h.fields("x-custom: "+strings.Repeat("x", 100)))
		},
		"empty continuations": func(h *h2conn, i int) error {
			if i == 0 {
				return h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.fields(get...)})
			}
			return h.WriteContinuation(1, false, nil)
		},
		"empty data": func(h *h2conn, i int) error {
			if i == 0 {
				open(h, 0, false, post)
			}
			return h.WriteData(1, false, nil)
		},
		"padding": func(h *h2conn, i int) error {
			if i == 0 {
				open(h, 0, false, post)
			}
			return h.WriteDataPadded(1, false, nil, make([]byte, 255))
		},
		"streams beyond the cap":  func(h *h2conn, i int) error { open(h, i, false, post); return nil },
		"frames of unknown types": func(h *h2conn, i int) error { return h.WriteRawFrame(0xee, 0, 0, make([]byte, 100)) },
		"promises": func(h *h2conn, i int) error {
			return h.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: uint32(2*i + 2), BlockFragment: h.fields(get...), EndHeaders: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := w.dialH2(t, "https")
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				_, _ = io.Copy(io.Discard, h.conn)
			}()
			for i := range rounds {
				if flood(h, i) != nil {
					break // the gateway has had enough
				}
				if i == rounds/2 {
					w.honest(t)
				}
			}
			w.honest(t)
			_ = h.conn.Close()
			<-drained
		})
	}
	eventually(t, "no call is under way", w.calm)
	w.finish()
}

// honest is a call of another peer.
func (w *rawWorld) honest(t *testing.T) {
	t.Helper()
	h := w.dialH2(t, "https")
	h.headers(1, true, standardFields("GET", "/echo/honest")...)
	if got := h.outcome(1); got != "200" {
		t.Errorf("an honest call ends with %q", got)
	}
	_ = h.conn.Close()
}

// TestHeaderBomb: a small frame that unpacks to a large header is refused like a large header.
func TestHeaderBomb(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, raw)
	h := w.dialH2(t, "https")
	lines := append(standardFields("GET", "/echo/x"), "x-custom: "+strings.Repeat("x", 3000))
	for range 1000 { // each repeat is one byte on the wire
		lines = append(lines, lines[4])
	}
	block := h.fields(lines...)
	if len(block) > 8000 {
		t.Fatalf("the bomb has %d bytes", len(block))
	}
	h.try(h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true}))
	if got := h.outcome(1); got != "431" && !strings.HasPrefix(got, "GOAWAY") && got != "closed" {
		t.Errorf("it is answered %q", got)
	}
	w.honest(t)
	if arrived := w.upstreams["bss"].take(); len(arrived) != 1 || arrived[0].target != "/echo/honest" {
		t.Errorf("the upstream got %v", arrived)
	}
}

// TestStreamCap: the gateway says how many streams it takes, and refuses those beyond.
func TestStreamCap(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, raw)
	h := w.dialH2(t, "https")
	limit := h.announcedStreams()
	if limit == 0 || limit > 100 {
		t.Fatalf("it announces %d streams", limit)
	}
	for i := range limit + 1 {
		h.headers(2*i+1, false, standardFields("POST", "/echo/x")...) // their bodies never come
	}
	if got := h.outcome(2*limit + 1); got != "RST_STREAM REFUSED_STREAM" && got != malformed {
		t.Errorf("the stream beyond the cap ends with %q", got)
	}
	_ = h.conn.Close()
	eventually(t, "no call is under way", w.calm)
	if arrived := w.upstreams["bss"].take(); len(arrived) != 0 {
		t.Errorf("the upstream got %v", arrived)
	}
}

func (h *h2conn) announcedStreams() uint32 {
	for {
		frame, err := h.ReadFrame()
		h.try(err)
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			h.try(h.WriteSettingsAck())
			value, _ := settings.Value(http2.SettingMaxConcurrentStreams)
			return value
		}
	}
}

// TestStalledWindows: answers that are not read are dropped after the bound for it, and their streams end.
func TestStalledWindows(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, replaceOnce(t, raw, "drain: 20s", "drain: 20s, write_timeout: 500ms"))
	w.upstreams["bss"].answering(saying(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n%0100000d", 0)))
	h := w.dialH2(t, "https", http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	const streams = 30
	for i := range uint32(streams) {
		h.headers(2*i+1, true, standardFields("GET", "/echo/x")...)
	}
	ended := map[uint32]bool{}
	for len(ended) < streams {
		frame, err := h.ReadFrame()
		if err != nil {
			break // the connection as a whole ended
		}
		if _, reset := frame.(*http2.RSTStreamFrame); reset {
			ended[frame.Header().StreamID] = true
		}
	}
	eventually(t, "no call is under way", w.calm)
	w.finish()
}
