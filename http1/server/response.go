package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// headRoom is how much of the memory of an answer its head has.
const headRoom = 2 << 10

// response is the answer to a request, as its handler writes it. What was not sent yet lies in out: the head at the front, the body from
// headRoom on. To be sent, the head moves up to the body, so that one write takes both.
type response struct {
	conn   *Conn
	header http.Header
	status int // 0: not said yet
	out    *[outSize]byte
	used   int    // bytes of out, ever
	head   []byte // without what is known only when it is sent; nil once it is
	body   []byte

	length     int64 // of the body, as the handler has announced it; -1: it has not
	written    int64 // of the body, by the handler
	bodyless   bool  // by its status or the request's method
	chunked    bool
	untilClose bool
	closes     bool // the connection ends with the answer
}

// begin makes it the answer to a new request.
func (w *response) begin(c *Conn) {
	*w = response{conn: c, header: w.header, length: -1, closes: c.request.Close}
}

// release returns the memory to its pool. Nothing more can be written.
func (w *response) release() {
	if w.out != nil {
		clear(w.out[:w.used])
		outs.Put(w.out)
	}
	w.out, w.head, w.body, w.length = nil, nil, nil, w.written
}

// begun reports whether a part of the answer was sent.
func (w *response) begun() bool { return w.status != 0 && w.head == nil }

func (w *response) Header() http.Header { return w.header }

// SetReadDeadline and SetWriteDeadline are those of [http.ResponseController]. The first is exact. The second may be up to a second late, but
// what is over is over.
func (w *response) SetReadDeadline(at time.Time) error { return w.conn.reading.want(at, true) }

func (w *response) SetWriteDeadline(at time.Time) error {
	return w.conn.writing.want(at, !at.IsZero() && !time.Now().Before(at))
}

// WriteHeader takes the status and the header as it is now.
func (w *response) WriteHeader(status int) {
	if status < 200 || status > 999 {
		panic("http: status " + strconv.Itoa(status) + " is none of a final answer")
	}
	if w.status != 0 {
		return
	}
	w.status = status
	w.bodyless = w.conn.head.Method == http.MethodHead || !allowsBody(status)
	w.length = announced(w.header["Content-Length"])
	w.closes = w.closes || hasToken(w.header["Connection"], "close")
	w.out = outs.Get().(*[outSize]byte)
	w.head, w.body = w.out[:0:headRoom], w.out[headRoom:headRoom]
	w.appendHead()
}

func allowsBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// announced reads a Content-Length; -1 if there is none.
func announced(values []string) int64 {
	if len(values) != 1 {
		return -1
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.sniff(p)
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case len(p) == 0:
		return 0, nil
	case !allowsBody(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	if w.bodyless {
		return len(p), nil
	}
	return w.write(p)
}

// sniff says what the content is, as net/http does, where the handler does not.
func (w *response) sniff(p []byte) {
	if _, said := w.header["Content-Type"]; !said && w.header["Content-Encoding"] == nil && len(p) > 0 {
		w.header["Content-Type"] = []string{http.DetectContentType(p)}
	}
}

// write keeps what there is room for. Of more it sends what is kept, filled up, and the rest without a copy if that is large.
func (w *response) write(p []byte) (int, error) {
	for left := p; ; {
		n := min(len(left), bodyRoom-len(w.body))
		w.body = append(w.body, left[:n]...)
		if left = left[n:]; len(left) == 0 {
			return len(p), nil
		}
		if err := w.send(false); err != nil {
			return 0, err
		}
		if len(left) >= bodyRoom && !w.chunked {
			if err := w.conn.write(left); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
}

// Flush sends what is kept.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.send(false)
}

// chunkEnd ends a chunk, and lastChunk a body of chunks.
const chunkEnd, lastChunk = "\r\n", "0\r\n\r\n"

// bodyRoom is how much of a body is kept, so that it can be ended where it lies.
const bodyRoom = outSize - headRoom - len(chunkEnd+lastChunk)

// send sends what is kept of head and body; last says that the body ends with it.
func (w *response) send(last bool) error {
	var before []byte // the body
	if w.head != nil {
		w.frame(last)
		before = w.head
	}
	body := w.body
	if w.chunked {
		if len(body) > 0 {
			before = append(strconv.AppendInt(before, int64(len(body)), 16), chunkEnd...)
			body = append(body, chunkEnd...)
		}
		if last {
			body = append(body, lastChunk...)
		}
	}
	w.head, w.body = nil, w.body[:0]
	return w.sendBoth(before, body)
}

// sendBoth sends what comes before a part of the body, and that part, in one write if they fit.
func (w *response) sendBoth(before, body []byte) error {
	w.used = max(w.used, headRoom+len(body))
	switch {
	case len(before)+len(body) == 0:
		return nil
	case len(before) <= headRoom: // the body lies behind that
		start := headRoom - len(before)
		copy(w.out[start:], before)
		return w.conn.write(w.out[start : headRoom+len(body)])
	}
	if err := w.conn.write(before); err != nil {
		return err
	}
	return w.conn.write(body)
}

// frame ends the head: now it is known how the body ends, and whether the connection does.
func (w *response) frame(last bool) {
	w.closes = w.closes || !w.conn.body.discard()
	switch {
	case !allowsBody(w.status):
		w.length = -1
	case w.length < 0 && last && (!w.bodyless || w.written > 0):
		w.length = w.written
	case w.length >= 0 || w.bodyless:
	case w.conn.head.Minor > 0:
		w.chunked = true
	default:
		w.untilClose, w.closes = true, true
	}
	w.appendFraming()
}

// finish ends the answer when the handler has returned, and reports whether it is whole.
func (w *response) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if err := w.send(true); err != nil {
		return false
	}
	return w.bodyless || w.length < 0 || w.written == w.length
}

// failsExpectation reports whether a request expects what is not known here, and answers it then.
func (w *response) failsExpectation() bool {
	expect := w.conn.request.Header["Expect"]
	if len(expect) == 0 || len(expect) == 1 && strings.EqualFold(expect[0], "100-continue") {
		return false
	}
	w.closes = true
	w.conn.writing.bound(farewellTime, false)
	w.WriteHeader(http.StatusExpectationFailed)
	return true
}
