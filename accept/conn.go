package accept

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"

	"tollgate/tlspolicy"
)

// conn gives its slot back when it is closed.
type conn struct {
	net.Conn
	release func()             // may be called more than once
	offered *tlspolicy.Offered // what the peer offered in its handshake; nil for a plain connection
}

// offeredOn finds what was offered on a connection that New gave out.
func offeredOn(c net.Conn) *tlspolicy.Offered {
	secured, ok := c.(*tls.Conn)
	if !ok {
		return nil
	}
	ours, ok := secured.NetConn().(*conn)
	if !ok {
		return nil
	}
	return ours.offered
}

// Close closes the connection and gives its slot back.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

// CloseWrite lets net/http end a plain connection gently, so that a peer that is still sending can read our answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// slots counts connections, in all and per source. Its map holds only sources that have a connection, so it is no
// larger than the bound on all connections.
type slots struct {
	max, maxPerSource int

	mu        sync.Mutex
	total     int
	perSource map[string]int
}

func newSlots(limit, perSource int) *slots {
	return &slots{max: limit, maxPerSource: perSource, perSource: make(map[string]int)}
}

func (s *slots) take(source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.max {
		return errTooMany
	}
	if s.counts(source) && s.perSource[source] >= s.maxPerSource {
		return errTooManySource
	}
	s.total++
	if s.counts(source) {
		s.perSource[source]++
	}
	return nil
}

func (s *slots) release(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if !s.counts(source) {
		return
	}
	s.perSource[source]--
	if s.perSource[source] == 0 {
		delete(s.perSource, source)
	}
}

func (s *slots) counts(source string) bool { return s.maxPerSource > 0 && source != SourceUnix }

// plainHTTPAnswer is for people who type http:// where https:// is meant.
const plainHTTPAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks HTTPS only: use https:// in the address.\n"

// answerPlainHTTP answers a peer whose first bytes look like an HTTP request. The handshake's deadline still counts.
func answerPlainHTTP(err error) {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return
	}
	start := string(header.RecordHeader[:])
	for _, method := range []string{"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS "} {
		if strings.HasPrefix(start, method) || strings.HasPrefix(method, start) {
			_, _ = header.Conn.Write([]byte(plainHTTPAnswer))
			return
		}
	}
}
