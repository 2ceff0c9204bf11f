package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"tollgate/signing"
)

// firstRoom is how much memory a body gets before any of it has arrived.
const firstRoom = 64 << 10

// read is step 4: the whole body, bounded by itself and together with all others, and its hash. The HTTP server sends
// "100 Continue" at the first read, so what was refused before was refused without the body.
func (c *call) read() *Refusal {
	if c.upstream.Signed && isEncoded(c.request.Header["Content-Encoding"]) {
		return refusal(encodedBody, "send the body without Content-Encoding")
	}
	if c.upstream.Signed && !plainHeaders(c.request.Header, c.operation.ForwardHeaders) {
		return refusal(badRequest, "headers that are passed on must be printable ASCII")
	}
	if c.upstream.Signed && c.request.ContentLength != 0 && !isUTF8(c.request.Header["Content-Type"]) {
		return refusal(encodedBody, "send the body in UTF-8, and with one Content-Type")
	}
	if refusal := c.readBody(); refusal != nil {
		c.hangUp()
		return refusal
	}
	if len(c.request.Trailer) > 0 {
		return refusal(badRequest, "trailers are not supported")
	}
	c.bodyHash = signing.EmptyHash
	if len(c.body) > 0 {
		c.bodyHash = signing.HashHex(c.body)
	}
	return nil
}

// hangUp ends the connection after the answer. Otherwise the HTTP server would first wait for the rest of the body.
// HTTP/2 ends the stream alone.
func (c *call) hangUp() {
	if c.request.ProtoMajor == 1 {
		c.writer.Header()["Connection"] = []string{"close"}
	}
}

func isEncoded(values []string) bool {
	for _, value := range values {
		if value != "" && !strings.EqualFold(value, "identity") {
			return true
		}
	}
	return false
}

// plainHeaders tells that readers agree on the bytes of the headers that are passed on and signed. Of others they differ
// in what white space is and how it is encoded, and a signature that does not fit pauses the credential for everybody.
func plainHeaders(header http.Header, more []string) bool {
	odd := func(name string) bool { return slices.ContainsFunc(header[name], hasOdd) }
	return !slices.ContainsFunc(forwarded[:], odd) && !slices.ContainsFunc(more, odd)
}

func hasOdd(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// isUTF8 tells that a body is in the encoding in which it will be read: another charset could show the log one amount and
// the provider another.
func isUTF8(contentTypes []string) bool {
	if len(contentTypes) == 0 {
		return true
	}
	_, parameters, err := mime.ParseMediaType(contentTypes[0])
	charset, named := parameters["charset"]
	return len(contentTypes) == 1 && err == nil && (!named || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii"))
}

func (c *call) readBody() *Refusal {
	length := c.request.ContentLength
	if !c.bodyMayCome() {
		return nil
	}
	if length > c.Bounds.Body {
		return c.tooLarge()
	}
	err := c.readAll(length)
	if err != nil {
		return c.unread(err)
	}
	return nil
}

var (
	errBusy     = errors.New("body budget is spent")
	errTooLarge = errors.New("body is over the bound")
)

// readAll takes memory, and budget for it, as the bytes arrive: who announces a length, or none, has not sent anything
// yet.
func (c *call) readAll(announced int64) error {
	var body []byte
	for {
		if len(body) == cap(body) {
			room := nextRoom(int64(cap(body)), announced)
			if !c.takeBudget(room - int64(cap(body))) {
				return errBusy
			}
			body = append(make([]byte, 0, room), body...)
		}
		n, err := c.request.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > c.Bounds.Body:
			return errTooLarge
		case err == io.EOF && announced >= 0 && int64(len(body)) != announced:
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			c.body = body
			return nil
		case err != nil:
			return err
		}
	}
}

// nextRoom is how much room a body gets when it has filled what it had: several times as much, up to what was announced
// and a byte more, with which its end is seen.
func nextRoom(room, announced int64) int64 {
	if announced < 0 {
		return max(firstRoom, 2*room)
	}
	return min(max(firstRoom, 4*room), announced+1)
}

func (c *call) takeBudget(bytes int64) bool {
	if c.doubted != "" {
		if !c.doubtedBodies.take(bytes) {
			return false
		}
		c.doubtedBytes += bytes
	}
	if !c.bodies.take(bytes) {
		return false
	}
	c.budgeted += bytes
	return true
}

func (c *call) tooLarge() *Refusal {
	return refusal(bodyTooLarge, "a body may have at most %d bytes", c.Bounds.Body)
}

func (c *call) unread(err error) *Refusal {
	switch {
	case errors.Is(err, errBusy):
		return later(bodiesBusy, "too many bodies are being received; repeat shortly")
	case errors.Is(err, errTooLarge):
		return c.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal(bodyTooSlow, "the body must arrive within %s", c.Bounds.BodyTimeout)
	}
	return refusal(bodyCutShort, "the body ended before its announced length, or its framing is broken")
}
