package config

import (
	"time"

	"tollgate/audit"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/tlspolicy"
)

// The types of this file, and those that they name of other packages, are the shape of the configuration file, as package strictyaml
// reads it: the JSON Schema and the tables of docs/config.md are made from them. The comment of a field is its text in the manual. The
// defaults of a section are what its method Default returns, except those that follow from other settings.

// fileConfig is the whole file.
type fileConfig struct {
	// Where callers reach the gateway.
	Listeners []Listener `yaml:"listeners" need:"yes"`
	// TLS policies of your own, by name, beside the built-in `huawei-high` and `huawei`.
	TLSPolicies map[string]tlspolicy.Config `yaml:"tls_policies"`
	// Where calls go, by name.
	Upstreams map[string]upstreamConfig `yaml:"upstreams" need:"yes"`
	// The secrets that sign calls to upstreams, by name.
	Credentials map[string]credential.Config `yaml:"credentials"`
	// The applications that call, by name, and what each may do.
	Callers map[string]callerConfig `yaml:"callers" need:"yes"`
	// How often calls may be made.
	Limits ratelimit.Config `yaml:"limits"`
	// Where calls are recorded. Without a record there is no call, so this section must be there.
	Audit audit.Config `yaml:"audit" need:"yes"`
	// The listener for health and metrics. Without this section there is none.
	Admin *Admin `yaml:"admin"`
	// Where the gateway answers the `http-01` challenges of ACME authorities. Needed for certificates with that challenge,
	// all of which it serves.
	HTTPChallenge *HTTPChallenge `yaml:"http_challenge"`
	// The operational log, on standard error.
	Log Log `yaml:"log"`
	// Bounds on what peers can make the gateway hold.
	Bounds Bounds `yaml:"bounds"`
}

// upstreamConfig is one entry of `upstreams`.
type upstreamConfig struct {
	// Scheme and host, nothing else: `https://bss.myhuaweicloud.com`. Plain `http://` goes to loopback addresses only;
	// `unix:/run/app.sock` is plain HTTP over a unix socket. It cannot be the address of a listener of the same file.
	URL setting.Target `yaml:"url" need:"yes"`
	// The catalog whose operations the upstream has. The European site (`https://bss.myhuaweicloud.eu`) has that of `intl`; its
	// amounts, unless a call says their currency, are reported as `XXX`, and not as dollars.
	Catalog string `yaml:"catalog" choice:"cn|intl"`
	// Whether calls are signed with a credential. Default: true with a catalog, else false. An unsigned upstream is on
	// this machine and has declared endpoints only.
	Sign *bool `yaml:"sign"`
	// `Host` names under which this upstream is reached on its listeners. They tell upstreams with equal paths apart,
	// and are accepted by every listener that serves the upstream.
	Hosts []setting.Host `yaml:"hosts"`
	// How long a call may take, from sending to the last byte of the answer.
	Timeout setting.Duration `yaml:"timeout" range:"100ms..1h"`
	// How long connecting may take, the TLS handshake included.
	ConnectTimeout setting.Duration `yaml:"connect_timeout" range:"10ms..10m"`
	// Connections to the upstream at a time. A `spend` call opens one rather than use one whose last answer is less than 50 ms old,
	// since an upstream that answers twice does so at once; with few connections there may be no other.
	MaxConnections int `yaml:"max_connections" range:"1..100000"`
	// Whether deprecated operations may be called. The provider has announced the end of all that the catalogs have, and may switch
	// them off any day.
	Deprecated string `yaml:"deprecated" choice:"allow|forbid"`
	// TLS towards the upstream; for `https://` only.
	TLS *certs.UpstreamTLS `yaml:"tls"`
	// Endpoints that no catalog knows.
	Endpoints []catalog.Declaration `yaml:"endpoints"`
}

func (upstreamConfig) Default() upstreamConfig {
	return upstreamConfig{
		Timeout:        setting.Duration(60 * time.Second),
		ConnectTimeout: setting.Duration(10 * time.Second),
		MaxConnections: 100,
		Deprecated:     "allow",
	}
}

// callerConfig is one entry of `callers`.
type callerConfig struct {
	caller.Config
	// What the caller may do. What no grant allows is refused.
	Grants []grants.Grant `yaml:"grants"`
}
