// Package certs provides the certificates of listeners and those that we show to upstreams, and decides which client certificates count: what is
// in files is read again when it changes, what the gateway issues itself is renewed in time.
//
// # Sources
//
// A [Source] returns certificates: [Files] from two files, [Internal] from an authority of its own. A [Set] is a source made
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
// Text around the blocks is ignored, but no block: one that is damaged makes an error of the file. Certificate and key are taken
// together, and only if they match; both may stand in one file.
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
	"slices"
	"strings"

	"tollgate/internal/watch"
	"tollgate/tlspolicy"
)

// Source returns certificates. Its methods may be called concurrently.
type Source interface {
	// GetCertificate is for [tls.Config].
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)

	// Current returns the certificates in use, each with its Leaf, for their names and their expiry. Neither they nor the
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
	*watch.Value[[]*tls.Certificate] // of one
}

// Load reads a certificate chain and its private key. The error names the file at fault and what is wrong with it; a key
// that [tlspolicy.CheckKey] finds too short is refused.
// A certificate that has expired, or does not hold yet, is loaded nevertheless.
func Load(cert, key string) (*Files, error) {
	parse := func(files [][]byte) (*[]*tls.Certificate, error) {
		certificate, err := ParsePair(cert, files[0], key, files[1])
		if err != nil {
			return nil, err
		}
		return &[]*tls.Certificate{certificate}, nil
	}
	w, err := watch.NewValue(parse, watch.Input{What: "certificate", Path: cert, Limit: maxFile}, watch.Input{What: "private key", Path: key, Limit: maxFile})
	if err != nil {
		return nil, err
	}
	return &Files{w}, nil
}

// Current returns the one certificate.
func (f *Files) Current() []*tls.Certificate { return *f.Load() }

// GetCertificate is for [tls.Config]. It returns the same certificate for every name.
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

// Close does nothing: files need no end.
func (f *Files) Close() error { return nil }

// ParsePair makes a certificate of PEM text with a chain, leaf first, and of PEM text with its private key. The paths are for errors.
func ParsePair(certPath string, certPEM []byte, keyPath string, keyPEM []byte) (*tls.Certificate, error) {
	chain, err := parseCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", certPath, err)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("private key file %s: %w", keyPath, err)
	}
	certificate, err := tls.X509KeyPair(encodeChain(chain), key)
	if leaf := leafOf(chain, key); err != nil && leaf > 0 {
		return nil, fmt.Errorf("certificate file %s: the private key belongs to certificate number %d of the file: "+
			"move that one to the front, since the leaf comes first and each issuer after what it issued", certPath, leaf+1)
	}
	if err != nil {
		return nil, fmt.Errorf("private key file %s for certificate file %s: %w", keyPath, certPath, err)
	}
	if err := tlspolicy.CheckKey(chain[0].PublicKey); err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", certPath, err)
	}
	certificate.Leaf = chain[0] // X509KeyPair leaves it out under GODEBUG=x509keypairleaf=0
	return &certificate, nil
}

func encodeChain(chain []*x509.Certificate) []byte {
	var text []byte
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: c.Raw})...)
	}
	return text
}

// leafOf returns the index of the certificate that a private key belongs to, or -1.
func leafOf(chain []*x509.Certificate, key []byte) int {
	return slices.IndexFunc(chain, func(c *x509.Certificate) bool {
		_, err := tls.X509KeyPair(encodeChain([]*x509.Certificate{c}), key)
		return err == nil
	})
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	blocks, err := parsePEM(data)
	if err != nil {
		return nil, err
	}
	return certificatesOf(blocks)
}

// certificatesOf reads the certificates among blocks. There must be at least one; blocks of other kinds are skipped.
func certificatesOf(blocks []block) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for _, b := range blocks {
		if strings.HasSuffix(b.Type, " CERTIFICATE") {
			return nil, fmt.Errorf("%v, is of type %s, which is not supported: `openssl x509 -in OLD -out NEW` makes a CERTIFICATE of it", b, b.Type)
		}
		if b.Type != certificateType {
			continue
		}
		certificate, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d (%v): %w", len(certificates)+1, b, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("no PEM block of type CERTIFICATE")
	}
	return certificates, nil
}

// parseKey returns the PEM text of the first private key.
func parseKey(data []byte) ([]byte, error) {
	blocks, err := parsePEM(data)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		switch {
		case b.encrypted():
			return nil, fmt.Errorf("%v, is a private key that is encrypted with a password, which is not supported: `openssl pkey -in OLD -out NEW` writes it without", b)
		case b.isKey():
			return pem.EncodeToMemory(b.Block), nil
		}
	}
	return nil, errors.New("no PEM block with a private key")
}
