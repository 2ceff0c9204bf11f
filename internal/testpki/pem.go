package testpki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// CertPEM returns the authority's certificate as PEM text, for peers' CA files.
func (ca *CA) CertPEM() []byte { return encode("CERTIFICATE", ca.certificate.Raw) }

// WriteFile writes [CA.CertPEM] to a file that all may read.
func (ca *CA) WriteFile(path string) error { return os.WriteFile(path, ca.CertPEM(), 0o644) }

// CertPEM returns a certificate and its chain as PEM text.
func CertPEM(c tls.Certificate) []byte {
	var out bytes.Buffer
	for _, der := range c.Certificate {
		out.Write(encode("CERTIFICATE", der))
	}
	return out.Bytes()
}

// KeyPEM returns a certificate's private key as PEM text (PKCS #8).
func KeyPEM(c tls.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return encode("PRIVATE KEY", der), nil
}

// WriteFiles writes a certificate and its key to two files; only the owner may read the key.
func WriteFiles(c tls.Certificate, certPath, keyPath string) error {
	key, err := KeyPEM(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyPath, key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certPath, CertPEM(c), 0o644)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
