package acme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/huaweicloud"
	"github.com/libdns/rfc2136"
	"go.uber.org/zap"

	"tollgate/internal/secret"
)

// DefaultAlgorithm is that of TSIG keys.
const DefaultAlgorithm = "hmac-sha256"

// recordTTL is how long resolvers may keep the record of a challenge.
const recordTTL = time.Minute

// DNS says how records for [DNS01] get into the DNS: through one of RFC2136 and Huawei.
type DNS struct {
	RFC2136 *RFC2136
	Huawei  *Huawei

	// Resolvers, host:port each, are asked for the zone of a host and until they have the record. Default: the system's, and
	// for the record the servers of the zone.
	Resolvers []string
}

// RFC2136 is a DNS server that takes updates signed with TSIG (RFC 8945), over TCP.
type RFC2136 struct {
	Server    string // host:port
	KeyName   string
	Algorithm string        // of the key. Default (""): DefaultAlgorithm
	Key       secret.String // base64
}

// Huawei is a user of Huawei Cloud who may change a public zone.
type Huawei struct {
	AccessKey secret.String
	SecretKey secret.String
	Region    string // such as cn-north-4
}

var tsigAlgorithms = map[string]bool{"hmac-sha256": true, "hmac-sha384": true, "hmac-sha512": true}

func (d DNS) check() error {
	for _, resolver := range d.Resolvers {
		if _, _, err := net.SplitHostPort(resolver); err != nil {
			return fmt.Errorf("DNS: resolver %.100q: must be host:port", resolver)
		}
	}
	switch {
	case (d.RFC2136 == nil) == (d.Huawei == nil):
		return errors.New("DNS: one of RFC 2136 and Huawei Cloud is needed")
	case d.RFC2136 != nil:
		return d.RFC2136.check()
	}
	return d.Huawei.check()
}

func (r *RFC2136) check() error {
	_, keyErr := base64.StdEncoding.DecodeString(r.Key.Reveal())
	if _, _, err := net.SplitHostPort(r.Server); err != nil {
		return fmt.Errorf("DNS: server %.100q: must be host:port", r.Server)
	}
	if r.KeyName == "" || r.Key.IsZero() || keyErr != nil {
		return errors.New("DNS: a key name and a key in base64 are needed")
	}
	if r.Algorithm != "" && !tsigAlgorithms[r.Algorithm] {
		return fmt.Errorf("DNS: algorithm %.100q: must be hmac-sha256, hmac-sha384 or hmac-sha512", r.Algorithm)
	}
	return nil
}

func (h *Huawei) check() error {
	if h.AccessKey.IsZero() || h.SecretKey.IsZero() {
		return errors.New("DNS: access key and secret key are needed")
	}
	// The region becomes part of a host name.
	if h.Region == "" || strings.Trim(h.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("DNS: region %.100q: must be such as cn-north-4", h.Region)
	}
	return nil
}

func (d DNS) solver(logger *zap.Logger) *certmagic.DNS01Solver {
	return &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
		DNSProvider: d.provider(), TTL: recordTTL, Resolvers: d.Resolvers, Logger: logger,
	}}
}

func (d DNS) provider() certmagic.DNSProvider {
	if h := d.Huawei; h != nil {
		return &huaweicloud.Provider{AccessKeyId: h.AccessKey.Reveal(), SecretAccessKey: h.SecretKey.Reveal(), RegionId: h.Region}
	}
	algorithm := d.RFC2136.Algorithm
	if algorithm == "" {
		algorithm = DefaultAlgorithm
	}
	return &rfc2136.Provider{Server: d.RFC2136.Server, KeyName: d.RFC2136.KeyName, KeyAlg: algorithm, Key: d.RFC2136.Key.Reveal()}
}
