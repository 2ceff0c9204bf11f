package certs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// MaxACMEHosts bounds the hosts of one [ACMEConfig]. Each costs a goroutine and an order.
const MaxACMEHosts = 100

// ACMEKey is a kind of private key.
type ACMEKey string

// The kinds of keys.
const (
	ECDSA ACMEKey = "ecdsa" // P-256
	RSA   ACMEKey = "rsa"   // 2048 bits
)

// ACMEChallenge is a way to show that a host is ours.
type ACMEChallenge string

// The challenges.
const (
	HTTP01    ACMEChallenge = "http-01"     // RFC 8555, section 8.3
	TLSALPN01 ACMEChallenge = "tls-alpn-01" // RFC 8737
	DNS01     ACMEChallenge = "dns-01"      // RFC 8555, section 8.4
)

// DefaultAlgorithm is that of TSIG keys.
const DefaultAlgorithm = "hmac-sha256"

// ACMEConfig says where certificates come from that an authority issues. Package acme, which gets them, is apart for the libraries that
// it needs. Using it means that the operator has agreed to the authority's terms.
type ACMEConfig struct {
	// Directory is the address of the authority, https unless it is of a private network.
	Directory string

	// CA is a bundle of the authorities that vouch for the directory's own certificate. Empty means the system's.
	CA string

	// Hosts are DNS names, up to MaxACMEHosts; a wildcard as the first label needs DNS01.
	Hosts []string

	// Email is where the authority writes to. Optional.
	Email string

	// Binding is for authorities that want one. Optional.
	Binding ACMEBinding

	// Dir keeps account, keys and certificates. It is made, for its owner only, if it is not there.
	Dir string

	// Key is the kind of keys. Default (""): ECDSA. Sources for both kinds may share a directory.
	Key ACMEKey

	// Challenge is the one to use, DNS what it needs if it is DNS01.
	Challenge ACMEChallenge
	DNS       ACMEDNS
}

// ACMEBinding ties the account to one that the authority knows otherwise (RFC 8555, section 7.3.4).
type ACMEBinding struct {
	KeyID string
	Key   setting.Reference // to a MAC key in unpadded base64url
}

// ACMEDNS says how records for [DNS01] get into the DNS: through one of RFC2136 and Huawei.
type ACMEDNS struct {
	RFC2136 *RFC2136
	Huawei  *HuaweiDNS

	// Resolvers, host:port each, are asked for the zone of a host and until they have the record. Default: the system's, and
	// for the record the servers of the zone.
	Resolvers []string
}

// RFC2136 is a DNS server that takes updates signed with TSIG (RFC 8945), over TCP.
type RFC2136 struct {
	Server    string // host:port
	KeyName   string
	Algorithm string            // of the key. Default (""): DefaultAlgorithm
	Key       setting.Reference // to the key in base64
}

// HuaweiDNS is a user of Huawei Cloud who may change a public zone.
type HuaweiDNS struct {
	AccessKey setting.Reference
	SecretKey setting.Reference
	Region    string // such as cn-north-4
}

// ACMESecrets are what the references of an [ACMEConfig] lead to; those that it does not have are empty.
type ACMESecrets struct {
	Binding              secret.String
	TSIG                 secret.String
	AccessKey, SecretKey secret.String // of HuaweiDNS
}

// Read reads the secrets.
func (c *ACMEConfig) Read(kept setting.Secrets) (s ACMESecrets, err error) {
	read := func(into *secret.String, from setting.Reference) {
		if from != (setting.Reference{}) && err == nil {
			*into, err = kept.Read(from)
		}
	}
	read(&s.Binding, c.Binding.Key)
	if r := c.DNS.RFC2136; r != nil {
		read(&s.TSIG, r.Key)
	}
	if h := c.DNS.Huawei; h != nil {
		read(&s.AccessKey, h.AccessKey)
		read(&s.SecretKey, h.SecretKey)
	}
	return s, err
}

