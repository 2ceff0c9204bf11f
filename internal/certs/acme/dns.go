package acme

import (
	"cmp"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/huaweicloud"
	"github.com/libdns/rfc2136"
	"go.uber.org/zap"
)

// recordTTL is how long resolvers may keep the record of a challenge.
const recordTTL = time.Minute

func (c *Config) solver(logger *zap.Logger) *certmagic.DNS01Solver {
	return &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
		DNSProvider: c.provider(), TTL: recordTTL, Resolvers: c.DNS.Resolvers, Logger: logger,
	}}
}

func (c *Config) provider() certmagic.DNSProvider {
	if h := c.DNS.Huawei; h != nil {
		return &huaweicloud.Provider{AccessKeyId: c.Secrets.AccessKey.Reveal(), SecretAccessKey: c.Secrets.SecretKey.Reveal(), RegionId: h.Region}
	}
	r := c.DNS.RFC2136
	return &rfc2136.Provider{
		Server: r.Server, KeyName: r.KeyName, KeyAlg: cmp.Or(r.Algorithm, r.Default().Algorithm), Key: c.Secrets.TSIG.Reveal(),
	}
}
