package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"

	"tollgate/http1"
)

// usualFields is how many header fields most answers have at most.
const usualFields = 12

// openResponse is a response with all that is needed to read its body. It lies in the request.
type openResponse struct {
	Response
	conn     *conn
	ctx      context.Context
	body     http1.Body
	reusable bool  // the connection can carry another exchange when the body was read
	ended    bool  // the exchange is over
	err      error // of the end
	room     [usualFields]http1.Field
}

// receive reads the header of the answer to a request; interim ones (1xx) before it are skipped.
func (c *conn) receive(r *Request) (*openResponse, error) {
	a := &r.answer
	*a = openResponse{conn: c, ctx: c.ctx}
	head := http1.ResponseHead{Fields: a.room[:0]}
	if err := c.reader.ReadResponseHead(&head, r.Method); err != nil {
		return nil, err
	}
	a.body.Reset(&c.reader, head.Framing)
	a.reusable = head.Minor > 0 && head.Framing.Kind != http1.UntilClose && !closes(head.Fields)
	a.Response = Response{
		Status: head.Status, Header: head.Fields, ContentLength: lengthOf(&head, r.Method),
		Chunked: head.Framing.Kind == http1.Chunked, EndsByClose: head.Framing.Kind == http1.UntilClose, TLS: c.tls,
	}
	return a, nil
}

// lengthOf returns the length that a head announces; -1 if none. That of an answer to HEAD is what GET would bring.
func lengthOf(h *http1.ResponseHead, method string) int64 {
	switch announced := h.Fields.Get("Content-Length"); {
	case h.Framing.Kind == http1.Length:
		return h.Framing.Length
	case h.Framing.Kind != http1.None || method == http.MethodHead && announced == "":
		return -1
	case method == http.MethodHead:
		length, _ := strconv.ParseInt(announced, 10, 64) // which was read as a number before
		return length
	}
	return 0
}

// closes reports whether an answer announces the end of its connection.
func closes(fields http1.Fields) bool {
	for i := range fields {
		if fields[i].Name == "Connection" && httpguts.HeaderValuesContainsToken([]string{fields[i].Value}, "close") {
			return true
		}
	}
	return false
}

// begin hands the answer to the call. Without a body the exchange is over.
func (a *openResponse) begin() {
	if a.body.Ended() {
		a.Body = http.NoBody
		a.conn.finish(a.reusable)
		return
	}
	a.Body = a
}

// Read reads on in the body. Its end ends the exchange.
func (a *openResponse) Read(p []byte) (int, error) {
	if a.ended {
		return 0, a.err
	}
	n, err := a.body.Read(p)
	if err != nil {
		a.end(err)
	}
	return n, a.err
}

var errClosed = errors.New("read on a closed answer")

// Close discards what was not read yet.
func (a *openResponse) Close() error {
	if !a.ended {
		a.end(errClosed)
	}
	return nil
}

func (a *openResponse) end(err error) {
	if a.err = err; err != io.EOF {
		a.err = causeOf(a.ctx, err)
	}
	a.ended = true
	a.conn.finish(err == io.EOF && a.reusable)
}

// Distrust closes the connection that an answer came on, since the answer belongs to another request: what comes next on it
// does as well. If it carries another call by now, that one ends without an answer.
func Distrust(response *Response) {
	if a, ok := response.Body.(*openResponse); ok {
		_ = a.conn.raw.Close()
	}
}
