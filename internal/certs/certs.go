// Package certs gives listeners their certificates, behind one GetCertificate function, and reads bundles of authorities.
//
// Files are PEM (RFC 7468): a certificate file holds the leaf first and then its chain, a key file one private key.
// Text around the blocks is ignored.
package certs

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// minRSA is the bound that package tlspolicy has for the certificates of peers. Peers may well have the same for ours.
const minRSA = 2048

// maxFile bounds how much of a file is read: the system's bundle of authorities has a quarter of that.
const maxFile = 1 << 20

// Files is a certificate that lives in two files. It may be used concurrently.
type Files struct {
	certPath, keyPath string
	current           atomic.Pointer[tls.Certificate]
}

// Load reads a certificate chain and its private key. The error names the file at fault and what is wrong with it; an RSA
// key of less than 2048 bits is refused.
// A certificate that has expired, or does not hold yet, is loaded nevertheless: see [Files.Leaf].
func Load(cert, key string) (*Files, error) {
	f := &Files{certPath: cert, keyPath: key}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Reload reads the files again. Handshakes that begin afterwards use the new certificate; after an error, the old one.
func (f *Files) Reload() error {
	certificate, err := load(f.certPath, f.keyPath)
	if err != nil {
		return err
	}
	f.current.Store(certificate)
	return nil
}

// GetCertificate is for [tls.Config]. It gives the same certificate whatever name the peer asks for.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// Leaf gives the certificate in use, for its names and its expiry. It must not be changed.
func (f *Files) Leaf() *x509.Certificate { return f.current.Load().Leaf }

func load(certPath, keyPath string) (*tls.Certificate, error) {
	certPEM, err := read(certPath)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	chain, err := parseCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", certPath, err)
	}
	if key, ok := chain[0].PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		return nil, fmt.Errorf("certificate file %s: its RSA key has %d bits, and needs %d or more", certPath, key.N.BitLen(), minRSA)
	}
	keyPEM, err := read(keyPath)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
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

// read reads a small regular file; a device or pipe could keep us waiting, a huge file fill the memory.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, nil
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
