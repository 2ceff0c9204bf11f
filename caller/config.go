package caller

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tollgate/internal/secret"
)

// Bounds on what a [Config] holds.
const (
	// MinSecretLength is the least length of an access key's secret, in bytes. The provider's own have 40.
	MinSecretLength = 16
	// MaxSecretLength is the greatest.
	MaxSecretLength = 256

	maxNameLength = 64
	maxKeyLength  = 128 // as in package signing
	maxSANLength  = 2048
	maxDNSLength  = 253
)

// Config is one caller. A caller without certificates and access keys can only come through a listener that is fixed to
// it.
type Config struct {
	// Name is how records and grants call it: 1 to 64 letters, digits, "-", "_" and ".", unique.
	Name         string
	Certificates []Certificate
	AccessKeys   []AccessKey
}

// Certificate says which client certificates are a caller's. Exactly one field is set; see the package comment for how
// they match.
type Certificate struct {
	URI        string // a URI subject alternative name, such as a SPIFFE ID
	DNS        string // a DNS subject alternative name
	CommonName string // the subject's only common name, for certificates without alternative names
}

// AccessKey is a key pair that the gateway issued to a caller.
type AccessKey struct {
	ID     string        // 1 to 128 letters, digits, "-", "_" and "."; unique over all callers
	Secret secret.String // MinSecretLength to MaxSecretLength printable ASCII characters without blanks
}

func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || !isWord(name) {
		return fmt.Errorf(`name %.70q: must be 1 to %d letters, digits, "-", "_" and "."`, name, maxNameLength)
	}
	return nil
}

func (k AccessKey) check() error {
	var problems []error
	if k.ID == "" || len(k.ID) > maxKeyLength || !isWord(k.ID) {
		problems = append(problems, fmt.Errorf(`id: must be 1 to %d letters, digits, "-", "_" and "."`, maxKeyLength))
	}
	value := k.Secret.Reveal()
	if len(value) < MinSecretLength || len(value) > MaxSecretLength {
		problems = append(problems, fmt.Errorf("secret: must have from %d to %d characters, has %d", MinSecretLength, MaxSecretLength, len(value)))
	}
	if !isGraphic(value) {
		problems = append(problems, errors.New("secret: must be printable ASCII without blanks or line ends"))
	}
	return errors.Join(problems...)
}

// names gives the certificate's names, of which [Certificate.check] wants exactly one.
func (c Certificate) names() (set []string) {
	for _, name := range []string{c.URI, c.DNS, c.CommonName} {
		if name != "" {
			set = append(set, name)
		}
	}
	return set
}

func (c Certificate) check() error {
	switch {
	case len(c.names()) != 1:
		return errors.New("exactly one of uri, dns and common name must be set")
	case c.URI != "":
		return checkURI(c.URI)
	case c.DNS != "":
		return checkDNS(c.DNS)
	case len(c.CommonName) > maxSANLength:
		return fmt.Errorf("common name: longer than %d bytes", maxSANLength)
	}
	return nil
}

func checkURI(text string) error {
	uri, err := url.Parse(text)
	if err != nil || len(text) > maxSANLength || !uri.IsAbs() || uri.Host == "" && uri.Opaque == "" {
		return fmt.Errorf("uri %.100q: must be an absolute URI such as spiffe://corp.example/billing", text)
	}
	if uri.String() != text {
		return fmt.Errorf("uri %q: would never match, certificates spell it %q", text, uri)
	}
	return nil
}

func checkDNS(name string) error {
	if len(name) > maxDNSLength {
		return fmt.Errorf("dns name: longer than %d bytes", maxDNSLength)
	}
	if strings.Contains(name, "*") {
		return fmt.Errorf("dns name %q: wildcards are not supported, since each name must be one caller's", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !isWord(label) {
			return fmt.Errorf("dns name %q: must be labels of letters, digits, \"-\" and \"_\", separated by dots", name)
		}
	}
	return nil
}

// isWord tells whether s has only letters, digits, "-", "_" and ".".
func isWord(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && !('0' <= c && c <= '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// isGraphic tells whether s has only printable ASCII other than the blank.
func isGraphic(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
