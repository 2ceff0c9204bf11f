package config

import (
	"time"

	"tollgate/audit"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
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
	Credentials map[string]credentialConfig `yaml:"credentials"`
	// The applications that call, by name, and what each may do.
	Callers map[string]callerConfig `yaml:"callers" need:"yes"`
	// How often calls may be made.
	Limits limitsConfig `yaml:"limits"`
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
	Endpoints []endpointConfig `yaml:"endpoints"`
}

func (upstreamConfig) Default() upstreamConfig {
	return upstreamConfig{
		Timeout:        setting.Duration(60 * time.Second),
		ConnectTimeout: setting.Duration(10 * time.Second),
		MaxConnections: 100,
		Deprecated:     "allow",
	}
}

// endpointConfig is one entry of an upstream's `endpoints`.
type endpointConfig struct {
	// What grants and records call it. Unique among the upstream's operations.
	Name string `yaml:"name" need:"yes"`
	// The HTTP method, or `"*"` (in quotes) for any.
	Method string `yaml:"method" need:"yes"`
	// The path, with `{parameters}` for segments; a final `{name...}` takes one or more segments, and, where the upstream is not
	// signed, a final slash. It may end in a slash, which calls then must have.
	Path string `yaml:"path" need:"yes"`
	// What a call can do: `read` changes nothing, `write` changes something, `spend` moves money.
	Effect string `yaml:"effect" need:"yes" choice:"read|write|spend"`
	// The credential class that may call it. For signed upstreams, where it must be stated.
	Class string `yaml:"class" choice:"partner|customer|either"`
	// Whether answers carry the `Deprecation` header, and `deprecated: forbid` refuses it.
	Deprecated bool `yaml:"deprecated"`
	// The operations to use instead.
	ReplacedBy []string `yaml:"replaced_by"`
	// Further request headers that go to a signed upstream. Never those that authenticate or choose an account.
	Headers []string `yaml:"headers"`
	// Further headers of a signed upstream's answers that reach the caller. Never those that hand over sessions or tokens, or
	// belong to one connection.
	AnswerHeaders []string `yaml:"answer_headers"`
	// The media types that bodies for a signed upstream may have, such as `application/xml`, without parameters. Default: JSON
	// (`application/json` and `application/*+json`), for which `application/json` stands here.
	ContentTypes []string `yaml:"content_types"`
	// `true`: its calls carry secrets or data of persons. Records have the path as it stands here, with its parameters' names, and of
	// query, body and answer the lengths alone.
	Sensitive bool `yaml:"sensitive"`
	// `true`: records have the query as text. Otherwise they have the names of its parameters and the lengths of their values, since no
	// list of names is complete. Values of names such as `password` or `token` are never recorded.
	RecordQuery bool `yaml:"record_query"`
}

// credentialConfig is one entry of `credentials`.
type credentialConfig struct {
	// Whose keys they are.
	Class string `yaml:"class" need:"yes" choice:"partner|customer"`
	// What the account is besides: `distributor` (a partner that is a general distributor), `enterprise-master` (a
	// customer that is the master account of an enterprise). Some operations ask for it.
	Kinds []string `yaml:"kinds" choice:"distributor|enterprise-master"`
	// The upstream whose calls it signs. May be left out when the file has only one signed upstream.
	Upstream string `yaml:"upstream"`
	// The account id. It is sent as `X-Domain-Id`. A `{domain_id}` in a path, and an `X-Domain-Id` of a caller, must equal it: but with a
	// partner credential that of the path of `queryOrderDetail` is the customer's, which `customers` of a grant may restrict. Without a
	// `domain_id` a caller's `X-Domain-Id` is dropped.
	DomainID setting.Account `yaml:"domain_id"`
	// The partner's account id, which a `{partner_id}` in a path must equal. Default: `domain_id` of a partner credential.
	PartnerID setting.Account `yaml:"partner_id"`
	// The access key (AK).
	AccessKey setting.Reference `yaml:"access_key" need:"yes"`
	// The secret key (SK).
	SecretKey setting.Reference `yaml:"secret_key" need:"yes"`
	// The security token that belongs to temporary keys.
	SecurityToken *setting.Reference `yaml:"security_token"`
}

// callerConfig is one entry of `callers`.
type callerConfig struct {
	// How the caller is known. May be left out when a listener has it as its fixed caller.
	Auth []authConfig `yaml:"auth"`
	// What the caller may do. What no grant allows is refused.
	Grants []grantConfig `yaml:"grants"`
}

