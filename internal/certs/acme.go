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

// ACMEConfig is `acme` of a certificate. Package acme, which gets the certificates, is apart for the libraries that it needs.
type ACMEConfig struct {
	// The authority: the URL of its directory.
	Directory string `yaml:"directory" need:"yes"`
	// Host names, up to 100. One with `*.` in front needs the challenge `dns-01`.
	Hosts []setting.CertificateHost `yaml:"hosts" need:"yes"`
	// Where the authority writes to.
	Email string `yaml:"email"`
	// A PEM file with the authorities that vouch for the directory's own certificate. Default: those of the system.
	CA string `yaml:"ca" path:"read"`
	// Ties the account to one that the authority knows otherwise. Some authorities want that.
	Binding AccountBinding `yaml:"account_binding"`
	// The folder of account, keys and certificates. It is made when it is not there. Gateways may share it: each
	// certificate is issued once.
	Dir string `yaml:"dir" path:"make" need:"yes"`
	// The kind of private keys: `ecdsa` (P-256) or `rsa` (2048 bits).
	Key ACMEKey `yaml:"key" choice:"ecdsa|rsa"`
	// How the authority sees that the hosts are yours: `http-01` asks `http_challenge` (port 80 of the hosts),
	// `tls-alpn-01` this listener (port 443 of the hosts), `dns-01` looks for a record that is written through `dns`.
	Challenge ACMEChallenge `yaml:"challenge" need:"yes" choice:"http-01|tls-alpn-01|dns-01"`
	// How records get into the DNS. For `dns-01`, which needs it.
	DNS ACMEDNS `yaml:"dns"`
}

func (ACMEConfig) Default() ACMEConfig { return ACMEConfig{Key: ECDSA} }

// AccountBinding is `account_binding` of `acme` (RFC 8555, section 7.3.4).
type AccountBinding struct {
	// What the authority calls the account.
	KeyID string `yaml:"key_id" need:"yes"`
	// The MAC key that belongs to it, in base64url without padding.
	Key setting.Reference `yaml:"secret" need:"yes"`
}

// ACMEDNS is `dns` of `acme`: either `rfc2136` or `huaweicloud`.
type ACMEDNS struct {
	// A DNS server that takes signed updates.
	RFC2136 *RFC2136 `yaml:"rfc2136"`
	// The DNS service of Huawei Cloud.
	Huawei *HuaweiDNS `yaml:"huaweicloud"`
	// The servers, host:port each, that are asked for a host's zone, and until they have the record. Default: the system's,
	// and for the record those of the zone.
	Resolvers []string `yaml:"resolvers"`
}

// RFC2136 is `rfc2136` of `dns`: updates signed with TSIG (RFC 8945).
type RFC2136 struct {
	// The server, host:port. It is reached over TCP.
	Server string `yaml:"server" need:"yes"`
	// The name of the TSIG key that signs updates.
	KeyName string `yaml:"key_name" need:"yes"`
	// The algorithm of the key.
	Algorithm string `yaml:"algorithm" choice:"hmac-sha256|hmac-sha384|hmac-sha512"`
	// The key, in base64.
	Key setting.Reference `yaml:"secret" need:"yes"`
}

func (RFC2136) Default() RFC2136 { return RFC2136{Algorithm: "hmac-sha256"} }

// HuaweiDNS is `huaweicloud` of `dns`.
type HuaweiDNS struct {
	// The access key (AK) of a user who may change the zone.
	AccessKey setting.Reference `yaml:"access_key" need:"yes"`
	// The secret key (SK).
	SecretKey setting.Reference `yaml:"secret_key" need:"yes"`
	// The region of the service's endpoint, such as `cn-north-4`.
	Region string `yaml:"region" need:"yes"`
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

// Check returns an error for what is wrong with the settings and their secrets. It looks at nothing else.
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
	for _, name := range setting.Texts(c.Hosts) {
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

// isName reports whether a name has two labels or more, in the letters that certificates allow.
func isName(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	return hasLabels(name, lowerAlphanumeric+"-") && strings.Contains(name, ".") && net.ParseIP(name) == nil
}

const lowerAlphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789"

// hasLabels reports whether a name is one that the DNS can have, of labels with nothing but these letters.
func hasLabels(name, letters string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" {
			return false
		}
	}
	return len(name) <= 253
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
	if h.Region == "" || strings.Trim(h.Region, lowerAlphanumeric+"-") != "" {
		return fmt.Errorf("DNS: region %.100q: must be such as cn-north-4", h.Region)
	}
	return nil
}
