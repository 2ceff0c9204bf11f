package acme

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// Handler returns what answers the [certs.HTTP01] challenges of sources, and nothing else, on port 80 as the authority sees it.
func Handler(sources func() []*Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		for _, s := range sources() {
			// Names of others are not looked up, so that no peer can make us read files at will.
			if s.answers(certs.HTTP01, name) && s.issuer.HandleHTTPChallenge(w, r) {
				return
			}
		}
		http.NotFound(w, r)
	})
}

func (s *Source) answers(c certs.ACMEChallenge, name string) bool {
	return s.config.Challenge == c && slices.Contains(s.config.Hosts, setting.CertificateHost(strings.ToLower(name)))
}

// Answer returns what answers the [certs.TLSALPN01] challenges of sources: the certificate for a handshake in which the peer offers
// the protocol "acme-tls/1" alone, while a challenge for the name it asks for goes on, and otherwise an error. Connections
// of such handshakes must carry nothing (RFC 8737, section 3).
func Answer(sources ...*Source) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, s := range sources {
			if !s.answers(certs.TLSALPN01, hello.ServerName) {
				continue
			}
			if certificate, err := s.magic.GetCertificate(hello); err == nil {
				return certificate, nil
			}
		}
		return nil, fmt.Errorf("no ACME challenge goes on for %.100q", hello.ServerName)
	}
}