// Check says what is wrong with the settings and their secrets. It looks at nothing outside of them.
func (c *ACMEConfig) Check(secrets ACMESecrets) error {
	directory, err := url.Parse(c.Directory)
	switch {
	case err != nil || directory.Host == "":
		return fmt.Errorf("directory %.200q is not the address of an authority, such as https://ca.example.com/directory", c.Directory)
	case directory.Scheme != "https" && (directory.Scheme != "http" || !isInternal(directory.Hostname())):
		return fmt.Errorf("directory %.200q: must be https", c.Directory)
	case c.Dir == "":
		return errors.New("no storage directory")
	case c.Key != "" && c.Key != ECDSA && c.Key != RSA:
		return fmt.Errorf("key %.100q: must be %s or %s", string(c.Key), ECDSA, RSA)
	case (c.Binding.KeyID == "") != secrets.Binding.IsZero():
		return errors.New("account binding: key id and key belong together")
	case !isMACKey(secrets.Binding):
		return errors.New("account binding: the key is not in base64url without padding")
	}
	return errors.Join(c.checkHosts(), c.checkChallenge(secrets))
}

// isInternal reports whether a host is of a private network, as the library for ACME has it: that refuses plain HTTP to any other.
func isInternal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	return host == "localhost" || slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".home.arpa"}, func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}

func isMACKey(key secret.String) bool {
	_, err := base64.RawURLEncoding.DecodeString(key.Reveal())
	return err == nil
}

func (c *ACMEConfig) checkHosts() error {
	if len(c.Hosts) == 0 || len(c.Hosts) > MaxACMEHosts {
		return fmt.Errorf("%d hosts: must be from 1 to %d", len(c.Hosts), MaxACMEHosts)
	}
	seen := map[string]bool{}
	for _, name := range c.Hosts {
		switch wild := strings.HasPrefix(name, "*."); {
		case !isName(name):
			return fmt.Errorf("host %.100q is not a DNS name in lower case", name)
		case wild && c.Challenge != DNS01:
			return fmt.Errorf("host %s: a wildcard needs the challenge %s", name, DNS01)
		case seen[name]:
			return fmt.Errorf("host %s: is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

// isName takes names with two labels or more in the letters of certificates.
func isName(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(labels) > 1 && len(name) <= 253 && net.ParseIP(name) == nil
}

func (c *ACMEConfig) checkChallenge(secrets ACMESecrets) error {
	switch c.Challenge {
	case HTTP01, TLSALPN01:
		return nil
	case DNS01:
		return c.DNS.check(secrets)
	}
	return fmt.Errorf("challenge %.100q: must be %s, %s or %s", string(c.Challenge), HTTP01, TLSALPN01, DNS01)
}

var tsigAlgorithms = map[string]bool{"hmac-sha256": true, "hmac-sha384": true, "hmac-sha512": true}

func (d *ACMEDNS) check(secrets ACMESecrets) error {
	for _, resolver := range d.Resolvers {
		if _, _, err := net.SplitHostPort(resolver); err != nil {
			return fmt.Errorf("DNS: resolver %.100q: must be host:port", resolver)
		}
	}
	switch {
	case (d.RFC2136 == nil) == (d.Huawei == nil):
		return errors.New("DNS: one of RFC 2136 and Huawei Cloud is needed")
	case d.RFC2136 != nil:
		return d.RFC2136.check(secrets.TSIG)
	}
	return d.Huawei.check(secrets)
}

func (r *RFC2136) check(key secret.String) error {
	_, keyErr := base64.StdEncoding.DecodeString(key.Reveal())
	if _, _, err := net.SplitHostPort(r.Server); err != nil {
		return fmt.Errorf("DNS: server %.100q: must be host:port", r.Server)
	}
	if r.KeyName == "" || key.IsZero() || keyErr != nil {
		return errors.New("DNS: a key name and a key in base64 are needed")
	}
	if r.Algorithm != "" && !tsigAlgorithms[r.Algorithm] {
		return fmt.Errorf("DNS: algorithm %.100q: must be hmac-sha256, hmac-sha384 or hmac-sha512", r.Algorithm)
	}
	return nil
}

func (h *HuaweiDNS) check(secrets ACMESecrets) error {
	if secrets.AccessKey.IsZero() || secrets.SecretKey.IsZero() {
		return errors.New("DNS: access key and secret key are needed")
	}
	// The region becomes part of a host name.
	if h.Region == "" || strings.Trim(h.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("DNS: region %.100q: must be such as cn-north-4", h.Region)
	}
	return nil
}
