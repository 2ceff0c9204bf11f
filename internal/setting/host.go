package setting

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
)

// Host is a Host name: lower case, without port and final dot.
type Host string

const (
	hostNamePattern = `^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`
	hostPattern     = hostNamePattern + `|^[0-9A-Fa-f:.]+$`
)

var hostExpr = regexp.MustCompile(hostNamePattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *Host) UnmarshalText(b []byte) error {
	text := string(b)
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		*h = Host(ip.Unmap().String())
		return nil
	}
	name := strings.TrimSuffix(text, ".")
	switch {
	case strings.Contains(text, ":"):
		return errors.New("want a host name or IP address, without scheme and port")
	case len(name) > 253 || !hostExpr.MatchString(text):
		return errors.New("want a host name (letters, digits, \"-\" and \".\"; no wildcard) or an IP address")
	}
	*h = Host(strings.ToLower(name))
	return nil
}

func (h Host) Pattern() string { return hostPattern }
func (h Host) Kind() string    { return "host name" }

// Texts returns names as plain texts.
func Texts[T ~string](names []T) []string {
	var texts []string
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return texts
}

// CertificateHost is a name of a certificate: a host name, perhaps with a wildcard as its first label, or an IP address.
type CertificateHost string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *CertificateHost) UnmarshalText(text []byte) error {
	rest, wildcard := strings.CutPrefix(string(text), "*.")
	var inner Host
	if err := inner.UnmarshalText([]byte(rest)); err != nil {
		return errors.New(`want a host name (letters, digits, "-" and "."; "*." in front for any first label) or an IP address`)
	}
	if _, err := netip.ParseAddr(string(inner)); wildcard && err == nil {
		return errors.New("an IP address takes no wildcard")
	}
	*h = CertificateHost(inner)
	if wildcard {
		*h = "*." + *h
	}
	return nil
}

func (h CertificateHost) Pattern() string {
	return `^(\*\.)?(` + strings.Trim(hostNamePattern, "^$") + `)$|^[0-9A-Fa-f:.]+$`
}
func (h CertificateHost) Kind() string { return "host name" }

// Account is an account id of the provider. It is sent in a header and compared with path parameters.
type Account string

const accountPattern = `^[A-Za-z0-9_-]{1,64}$`

var accountExpr = regexp.MustCompile(accountPattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Account) UnmarshalText(b []byte) error {
	text := string(b)
	if !accountExpr.MatchString(text) {
		return errors.New("want an account id: up to 64 letters, digits, \"-\" or \"_\"")
	}
	*a = Account(text)
	return nil
}

func (a Account) Pattern() string { return accountPattern }
func (a Account) Kind() string    { return "account id" }
