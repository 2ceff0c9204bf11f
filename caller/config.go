package caller

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
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

// Config is one caller: its name, and its `auth`, one entry of `callers` but for its grants. A caller without any can only come through a
// listener that is fixed to it.
type Config struct {
	// Name is how records and grants call it: 1 to 64 letters, digits, "-", "_" and ".", unique.
	Name string `yaml:"-"`
	// How the caller is known. May be left out when a listener has it as its fixed caller.
	Auth []Auth `yaml:"auth"`
}

// Auth is one entry of a caller's `auth`: exactly one of its keys.
type Auth struct {
	// A client certificate of a listener's `client_ca`.
	Certificate *CertificateName `yaml:"certificate"`
	// A virtual access key, which the application puts into its unmodified SDK.
	AccessKey *VirtualKey `yaml:"access_key"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (Auth) ExactlyOne() {}

// CertificateName is `certificate` of a caller's `auth`: exactly one of its keys. It says which client certificates are the caller's; see
// the package comment for how they match.
type CertificateName struct {
	// A URI among the certificate's alternative names: `spiffe://corp/billing`.
	URI string `yaml:"uri"`
	// A DNS name among the certificate's alternative names.
	DNS string `yaml:"dns"`
	// The one common name of the certificate's subject.
	CommonName string `yaml:"common_name"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (CertificateName) ExactlyOne() {}

// VirtualKey is `access_key` of a caller's `auth`: a key pair that the gateway issued. The id has 1 to 128 letters, digits, "-", "_" and
// "."; the secret MinSecretLength to MaxSecretLength printable ASCII characters without blanks.
type VirtualKey struct {
	// The access key's id, as the application sends it. Not a secret, and not the access key of a credential.
	ID string `yaml:"id" need:"yes"`
	// The secret key: no other caller's, and none that signs calls to an upstream.
	Secret setting.Reference `yaml:"secret" need:"yes"`
	// Until when the key may be used: a day, to its end in UTC (`2026-12-31`), or a time with its zone (`2026-12-31T18:00:00Z`). Readiness
	// and metrics warn 14 days ahead. From then on the key is refused at once, on open connections too, by the gateway's clock. A caller may
	// have several keys, so that the next one is in use before.
	NotAfter setting.NotAfter `yaml:"not_after"`
}

func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || !isWord(name) {
		return fmt.Errorf(`name %.70q: must be 1 to %d letters, digits, "-", "_" and "."`, name, maxNameLength)
	}
	return nil
}

// Check reports what is wrong with the id, and with the secret that the reference leads to.
func (k *VirtualKey) Check(value secret.String) error {
	var problems []error
	if k.ID == "" || len(k.ID) > maxKeyLength || !isWord(k.ID) {
		problems = append(problems, fmt.Errorf(`id: must be 1 to %d letters, digits, "-", "_" and "."`, maxKeyLength))
	}
	if n := len(value.Reveal()); n < MinSecretLength || n > MaxSecretLength {
		problems = append(problems, fmt.Errorf("secret: must have from %d to %d characters, has %d", MinSecretLength, MaxSecretLength, n))
	}
	if !isGraphic(value.Reveal()) {
		problems = append(problems, errors.New("secret: must be printable ASCII without blanks or line ends"))
	}
	return errors.Join(problems...)
}

// names returns the certificate's names, of which [CertificateName.Check] wants exactly one.
func (c *CertificateName) names() (set []string) {
	for _, name := range []string{c.URI, c.DNS, c.CommonName} {
		if name != "" {
			set = append(set, name)
		}
	}
	return set
}

// Check reports what is wrong with the name.
func (c *CertificateName) Check() error {
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

// isWord reports whether s has only letters, digits, "-", "_" and ".".
func isWord(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && !('0' <= c && c <= '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// isGraphic reports whether s has only printable ASCII other than the blank.
func isGraphic(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
