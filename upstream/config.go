package upstream

import (
	"slices"
	"strings"
	"time"

	"tollgate/catalog"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// Config is one entry of `upstreams`. For [New], times and bounds that are zero have their defaults.
type Config struct {
	Name string `yaml:"-"`
	// Scheme and host, nothing else: `https://bss.myhuaweicloud.com`. Plain `http://` goes to loopback addresses only;
	// `unix:/run/app.sock` is plain HTTP over a unix socket. It cannot be the address of a listener of the same file.
	URL setting.Target `yaml:"url" need:"yes"`
	// The catalog whose operations the upstream has. The European site (`https://bss.myhuaweicloud.eu`) has that of `intl`; its
	// amounts, unless a call says their currency, are reported as `XXX`, and not as dollars.
	Catalog string `yaml:"catalog" choice:"cn|intl"`
	// Whether calls are signed with a credential. Default: true with a catalog, else false. An unsigned upstream is on
	// this machine and has declared endpoints only.
	Sign *bool `yaml:"sign"`
	// `Host` names under which this upstream is reached on its listeners. They distinguish upstreams with equal paths,
	// and are accepted by every listener that serves the upstream.
	Hosts []setting.Host `yaml:"hosts"`
	// How long a call may take, from sending to the last byte of the answer.
	Timeout setting.Duration `yaml:"timeout" range:"100ms..1h"`
	// How long connecting may take, lookup of the name, proxy and TLS handshake included.
	ConnectTimeout setting.Duration `yaml:"connect_timeout" range:"10ms..10m"`
	// Connections to the upstream at a time. A `spend` call opens one rather than use one whose last answer is less than 50 ms old,
	// since an upstream that answers twice does so at once; with few connections there may be no other.
	MaxConnections int `yaml:"max_connections" range:"1..100000"`
	// How old a connection may become: a call then gets another one, for which the name of the upstream is looked up again, so that
	// a name that leads elsewhere by now is noticed under steady load. Calls under way are not cut.
	MaxConnectionAge setting.Duration `yaml:"max_connection_age" range:"1s..24h"`
	// Where connections may lead: `any`, `public`, or a list of networks such as `[10.1.0.0/16, "2001:db8::/32"]`. The address that is
	// connected to counts, so for an upstream with a proxy that of the proxy. Link-local, multicast, broadcast and unspecified addresses and
	// those where clouds serve their machines' metadata are never connected to, whatever stands here. Default: `any`.
	Addresses []Network `yaml:"addresses" single:"yes"`
	// An HTTP proxy that connections go through: `http://proxy.corp.example:3128`. For `https://` only: the proxy is asked for a tunnel
	// (`CONNECT`), and TLS is with the upstream. Proxies that the environment names (`HTTPS_PROXY`) are not used.
	Proxy Proxy `yaml:"proxy"`
	// Where the proxy's login is kept, as `user:password`. It is sent to the proxy in plain text.
	ProxyAuth *setting.Reference `yaml:"proxy_auth"`
	// Whether deprecated operations may be called. The provider has announced the end of all that the catalogs have, and may switch
	// them off any day.
	Deprecated string `yaml:"deprecated" choice:"allow|forbid"`
	// TLS towards the upstream; for `https://` only.
	TLS *certs.UpstreamTLS `yaml:"tls"`
	// Endpoints that no catalog knows.
	Endpoints []catalog.Declaration `yaml:"endpoints"`
}

// Default returns the defaults of the section.
func (Config) Default() Config {
	return Config{
		Timeout:          setting.Duration(60 * time.Second),
		ConnectTimeout:   setting.Duration(10 * time.Second),
		MaxConnections:   100,
		MaxConnectionAge: setting.Duration(time.Minute),
		Deprecated:       "allow",
	}
}

// Signed reports whether calls are signed, and so need a credential: as the file says, else if there is a catalog.
func (c *Config) Signed() bool {
	if c.Sign != nil {
		return *c.Sign
	}
	return c.Catalog != ""
}

// ForbidsDeprecated reports whether deprecated operations are refused.
func (c *Config) ForbidsDeprecated() bool { return c.Deprecated == "forbid" }

// Currency returns the currency of amounts in calls that name none; "" if it is that of the catalog. No page says which currency the
// provider's European site has, whose catalog is the international one: its amounts get XXX, the code of ISO 4217 for no currency.
func (c *Config) Currency() string {
	names := []string{c.URL.URL().Hostname()}
	if c.TLS != nil {
		names = append(names, string(c.TLS.ServerName))
	}
	if slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix("."+strings.ToLower(strings.TrimSuffix(name, ".")), ".myhuaweicloud.eu")
	}) {
		return "XXX"
	}
	return ""
}
