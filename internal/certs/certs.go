// Package certs gives listeners their certificates, and upstreams ours, and says which client certificates count: what is
// in files is read again when it changes, what the gateway issues itself is renewed in time.
//
// # Sources
//
// A [Source] gives certificates: [Files] from two files, [Internal] from an authority of its own. A [Set] is a source made
// of others, and chooses by the name that the peer asks for and by what the peer can use.
//
// # Looking after them
//
// Nothing here starts a goroutine. Whatever has to be looked after is a [Reloader]; one [Watch] polls all of them. What is
// wrong with a new file is reported once, and the old state stays in use.
//
// # Files
//
// Files are PEM (RFC 7468): a certificate file holds the leaf first and then its chain, a key file one private key.
// Text around the blocks is ignored. Certificate and key are taken together, and only if they match.
//
// # Client certificates
//
// [Clients] has the authorities, revocation lists, and a list of denied serial numbers: one certificate in a line, its
// serial number in hexadecimal, then optionally the SHA-256 fingerprint of its issuer's certificate; "#" begins a comment.
//
//	5F:0A:11          # the laptop that was lost
//	01 3fa4...c9      # the first one of that authority
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"tollgate/tlspolicy"
)

// Source gives certificates. Its methods may be called concurrently.
type Source interface {
	// GetCertificate is for [tls.Config].
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)

	// Current gives the certificates in use, each with its Leaf, for their names and their expiry. Neither they nor the
	// slice may be changed. It costs next to nothing, and is the same slice as long as nothing changed; it is empty while
	// there is none yet.
	Current() []*tls.Certificate

	// Close ends whatever the source does by itself.
	Close() error
}

var (
	_ Source   = (*Files)(nil)
	_ Reloader = (*Files)(nil)
)

// Files is a certificate that lives in two files. It may be used concurrently.
type Files struct {
	*watched[[]*tls.Certificate] // of one
}

// Load reads a certificate chain and its private key. The error names the file at fault and what is wrong with it; a key
// that [tlspolicy.CheckKey] finds too short is refused.
// A certificate that has expired, or does not hold yet, is loaded nevertheless: see [Files.Leaf].
func Load(cert, key string) (*Files, error) {
	parse := func(files [][]byte) (*[]*tls.Certificate, error) {
		certificate, err := parsePair(cert, files[0], key, files[1])
		if err != nil {
			return nil, err
		}
		return &[]*tls.Certificate{certificate}, nil
	}
	w, err := watch(parse, input{"certificate", cert, maxFile}, input{"private key", key, maxFile})
	if err != nil {
		return nil, err
	}
	return &Files{w}, nil
}

// Current gives the one certificate.
func (f *Files) Current() []*tls.Certificate { return *f.value.Load() }

// GetCertificate is for [tls.Config]. It gives the same certificate whatever name the peer asks for.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.Current()[0], nil
}

// GetClientCertificate is for [tls.Config], towards a server. The certificate is shown if the server can verify its
// signatures, whichever authorities the server says that it trusts: it was configured for this server, whose refusal says
// more than silence.
func (f *Files) GetClientCertificate(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	anyAuthority := *request
	anyAuthority.AcceptableCAs = nil
	if certificate := f.Current()[0]; anyAuthority.SupportsCertificate(certificate) == nil {
		return certificate, nil
	}
	return new(tls.Certificate), nil // none
}

// Leaf gives the certificate in use, for its names and its expiry. It must not be changed.
func (f *Files) Leaf() *x509.Certificate { return f.Current()[0].Leaf }

// Close does nothing: files need no end.
func (f *Files) Close() error { return nil }

func parsePair(certPath string, certPEM []byte, keyPath string, keyPEM []byte) (*tls.Certificate, error) {
	chain, err := parseCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", certPath, err)
	}
	if err := tlspolicy.CheckKey(chain[0].PublicKey); err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", certPath, err)
	}
	if !hasKey(keyPEM) {
		return nil, fmt.Errorf("private key file %s: no PEM block with a private key%s", keyPath, encryptedHint(keyPEM))
	}
	certificate, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("private key file %s for certificate file %s: %w", keyPath, certPath, err)
	}
	certificate.Leaf = chain[0] // X509KeyPair leaves it out under GODEBUG=x509keypairleaf=0
	return &certificate, nil
}

// parseCertificates reads all certificates of PEM text. There must be at least one; blocks of other kinds are skipped.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d: %w", len(certificates)+1, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("no PEM block of type CERTIFICATE")
	}
	return certificates, nil
}

func hasKey(data []byte) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY") && block.Type != "ENCRYPTED PRIVATE KEY" {
			return true
		}
	}
	return false
}

func encryptedHint(data []byte) string {
	if block, _ := pem.Decode(data); block != nil && block.Type == "ENCRYPTED PRIVATE KEY" {
		return " (it is encrypted with a password, which is not supported)"
	}
	return ""
}
