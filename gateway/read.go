package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"tollgate/bss"
	"tollgate/internal/words"
	"tollgate/signing"
)

// read is step 4: the whole body, bounded by itself and together with all others, and its hash. The HTTP server sends
// "100 Continue" at the first read, so what was refused before was refused without the body.
func (c *call) read() *Refusal {
	if refusal := c.readHeader(c.request.Header, c.request.ContentLength); refusal != nil {
		return refusal
	}
	if refusal := c.readBody(); refusal != nil {
		c.hangUp()
		return refusal
	}
	if refusal := c.checkBody(int64(len(c.body))); refusal != nil { // of a length that was not announced
		return refusal
	}
	if len(c.request.Trailer) > 0 {
		return refusal(badRequest, "error.request.trailers")
	}
	c.bodyHash = signing.EmptyHash
	if len(c.body) > 0 {
		c.bodyHash = c.scratch.hasher.Hex()
	} else if c.request.Header["Content-Type"] == nil {
		c.bodyType = ContentType{}
	}
	return nil
}

// readHeader reads what a header says of the body, whose length is -1 where it is not announced. It refuses headers by which readers could
// take the body for different things. Without a body a Content-Type is not refused.
func (a *asked) readHeader(header http.Header, length int64) *Refusal {
	if refused := a.checkBody(length); refused != nil {
		return refused
	}
	var refused *Refusal
	encoded := isEncoded(header["Content-Encoding"])
	a.bodyType, refused = ReadContentType(a.operation, a.upstream.Signed, header["Content-Type"])
	a.bodyType.JSON = a.bodyType.JSON && !encoded
	switch {
	case !a.upstream.Signed:
		return nil
	case encoded:
		return refusal(encodedBody, "error.request.encoding")
	case !plainHeaders(header, a.operation.ForwardHeaders):
		return refusal(badRequest, "error.request.printable")
	case length == 0:
		return nil
	}
	return refused
}

func (a *asked) checkBody(length int64) *Refusal {
	if err := bss.CheckBody(a.operation, a.method, length); err != nil {
		return refuse(bodyNotTaken, words.Of(err))
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

// plainHeaders reports whether readers agree on the bytes of the headers that are passed on. Of others they differ in what white
// space is and how it is encoded; of Content-Type, which is signed, a signature that does not fit comes of it.
func plainHeaders(header http.Header, more []string) bool {
	odd := func(name string) bool { return slices.ContainsFunc(header[name], hasOdd) }
	return !odd("Content-Type") && !slices.ContainsFunc(forwarded[:], odd) && !slices.ContainsFunc(more, odd)
}

func hasOdd(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

func (c *call) readBody() *Refusal {
	length := c.request.ContentLength
	if !c.bodyMayCome() {
		return nil
	}
	if length > int64(c.Bounds.Body) {
		return c.tooLarge()
	}
	err := c.readAll(length)
	if err != nil {
		return c.unread(err)
	}
	return nil
}

var errTooLarge = errors.New("body is over the bound")

// busyError says that there is no room for more of a body.
type busyError struct {
	of    resource
	whose holderKind
}

func (*busyError) Error() string { return "the room for bodies is taken" }

// readAll takes memory, and room for it in the ledger, as the bytes arrive: a peer that announces a length, or none, has not
// sent anything yet.
func (c *call) readAll(announced int64) error {
	most := int64(c.Bounds.Body)
	if announced >= 0 {
		most = announced
	}
	var body []byte
	var beyond [1]byte // shows whether the body goes on behind the most that it may have
	for {
		if len(body) == cap(body) && int64(len(body)) < most {
			room := nextRoom(int64(cap(body)), most)
			if err := c.takeRoom(int64(cap(body)), room); err != nil {
				return err
			}
			body = c.scratch.body.grow(body, int(room))
		}
		into := body[len(body):cap(body)]
		if len(into) == 0 {
			into = beyond[:]
		}
		n, err := c.request.Body.Read(into)
		if len(body)+n > cap(body) {
			return errTooLarge
		}
		c.scratch.hasher.Add(into[:n])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF && announced >= 0 && int64(len(body)) != announced:
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			c.body = body
			return nil
		case err != nil:
			return err
		}
		c.pace.got(n)
	}
}

// nextRoom is how much room bytes get when they have filled what they had: in proportion to what has arrived, up to the most that
// they may have.
func nextRoom(room, most int64) int64 {
	return min(max(leastBuffer, growth*room), most)
}

// takeUnread counts what an HTTP/2 server may hold of a body before it is read, which may be long if its stream waits.
func (c *call) takeUnread() *Refusal {
	if c.request.ProtoMajor != 2 || !c.bodyMayCome() {
		return nil
	}
	unread := int64(unreadOfStream)
	if length := c.request.ContentLength; length >= 0 {
		unread = min(unread, length)
	}
	if err := c.takeRoom(0, unread); err != nil {
		return c.unread(err)
	}
	return nil
}

// takeRoom takes what a body needs to grow: its first bytes are counted apart from the rest, and may have been taken already.
func (c *call) takeRoom(before, after int64) error {
	rest := max(after-firstRoom, 0) - max(before-firstRoom, 0)
	for _, part := range [...]struct {
		of    resource
		bytes int64
	}{{firstBytes, min(after, firstRoom) - c.account.taken[firstBytes]}, {bodyBytes, rest}} {
		if part.bytes <= 0 {
			continue
		}
		if whose, ok := c.ledger.take(&c.account, part.of, part.bytes); !ok {
			return &busyError{part.of, whose}
		}
	}
	return nil
}

func (c *call) tooLarge() *Refusal {
	return refusal(bodyTooLarge, "error.body.large", "Bytes", int64(c.Bounds.Body))
}

func (c *call) unread(err error) *Refusal {
	if busy, ok := errors.AsType[*busyError](err); ok {
		return c.exhausted(busy.of, busy.whose)
	}
	switch {
	case c.givenUp():
		return c.stopped()
	case errors.Is(err, errTooLarge):
		return c.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.tooSlow()
	}
	return refusal(bodyCutShort, "error.body.short")
}
