// Package accept is the first step of a call: connections, and HTTP on them.
//
// [NewServer] serves HTTP within bounds. It is the one place that knows which engine does so: others know a [Server], and of a
// request's connection what [ConnectionOf] returns.
//
// [Listen] opens a TCP port or a unix socket. Below any engine is a listener that puts bounds around it: how many connections there may
// be, how many from one source, and how long a TLS handshake may take. Handshakes run beside each other, so that a peer that stalls in
// one keeps no other waiting. Where ALPN has chosen HTTP/2, net/http takes the finished [*crypto/tls.Conn]; others are served by package
// http1/server, in the goroutine that shook hands. A callback receives each that is turned away.
package accept
