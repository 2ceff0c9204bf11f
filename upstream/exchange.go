package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"

	"tollgate/http1"
)

// inlineBody is up to what size a body is written before the answer is looked for: the system takes as much without the far end reading it.
const inlineBody = 32 << 10

// A large body goes out in parts. The first is that of most bodies, and has the head before it. Another one is three records, since four
// are more than the 64 KB that a segment on its way through the system can have.
const (
	firstPart = 4 * bufferSize
	nextPart  = 3 * bufferSize
)

// exchange sends the request and reads the header of its answer. After an error the connection must be abandoned.
func (c *conn) exchange(ctx context.Context, r *Request, now time.Time) (*Response, error) {
	if err := c.begin(ctx, r.Deadline, now); err != nil {
		return nil, err
	}
	if err := c.enterGate(r.Gate, now); err != nil {
		return nil, err
	}
	sent := c.send(r)
	a, err := c.receive(r)
	if err != nil {
		if sent != nil && !c.refused(err) { // that is why the write failed, where the far end has closed the connection
			err = sent
		}
		return nil, err
	}
	a.reusable = a.reusable && sent == nil && (len(r.Body) == 0 || takesBody(r.Method))
	a.begin()
	return &a.Response, nil
}

// send writes the request. A large body is written beside the reading of the answer: who does not want it may answer
// without reading it.
func (c *conn) send(r *Request) error {
	buffer := buffers.Get().(*[bufferSize]byte)
	head := r.AppendHead(buffer[:0])
	if len(r.Body) <= inlineBody {
		return c.writeRequest(buffer, head, r.Body)
	}
	writing := make(chan error, 1)
	c.writing = writing
	go func() { writing <- c.writeRequest(buffer, head, r.Body) }()
	return nil
}

// writeRequest writes a head, which may lie in a buffer that is given back, and the body. What is not more than one record becomes one.
// The gate is left behind the first part of a body, however long the rest takes.
func (c *conn) writeRequest(buffer *[bufferSize]byte, head, body []byte) error {
	defer c.leaveGate()
	defer buffers.Put(buffer)
	if len(head)+len(body) <= bufferSize {
		return c.write(append(head, body...))
	}
	part := min(len(body), firstPart)
	err := c.write(head, body[:part])
	for body = body[part:]; err == nil && len(body) > 0; body = body[part:] {
		part = min(len(body), nextPart)
		err = c.write(body[:part])
	}
	return err
}

// check finds what cannot be sent as it is.
func check(r *Request) error {
	switch {
	case !http1.IsToken(r.Method):
		return errors.New("the method is not a token")
	case r.Path == "" || r.Path[0] != '/' || !visible(r.Path, '?') || !visible(r.Query, '#') || r.Host == "" || !httpguts.ValidHostHeader(r.Host):
		return errors.New("the target or the host has characters that must not be sent")
	}
	for i := range r.Header {
		name, value := r.Header[i].Name, r.Header[i].Value
		if !http1.IsToken(name) {
			return errors.New("a header's name is not a token")
		}
		if !http1.IsFieldValue(value) {
			return fmt.Errorf("header %s has characters that must not be sent", name)
		}
	}
	return nil
}

// visible reports whether a part of a target has visible characters only, and not the one that ends it.
func visible(part string, end byte) bool {
	for i := range len(part) {
		if b := part[i]; b <= ' ' || b >= 0x7f || b == end || b == '#' {
			return false
		}
	}
	return true
}

// framing are the headers that say where a message begins and ends, and whom it is for: they are made here.
var framing = [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection"}

// AppendHead appends the request line and the header (RFC 9112).
func (r *Request) AppendHead(b []byte) []byte {
	b = append(append(append(b, r.Method...), ' '), r.Path...)
	if r.Query != "" {
		b = append(append(b, '?'), r.Query...)
	}
	b = appendField(append(b, " HTTP/1.1\r\n"...), "Host", r.Host)
	for i := range r.Header {
		if field := &r.Header[i]; !slices.Contains(framing[:], field.Name) {
			b = appendField(b, field.Name, field.Value)
		}
	}
	if len(r.Body) > 0 || takesBody(r.Method) {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(r.Body)), 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// takesBody reports whether a method is one whose requests have a body, for every server. With others (RFC 9110 section 9.3)
// a server may take the body for the next request, and answer that as well.
func takesBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
