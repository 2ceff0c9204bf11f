package certs

import (
	"crypto/x509"
	"fmt"

	"tollgate/internal/watch"
)

// Bundle is what a file of authorities holds. Neither it nor what it refers to may be changed.
type Bundle struct {
	Path         string         // empty: the authorities of the system
	Pool         *x509.CertPool // nil for those of the system
	Certificates []*x509.Certificate

	known map[string]bool // by what is between the BEGIN and END of the certificate
}

// LoadBundle reads a bundle of authorities; no path means those of the system. Unlike [x509.CertPool.AppendCertsFromPEM] it passes
// over nothing: what cannot be read is an error, and so is what is no certificate, such as a private key or a revocation list.
func LoadBundle(path string) (*Bundle, error) {
	if path == "" {
		return &Bundle{}, nil
	}
	w, err := watchBundle(path)
	if err != nil {
		return nil, err
	}
	return w.Load(), nil
}

// Authorities are a bundle that is read again when its file changes. It is a [Reloader].
type Authorities struct{ *watch.Value[Bundle] }

// LoadAuthorities reads a bundle that is there: those of the system are of the process, and change with it only.
func LoadAuthorities(path string) (*Authorities, error) {
	w, err := watchBundle(path)
	if err != nil {
		return nil, err
	}
	return &Authorities{w}, nil
}

func watchBundle(path string) (*watch.Value[Bundle], error) {
	return watch.ValueOf(watch.Input{What: "CA bundle", Path: path, Limit: maxFile}, func(data []byte) (*Bundle, error) { return parseBundle(path, data) })
}

func parseBundle(path string, data []byte) (*Bundle, error) {
	blocks, err := parsePEM(data)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if b.Type != certificateType {
			return nil, fmt.Errorf("it has a PEM block of type %s, which does not belong there", b.Type)
		}
	}
	certificates, err := certificatesOf(blocks)
	if err != nil {
		return nil, err
	}
	b := &Bundle{path, x509.NewCertPool(), certificates, map[string]bool{}}
	for _, certificate := range certificates {
		b.Pool.AddCert(certificate)
		b.known[string(certificate.Raw)] = true
	}
	return b, nil
}
