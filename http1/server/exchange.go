package server

import (
	"net/http"
	"net/url"
	"sync"

	"tollgate/http1"
)

const (
	inSize  = 4 << 10
	outSize = 16 << 10 // with what precedes a body, no more than one TLS record
)

// exchange is what a request and its answer need, but for the memory of an answer that has begun. It goes from connection to connection,
// and is cleared in between.
type exchange struct {
	head     http1.RequestHead
	plain    http.Request // that has the context, and nothing else
	request  http.Request
	url      url.URL
	header   http.Header
	values   []string // of the header
	body     body
	response response
	context  *requestContext

	in *[inSize]byte // received, of this request and those behind it
}

var exchanges = sync.Pool{New: func() any {
	x := &exchange{header: http.Header{}, values: make([]string, 0, 16), context: new(requestContext), in: new([inSize]byte)}
	x.response.header = http.Header{}
	x.plain = *new(http.Request).WithContext(x.context)
	return x
}}

// outs has the memory of answers, which one takes when it begins: a peer that is slow with its request holds none.
var outs = sync.Pool{New: func() any { return new([outSize]byte) }}

// take has an exchange for a request of which bytes have arrived.
func (c *Conn) take() {
	if c.exchange == nil {
		c.exchange = exchanges.Get().(*exchange)
		c.reader.Lend(c.in[:])
	}
}

// release returns the exchange to its pool, if there is one. Bytes that were not read yet are lost.
func (c *Conn) release() {
	if c.exchange == nil {
		return
	}
	c.reader.Reset(deadlineReader{c}, c.server.limits)
	used := c.reader.Used()
	c.reader.Return()
	c.endExchange()
	clear(c.in[:used])
	exchanges.Put(c.exchange)
	c.exchange = nil
}

// endExchange makes the exchange ready for another request. If Done of its context was called, something may go on that the handler has
// left behind, such as that of [http.TimeoutHandler]: that keeps what it was given, and another exchange takes over what was received.
func (c *Conn) endExchange() {
	x := c.exchange
	x.response.release()
	if !x.context.wasWaitedFor() {
		x.clear()
		return
	}
	c.exchange = exchanges.Get().(*exchange)
	c.in, x.in = x.in, nil
}

// clear ends what a handler was given. Whatever is kept beyond a request, though it must not be, is empty from then on, and not that of
// another request.
func (x *exchange) clear() {
	clear(x.header)
	clear(x.values)
	clear(x.head.Fields)
	clear(x.response.header)
	x.response = response{header: x.response.header}
	x.request, x.url, x.body, x.values = http.Request{}, url.URL{}, body{closed: true}, x.values[:0]
	x.head = http1.RequestHead{Fields: x.head.Fields[:0]}
}
