package config

import (
	"net/url"
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

// Config is a checked configuration: every name in it leads to something, every grant can be honoured. It is plain data, which reflect.DeepEqual compares: of secrets and files it says where they are, and what is made of it
// for a running gateway is made by its methods, with which the checks make it too.
type Config struct {
	Dir       string      // of relative paths in references to secrets; all other paths are absolute
	Listeners []*Listener // in the order of the file
	Upstreams []*Upstream // sorted by name

	Credentials []*Credential  // sorted by name
	Callers     []Caller       // sorted by name
	Grants      []grants.Grant // where each stands: [Config.GrantPlace]

	Limits  ratelimit.Config
	Sources ratelimit.SourceConfig // per-source limit on requests of peers not yet known

	TLSPolicies map[string]tlspolicy.Config // beside the built-in ones

	Audit         audit.Config
	Admin         *Admin // nil: there is none
	Log           Log
	HTTPChallenge *HTTPChallenge // nil: no certificate needs it
	Bounds        Bounds
	// PrivateFiles are those that only the gateway should be able to use, each once. They need not exist.
	PrivateFiles []PrivateFile

	grantPlaces []string
	notes       []string
}

// PrivateFile is a file with a secret.
type PrivateFile struct {
	Path string
	Key  string // of the configuration: "credentials.acme.secret_key"
}

// GrantPlace is the config path of a grant: "callers.billing-app.grants[0]".
func (c *Config) GrantPlace(i int) string { return c.grantPlaces[i] }

// Upstream returns the upstream of a name; nil if there is none.
func (c *Config) Upstream(name string) *Upstream {
	for _, u := range c.Upstreams {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// Notes are things that are allowed but probably not meant, one sentence each.
func (c *Config) Notes() []string { return c.notes }

// Upstream is a place where calls go.
type Upstream struct {
	Name string
	// Scheme and Host are those of the URL, which has nothing else. For a unix socket they are http and localhost, and Socket says where
	// to connect.
	Scheme, Host string
	Socket       string // path of a unix socket; empty: connect to Host
	// Signed tells whether calls are signed, and so need a credential.
	Signed    bool
	Site      string                // the catalog: "cn", "intl"; empty: declared endpoints only
	Currency  string                // of amounts where a call does not say, if it is not that of the site
	Endpoints []catalog.Declaration // beside the operations of the catalog; see [Config.Operations]
	TLS       *certs.UpstreamTLS    // nil: plain HTTP
	// Hosts tell this upstream's operations from those of others on one listener; lower case; empty: the shared route.
	Hosts            []string
	Timeout          time.Duration // from the first byte sent to the last byte received
	ConnectTimeout   time.Duration // connecting, and the TLS handshake
	MaxConns         int
	ForbidDeprecated bool
}

// URL returns where the upstream is.
func (u *Upstream) URL() *url.URL { return &url.URL{Scheme: u.Scheme, Host: u.Host} }

// Credential is a secret that signs calls: what it is, and where its keys are kept.
type Credential struct {
	credential.Facts
	AccessKey, SecretKey setting.Reference
	SecurityToken        *setting.Reference // of temporary keys; nil otherwise
}

// Fixed lists the keys that a running gateway cannot read again.
func (c *Credential) Fixed() (keys []string) {
	if c.AccessKey.Env != "" {
		keys = append(keys, "access_key")
	}
	if c.SecretKey.Env != "" {
		keys = append(keys, "secret_key")
	}
	if c.SecurityToken != nil && c.SecurityToken.Env != "" {
		keys = append(keys, "security_token")
	}
	return keys
}

// Caller is an application that calls, and how it is known.
type Caller struct {
	Name         string
	Certificates []caller.Certificate
	AccessKeys   []VirtualKey
}