// authConfig is one entry of a caller's `auth`: exactly one of its keys.
type authConfig struct {
	// A client certificate of a listener's `client_ca`.
	Certificate *certificateNameConfig `yaml:"certificate"`
	// A virtual access key, which the application puts into its unmodified SDK.
	AccessKey *VirtualKey `yaml:"access_key"`
}

func (authConfig) ExactlyOne() {}

// certificateNameConfig is `certificate` of a caller's `auth`: exactly one of its keys.
type certificateNameConfig struct {
	// A URI among the certificate's alternative names: `spiffe://corp/billing`.
	URI string `yaml:"uri"`
	// A DNS name among the certificate's alternative names.
	DNS string `yaml:"dns"`
	// The one common name of the certificate's subject.
	CommonName string `yaml:"common_name"`
}

func (certificateNameConfig) ExactlyOne() {}

// VirtualKey is `access_key` of a caller's `auth`.
type VirtualKey struct {
	// The access key's id, as the application sends it. Not a secret, and not the access key of a credential.
	ID string `yaml:"id" need:"yes"`
	// The secret key: no other caller's, and none that signs calls to an upstream.
	Secret setting.Reference `yaml:"secret" need:"yes"`
}

// grantConfig is one entry of a caller's `grants`.
type grantConfig struct {
	// Operation names, or patterns: `effect:read`, `effect:write`, `effect:spend`, `site:cn`, `site:intl`, `"*"`. A
	// pattern covers what the credential may sign; a name that it may not sign is an error.
	Operations []string `yaml:"operations" need:"yes"`
	// The credential that signs these calls. For signed upstreams.
	Credential string `yaml:"credential"`
	// The upstream. It follows from the credential; without one it may be left out when the file has only one unsigned upstream.
	Upstream string `yaml:"upstream"`
	// Account ids: a call must name one (`customer_id` and the like, `{domain_id}` of `queryOrderDetail`), and may name no other. Left
	// out: all.
	Customers []setting.Account `yaml:"customers"`
	// Needed for the operations of which no source says which class may call them, once you know.
	ClassConfirmed bool `yaml:"class_confirmed"`
}

// limitsConfig is `limits`.
type limitsConfig struct {
	// How long a call waits for its turn before it is answered 429.
	MaxWait setting.Duration `yaml:"max_wait" range:"0s..5m"`
	// Whether the provider's published quotas hold for each credential and operation.
	Published bool `yaml:"published"`
	// Limits of your own. All that fit a call hold.
	Rules []ruleConfig `yaml:"rules"`
	// The limit on requests whose caller is not known, for each source address.
	Unauthenticated unauthenticatedConfig `yaml:"unauthenticated"`
}

func (limitsConfig) Default() limitsConfig {
	return limitsConfig{MaxWait: setting.Duration(2 * time.Second), Published: true}
}

// ruleConfig is one entry of `rules`.
type ruleConfig struct {
	// What answers and metrics call the limit. Unique.
	Name string `yaml:"name" need:"yes"`
	// What the calls are counted by: each combination has its own count. Empty: all calls that fit are counted together.
	Per []string `yaml:"per" choice:"caller|operation|credential|upstream"`
	// The callers that it is for. Default: all; so for the next three.
	Callers []string `yaml:"callers"`
	// The operations that it is for.
	Operations []string `yaml:"operations"`
	// The credentials that it is for.
	Credentials []string `yaml:"credentials"`
	// The upstreams that it is for.
	Upstreams []string `yaml:"upstreams"`
	// How many calls in a time.
	Rate setting.Rate `yaml:"rate" need:"yes"`
	// How many calls at once after a pause. Default: the calls of one second, at least 1.
	Burst int `yaml:"burst" range:"1..1000000"`
}

// unauthenticatedConfig is `unauthenticated` of `limits`.
type unauthenticatedConfig struct {
	// Failed identifications in a time, for each source.
	Rate setting.Rate `yaml:"rate"`
	// Failed identifications at once after a pause.
	Burst int `yaml:"burst" range:"1..1000000"`
	// How many sources are remembered.
	Sources int `yaml:"sources" range:"16..1048576"`
}

func (unauthenticatedConfig) Default() unauthenticatedConfig {
	return unauthenticatedConfig{Rate: 10, Burst: 20, Sources: 10_000}
}
