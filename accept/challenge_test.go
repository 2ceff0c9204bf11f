package accept

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"tollgate/tlspolicy"
)

// TestChallengesCarryNothing: connections of an ACME authority end with the handshake, and are no refusals.
func TestChallengesCarryNothing(t *testing.T) {
	challenge := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pki().server, nil }
	l, refused := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{Challenge: challenge, RequireClientCert: true}), MaxConns: 3})
	for range 3 {
		conn := tls.Client(dial(t, l), clientTLS(func(c *tls.Config) { c.NextProtos = []string{tlspolicy.ACMEProtocol} }))
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after the handshake: %v", err)
		}
	}
	_ = l.Close()
	if conn, err := l.Accept(); err == nil {
		t.Errorf("given out: %v", conn.RemoteAddr())
	}
	if n := l.(*listener).slots.conns.Len(); n != 0 {
		t.Errorf("%d places are not given back", n)
	}
	if len(refused) != 0 {
		t.Errorf("reported as refused: %+v", <-refused)
	}
}
