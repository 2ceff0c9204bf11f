package accept

import (
	"context"
	"crypto/tls"
	"net/http"

	"golang.org/x/net/http2"
)

// serveHTTP2 has the connections on which HTTP/2 was agreed served by the package that net/http's own server of HTTP/2 is made of, since
// that one takes TLS connections only, and this one any that is like one. All else is net/http's still: settings, states, the end.
func (s *netHTTP) serveHTTP2() error {
	h2 := new(http2.Server)
	if err := http2.ConfigureServer(s.http, h2); err != nil {
		return err
	}
	s.http.TLSNextProto["h2"] = func(server *http.Server, conn *tls.Conn, handler http.Handler) {
		ctx := context.Background()
		if base, ok := handler.(interface{ BaseContext() context.Context }); ok { // so net/http passes the connection's context
			ctx = base.BaseContext()
		}
		h2.ServeConn(newGathering(conn), &http2.ServeConnOpts{Context: ctx, BaseConfig: server, Handler: handler})
	}
	return nil
}
