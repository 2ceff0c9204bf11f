package http1

import (
	"net/textproto"
	"strings"
)

// RequestHead is the head of a request.
type RequestHead struct {
	Method, Target string
	Minor          int // of the version: HTTP/1.0 or HTTP/1.1
	Fields         Fields
	Framing        Framing // of the body
}

// ResponseHead is the head of an answer.
type ResponseHead struct {
	Minor   int
	Status  int
	Reason  string
	Fields  Fields
	Framing Framing // of the body
}

// ReadRequestHead reads the head of a request, and uses the room of h.Fields again. The error is io.EOF if nothing was received of it.
func (r *Reader) ReadRequestHead(h *RequestHead) error {
	head, err := r.head(checkRequestLine)
	if err != nil {
		return err
	}
	line, rest := cutLine(head)
	if h.Method, h.Target, h.Minor, err = requestLine(line); err != nil {
		return err
	}
	if h.Fields, err = fields(h.Fields[:0], rest, r.limits.Fields); err != nil {
		return err
	}
	if err = checkHost(h); err != nil {
		return err
	}
	h.Framing, err = framingOf(h.Fields, h.Minor)
	if h.Framing.Kind == UntilClose { // a request cannot end so
		h.Framing.Kind = None
	}
	return err
}

// maxInterim is how many answers of class 1xx may come before the answer itself.
const maxInterim = 8

// ReadResponseHead reads the head of the answer to a request with the method, past interim ones, and uses the room of h.Fields again. The
// error is io.EOF if nothing was received of it.
func (r *Reader) ReadResponseHead(h *ResponseHead, method string) error {
	for range maxInterim {
		if err := r.responseHead(h, method); err != nil {
			return err
		}
		if h.Status == 101 { // which was not asked for
			return Switched
		}
		if h.Status >= 200 {
			return nil
		}
	}
	return TooManyInterim
}

func (r *Reader) responseHead(h *ResponseHead, method string) error {
	head, err := r.head(checkStatusLine)
	if err != nil {
		return err
	}
	line, rest := cutLine(head)
	if h.Minor, h.Status, h.Reason, err = statusLine(line); err != nil {
		return err
	}
	if h.Fields, err = fields(h.Fields[:0], rest, r.limits.Fields); err != nil {
		return err
	}
	h.Framing, err = framingOf(h.Fields, h.Minor)
	if method == "HEAD" || h.Status < 200 || h.Status == 204 || h.Status == 304 {
		h.Framing = Framing{}
	}
	return err
}

// cutLine cuts a head behind its first line. All lines end with CRLF.
func cutLine(head string) (line, rest string) {
	i := strings.IndexByte(head, '\n')
	if i < 0 { // only the blank line was received
		return "", ""
	}
	return head[:i-1], head[i+1:]
}

func checkRequestLine(line string) error {
	_, _, _, err := requestLine(line)
	return err
}

func checkStatusLine(line string) error {
	_, _, _, err := statusLine(line)
	return err
}

func requestLine(line string) (method, target string, minor int, err error) {
	method, rest, ok := strings.Cut(line, " ")
	target, version, found := strings.Cut(rest, " ")
	if !ok || !found {
		return "", "", 0, StartLine
	}
	if minor, ok = minorOf(version); !ok {
		return "", "", 0, Version
	}
	if !IsToken(method) {
		return "", "", 0, Method
	}
	if target == "" || !all(target, inTarget) {
		return "", "", 0, Target
	}
	return method, target, minor, nil
}

// statusLine reads a status line. The blank behind the status may be missing with the reason, as some servers have it.
func statusLine(line string) (minor, status int, reason string, err error) {
	version, rest, _ := strings.Cut(line, " ")
	minor, ok := minorOf(version)
	if !ok {
		return 0, 0, "", Version
	}
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := decimal(code)
	if !ok || len(code) != 3 || n < 100 || n > 599 {
		return 0, 0, "", Status
	}
	if !all(reason, inReason) {
		return 0, 0, "", StartLine
	}
	return minor, int(n), reason, nil
}

func minorOf(version string) (minor int, ok bool) {
	switch version {
	case "HTTP/1.1":
		return 1, true
	case "HTTP/1.0":
		return 0, true
	}
	return 0, false
}

// fields appends the fields of lines that all end with CRLF.
func fields(to Fields, lines string, most int) (Fields, error) {
	for lines != "" {
		if len(to) == most {
			return to, TooManyFields
		}
		field, length, err := fieldOf(lines)
		if err != nil {
			return to, err
		}
		to, lines = append(to, field), lines[length:]
	}
	return to, nil
}

// fieldOf reads the line that lines begin with, and returns its length with the CRLF.
func fieldOf(lines string) (f Field, length int, err error) {
	if lines[0] == ' ' || lines[0] == '\t' {
		return Field{}, 0, Folded
	}
	name := lines[:prefix(lines, inToken)]
	value, ok := strings.CutPrefix(lines[len(name):], ":")
	if name == "" || !ok {
		return Field{}, 0, FieldName
	}
	value = value[:valuePrefix(value)]
	if length = len(name) + len(":") + len(value); !strings.HasPrefix(lines[length:], "\r\n") {
		return Field{}, 0, FieldValue
	}
	return Field{textproto.CanonicalMIMEHeaderKey(name), trim(value)}, length + len("\r\n"), nil
}

// checkHost wants exactly one Host, which HTTP/1.0 did not have yet (RFC 9112 section 3.2).
func checkHost(h *RequestHead) error {
	if n := h.Fields.count("Host"); n > 1 || n == 0 && h.Minor > 0 {
		return Host
	}
	if !all(h.Fields.Get("Host"), inHost) {
		return Host
	}
	return nil
}
