// Package accept is the first step of a call: connections, and HTTP on them.
//
// [NewServer] serves HTTP within bounds. It is the one place that knows which engine does so: others know a [Server], and of a
// request's connection what [ConnectionOf] returns.
//
// [Listen] opens a TCP port or a unix socket. Below any engine is a listener that puts bounds around it: how many connections there may
// be, how many from one source, and how long a TLS handshake may take. Handshakes run beside each other, so that a peer that stalls in
// one keeps no other waiting. The engine gets finished [*crypto/tls.Conn] values, on which HTTP/2 or HTTP/1.1 is spoken as ALPN says. A
// callback receives each that is turned away.
package accept
