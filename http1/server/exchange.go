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

// exchange is all memory of a request and its answer. It goes from connection to connection, and is cleared in between.
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

	in  [inSize]byte
	out [outSize]byte
}

var exchanges = sync.Pool{New: func() any {
	x := &exchange{header: http.Header{}, values: make([]string, 0, 16)}
	x.response.header = http.Header{}
	x.renewContext()
	return x
}}

func (x *exchange) renewContext() {
	x.context = new(requestContext)
	x.plain = *new(http.Request).WithContext(x.context)
}

// take has an exchange for a request of which bytes have arrived.
func (c *Conn) take() {
	if c.exchange == nil {
		c.exchange = exchanges.Get().(*exchange)
		c.reader.Lend(c.in[:])
	}
}

// release gives the exchange back, if there is one. Bytes that were not read yet are lost.
func (c *Conn) release() {
	x := c.exchange
	if x == nil {
		return
	}
	c.reader.Reset(source{c}, c.server.limits)
	c.reader.Return()
	c.exchange = nil
	x.clear()
	clear(x.in[:])
	exchanges.Put(x)
}

// clear ends what a handler was given. Whatever is kept beyond a request, though it must not be, is empty from then on, and not that of
// another request.
func (x *exchange) clear() {
	clear(x.header)
	clear(x.values)
	clear(x.head.Fields)
	clear(x.response.header)
	clear(x.out[:x.response.used])
	x.response = response{header: x.response.header}
	x.request, x.url, x.body, x.values = http.Request{}, url.URL{}, body{closed: true}, x.values[:0]
	x.head = http1.RequestHead{Fields: x.head.Fields[:0]}
	if x.context.wasWaitedFor() { // what was made of it may go on beside us
		x.renewContext()
	}
}
