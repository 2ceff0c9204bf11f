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
	w, err := watchBundle(path)
	if err != nil {
		return nil, err
	}
	return w.value.Load().pool, nil
}

// OptionalPool is LoadPool, but no path means nil.
func OptionalPool(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	return LoadPool(path)
}

// bundle is what a file of authorities holds.
type bundle struct {
	pool         *x509.CertPool
	certificates []*x509.Certificate
	known        map[string]bool // by what is between the BEGIN and END of the certificate
}

func watchBundle(path string) (*watched[bundle], error) {
	parse := func(files [][]byte) (*bundle, error) {
		b, err := parseBundle(files[0])
		if err != nil {
			return nil, fmt.Errorf("CA bundle %s: %w", path, err)
		}
		return b, nil
	}
	return watch(parse, input{"CA bundle", path, maxFile})
}

func parseBundle(data []byte) (*bundle, error) {
	if kind := privateKeyBlock(data); kind != "" {
		return nil, fmt.Errorf("it has a PEM block of type %s, which does not belong there", kind)
	}
	certificates, err := parseCertificates(data)
	if err != nil {
		return nil, err
	}
	b := &bundle{x509.NewCertPool(), certificates, map[string]bool{}}
	for _, certificate := range certificates {
		b.pool.AddCert(certificate)
		b.known[string(certificate.Raw)] = true
	}
	return b, nil
}

func privateKeyBlock(data []byte) string {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Type
		}
	}
	return ""
}
