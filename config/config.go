package config

import (
	"fmt"
	"net/url"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/certs"
	"tollgate/ratelimit"
	"tollgate/tlspolicy"
)

// Config is a checked configuration: every name in it leads to something, every grant can be honoured. It is plain data, which reflect.DeepEqual compares: of secrets and files it says where they are, and what is made of it
// for a running gateway is made by its methods, with which the checks make it too.
type Config struct {
	Dir       string      // of relative paths in references to secrets; all other paths are absolute
	Listeners []*Listener // in the order of the file
	Upstreams []*Upstream // sorted by name

	Credentials []*credential.Config // sorted by name
	Callers     []caller.Config      // sorted by name
	Grants      []grants.Grant       // where each stands: [Config.GrantPlace]

	Limits ratelimit.Config

	TLSPolicies []tlspolicy.Custom // beside the built-in ones, sorted by name

	Audit Audit
	Admin Admin
	Log   Log
	// HTTPChallenge is where HTTP-01 challenges are answered; "" if no certificate needs that.
	HTTPChallenge string
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

// Listener is one place where callers reach the gateway.
type Listener struct {
	Name             string
	Network, Address string // as for net.Listen: "tcp" or "unix"
	Loopback         bool   // only this machine reaches it: a loopback address or a unix socket
	// Hosts are the accepted Host names, lower case, without port, sorted; empty: any (unix sockets only).
	Hosts []string
	// Caller is who everybody on this listener is; empty: callers identify themselves.
	Caller string
	TLS    *ListenerTLS // nil: plain HTTP
	// Routes divide the operations by Host; see [Listener.Route].
	Routes            []Route
	MaxConns          int
	MaxConnsPerSource int // 0: no bound beside MaxConns
}

// ListenerTLS is how a listener speaks TLS.
type ListenerTLS struct {
	Policy       string        // its name
	Certificates []Certificate // one at least; how they are chosen among: [certs.Set]
	// Clients says which client certificates count. Without a CA none is asked for.
	Clients           certs.ClientsConfig
	RequireClientCert bool
}

// Certificate is where a listener's certificate comes from.
type Certificate struct {
	CertFile, KeyFile string // empty: one of the others
	Internal          *certs.InternalConfig
	ACME              *certs.ACMEConfig
}

// Route is what is served under some Host names of a listener.
type Route struct {
	// Hosts are lower case, without port; empty: every host that no other route of the listener names.
	Hosts     []string
	Upstreams []string // names, sorted; see [Router]
}

// Upstream is a place where calls go.
type Upstream struct {
	Name string
	// Scheme and Host are those of the URL, which has nothing else. For a unix socket they are http and localhost, and Socket says where
	// to connect.
	Scheme, Host string
	Socket       string // path of a unix socket; empty: connect to Host
	// Signed tells whether calls are signed, and so need a credential.
	Signed     bool
	Site       string                // the catalog: "cn", "intl"; empty: declared endpoints only
	Currency   string                // of amounts where a call does not say, if it is not that of the site
	Endpoints  []catalog.Declaration // beside the operations of the catalog; see [Config.Operations]
	Policy     string                // name of the TLS policy; empty: plain HTTP
	CAFile     string                // empty: the system's roots
	ServerName string                // name in the certificate and in SNI
	Pins       []tlspolicy.Pin       // none: every verified chain will do
	// CertFile and KeyFile hold our certificate, for an upstream that asks for one. Optional.
	CertFile, KeyFile string
	// Hosts tell this upstream's operations from those of others on one listener; lower case; empty: the shared route.
	Hosts            []string
	Timeout          time.Duration // from the first byte sent to the last byte received
	ConnectTimeout   time.Duration // connecting, and the TLS handshake
	MaxConns         int
	ForbidDeprecated bool
}

// URL returns where the upstream is.
func (u *Upstream) URL() *url.URL { return &url.URL{Scheme: u.Scheme, Host: u.Host} }

// Audit is where and how calls are recorded.
type Audit struct {
	Dir         string
	SegmentSize int64         // bytes after which a new file is begun
	Reserve     int64         // bytes on disk that only outcomes may use
	Deadline    time.Duration // how long a call waits for its intent to be durable

	Name        string // for a new log; empty: the log chooses
	KeyFile     string // of the private key that signs checkpoints
	HashKeyFile string // of the private key of the keyed hashes in records
	// A record is covered by a checkpoint after CheckpointEvery, or when CheckpointRecords have come.
	CheckpointEvery   time.Duration
	CheckpointRecords int
	Copies            []CheckpointCopy
	Keep              time.Duration // how long records are kept; 0: for ever
	IndexFile         string        // empty: no index is kept
}

// CheckpointCopy is a place besides the log where checkpoints are written.
type CheckpointCopy struct {
	File string // empty: standard output
}

// Admin is the listener for health and metrics. It is on loopback or a unix socket always.
type Admin struct {
	Network, Address string // empty: there is none
}

// Bounds limit what peers can make the gateway hold.
type Bounds struct {
	Body       int64 // bytes of one request body
	Bodies     int64 // bytes of all request bodies together
	HeldAnswer int64 // bytes of an answer that are held to read the business result
	Headers    int64 // bytes of one request's header section
	AllHeaders int64 // bytes of the header sections of all requests together; at least Headers
	Calls      int   // calls in progress
	Replay     int   // signatures remembered against replay

	UnauthenticatedRecords int64 // bytes of records of refused peers without a known caller, in any 24 hours

	HeaderTimeout time.Duration // for the TLS handshake, and for the header section of a request
	BodyTimeout   time.Duration // for a whole request body
	WriteTimeout  time.Duration // for writing a whole answer to the caller
	IdleTimeout   time.Duration // between two requests on a connection
	Drain         time.Duration // for calls in progress, once the gateway is told to stop
}

// String says where a listener is, for messages.
func (l *Listener) String() string {
	return fmt.Sprintf("listener %s (%s)", l.Name, l.Address)
}
