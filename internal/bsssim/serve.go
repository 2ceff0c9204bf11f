package bsssim

import (
	"net"
	"net/http"
	"time"
)

// Serve starts to serve handler's pages and returns the server. It is for helpers on loopback: without the bounds that a gateway needs against strangers.
func Serve(listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	return server
}
