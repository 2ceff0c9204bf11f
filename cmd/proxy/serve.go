package main

import (
	"net"
	"net/http"
	"time"
)

// serveSimple serves a helper's pages, without the bounds that a gateway needs against strangers.
func serveSimple(listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	return server
}
