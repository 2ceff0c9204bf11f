// Package accept is the first step of a call: a listener that gives out only finished connections.
//
// [Listen] opens a TCP port or a unix socket. [New] puts bounds around a listener: how many connections there may be,
// how many from one source, and how long a TLS handshake may take. Handshakes run beside each other, so that a peer
// that stalls in one keeps nobody else waiting. Accept returns finished [*crypto/tls.Conn] values, with which
// [net/http.Server.Serve] speaks HTTP/2 or HTTP/1.1 as ALPN says. Whoever is turned away is told to a callback.
package accept
