package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"

	"golang.org/x/net/http/httpguts"
)

const (
	// maxHeaderBytes bounds the header of an answer, with all that precedes it.
	maxHeaderBytes = 256 << 10
	// inlineBody is up to what size a body is written before the answer is looked for: the system takes as much without
	// the far end reading it.
	inlineBody = 32 << 10
)

// exchange sends the request and reads the header of its answer. After an error the connection must be abandoned.
func (c *conn) exchange(r *http.Request) (*http.Response, error) {
	c.begin(r.Context())
	if err := r.Context().Err(); err != nil {
		closeBody(r)
		return nil, err
	}
	if err := c.enterGate(r.Context()); err != nil {
		closeBody(r)
		return nil, err
	}
	sent := c.send(r)
	response, err := c.receive(r)
	if err != nil {
		if sent != nil && !c.refused(err) { // that is why the write failed, where the far end has closed the connection
			err = sent
		}
		return nil, err
	}
	c.attach(response, r, sent == nil && (r.ContentLength == 0 || takesBody(r.Method)))
	return response, nil
}

// send writes the request. A large body is written beside the reading of the answer: who does not want it may answer
// without reading it.
func (c *conn) send(r *http.Request) error {
	if r.ContentLength <= inlineBody {
		return c.write(r)
	}
	writing := make(chan error, 1)
	c.writing = writing
	go func() { writing <- c.write(r) }()
	return nil
}

func (c *conn) write(r *http.Request) error {
	defer closeBody(r)
	defer c.leaveGate()
	w := writers.Get().(*bufio.Writer)
	w.Reset(c)
	defer func() {
		w.Reset(nil)
		writers.Put(w)
	}()
	_, err := w.Write(appendHead(w.AvailableBuffer(), r))
	if err == nil && r.Body != nil {
		err = c.copyBody(w, r)
	}
	return errors.Join(err, w.Flush())
}

// copyBody writes the body. If that is not as long as it should be the request can never be whole, so the far end is not
// left waiting for the rest.
func (c *conn) copyBody(w *bufio.Writer, r *http.Request) error {
	n, err := io.Copy(w, r.Body)
	if err == nil && n != r.ContentLength {
		err = fmt.Errorf("the body has %d bytes instead of %d", n, r.ContentLength)
		_ = c.raw.Close()
	}
	return err
}

// receive reads the header of the answer; informational ones (1xx) before it are skipped.
func (c *conn) receive(r *http.Request) (*http.Response, error) {
	c.allowance = maxHeaderBytes
	for {
		response, err := http.ReadResponse(c.reader, r)
		switch {
		case err != nil:
			return nil, err
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("upstream switched protocols unasked")
		case response.StatusCode < 100 || response.ProtoMajor != 1:
			return nil, fmt.Errorf("upstream answered with status %d of HTTP/%d", response.StatusCode, response.ProtoMajor)
		case response.StatusCode >= 200:
			c.allowance = math.MaxInt64
			return response, nil
		}
	}
}

// attach makes the end of the answer's body the end of the exchange. reusable: the request leaves the connection in order.
func (c *conn) attach(response *http.Response, r *http.Request, reusable bool) {
	response.TLS = c.tls
	reusable = reusable && !response.Close
	if response.Body == http.NoBody {
		c.finish(reusable)
		return
	}
	response.Body = &answerBody{inner: response.Body, conn: c, ctx: r.Context(), reusable: reusable}
}

// answerBody is the body of an answer. Its end, or Close, ends the exchange.
type answerBody struct {
	inner    io.Reader
	conn     *conn
	ctx      context.Context
	reusable bool
	ended    bool
	err      error // of the end
}

// Read reads on in the answer.
func (b *answerBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, b.err
	}
	n, err := b.inner.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, b.err
}

// Close gives up on what was not read yet.
func (b *answerBody) Close() error {
	if !b.ended {
		b.end(http.ErrBodyReadAfterClose)
	}
	return nil
}

func (b *answerBody) end(err error) {
	if b.err = err; err != io.EOF {
		b.err = causeOf(b.ctx, err)
	}
	b.ended = true
	b.conn.finish(err == io.EOF && b.reusable)
}

// Distrust closes the connection that an answer came on, since the answer belongs to another request: what comes next on it
// does as well. If it carries another call by now, that one ends without an answer.
func Distrust(response *http.Response) {
	if body, ok := response.Body.(*answerBody); ok {
		_ = body.conn.raw.Close()
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// check finds what cannot be sent as it is, or could be repeated.
func check(r *http.Request) error {
	switch {
	case r.GetBody != nil:
		return errors.New("a request with GetBody could be repeated")
	case r.Body == nil && r.ContentLength != 0 || r.Body != nil && r.ContentLength <= 0 && r.Body != http.NoBody:
		return errors.New("the length of the request's body is not known")
	case !httpguts.ValidHeaderFieldName(r.Method):
		return errors.New("the method is not a token")
	case !visible(r.URL.RequestURI()) || r.Host == "" || !httpguts.ValidHostHeader(r.Host):
		return errors.New("the target or the host has characters that must not be sent")
	}
	return checkHeader(r.Header)
}

func visible(target string) bool {
	for i := range len(target) {
		if target[i] <= ' ' || target[i] >= 0x7f {
			return false
		}
	}
	return true
}

func checkHeader(header http.Header) error {
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) {
			return errors.New("a header's name is not a token")
		}
		if i := slices.IndexFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }); i >= 0 {
			return fmt.Errorf("header %s has characters that must not be sent", textproto.CanonicalMIMEHeaderKey(name))
		}
	}
	return nil
}

// framing are the headers that say where a message begins and ends, and whom it is for: they are made here.
var framing = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection"}

// appendHead appends the request line and the header (RFC 9112).
func appendHead(b []byte, r *http.Request) []byte {
	b = append(append(b, r.Method...), ' ')
	b = append(append(b, r.URL.RequestURI()...), " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", r.Host)
	for name, values := range r.Header {
		if slices.Contains(framing, name) {
			continue
		}
		for _, value := range values {
			b = appendField(b, name, value)
		}
	}
	if r.ContentLength > 0 || takesBody(r.Method) {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// takesBody reports whether a method is one whose requests have a body, for every server. With others (RFC 9110 section 9.3)
// a server may take the body for the next request, and answer that as well.
func takesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
