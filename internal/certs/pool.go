package certs

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// LoadPool reads a bundle of authorities. Unlike [x509.CertPool.AppendCertsFromPEM] it passes over nothing: a
// certificate that cannot be read is an error, and so is a private key, which does not belong there.
func LoadPool(path string) (*x509.CertPool, error) {
	data, err := read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("CA bundle: %w", err)
	}
	if kind := privateKeyBlock(data); kind != "" {
		return nil, fmt.Errorf("CA bundle %s: it has a PEM block of type %s, which does not belong there", path, kind)
	}
	certificates, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("CA bundle %s: %w", path, err)
	}
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool, nil
}

func privateKeyBlock(data []byte) string {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Type
		}
	}
	return ""
}
