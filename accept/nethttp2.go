package accept

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// handOver is the entry of [http.Server.TLSNextProto] to which connections go that are not TLS ones. net/http and x/net/http2 hand such
// connections to each other by it. Without it answers of HTTP/2 go out in two writes each.
const handOver = "unencrypted_http2"

// preface begins what a client of HTTP/2 sends (RFC 9113 section 3.4), and prefaceTime is for how long net/http waits for it.
const (
	preface     = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	prefaceTime = 10 * time.Second
)

// gatherHTTP2 makes net/http's server of HTTP/2 write to a [gatheringConn]. All else stays as it is.
func (s *netHTTP) gatherHTTP2() {
	_ = s.http.Serve(takesNone{s.listener}) // sets up HTTP/2, and no more
	serve := s.http.TLSNextProto[handOver]
	if serve == nil {
		return
	}
	s.http.TLSNextProto["h2"] = func(server *http.Server, conn *tls.Conn, handler http.Handler) {
		if begins(conn) {
			serve(server, tls.Client(handedOver{newGathering(conn)}, nil), handler)
		}
	}
}

// begins reads the preface, and reports whether it is one: what hands a connection over has read it.
func begins(conn net.Conn) bool {
	var got [len(preface)]byte
	if conn.SetReadDeadline(time.Now().Add(prefaceTime)) != nil {
		return false
	}
	_, err := io.ReadFull(conn, got[:])
	return err == nil && string(got[:]) == preface && conn.SetReadDeadline(time.Time{}) == nil
}

// handedOver is how net/http finds a connection within a TLS connection that is none.
type handedOver struct{ net.Conn }

func (h handedOver) UnencryptedNetConn() net.Conn { return h.Conn }

// takesNone is a listener that takes no connection.
type takesNone struct{ net.Listener }

func (takesNone) Accept() (net.Conn, error) { return nil, net.ErrClosed }

func (takesNone) Close() error { return nil }
