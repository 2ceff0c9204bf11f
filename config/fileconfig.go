package config

import (
	"time"

	"tollgate/audit"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// The types of this file are the shape of the configuration file, as package strictyaml reads it, with those of the sections that packages
// own: the JSON Schema and the tables of docs/config.md are made from them. The comment of a field is its text in the manual. The defaults of a section are what its method
// Default returns, except those that follow from other settings.

// fileConfig is the whole file.
type fileConfig struct {
	// Where callers reach the gateway.
	Listeners []listenerConfig `yaml:"listeners" need:"yes"`
	// TLS policies of your own, by name, beside the built-in `huawei-high` and `huawei`.
	TLSPolicies map[string]tlsPolicyConfig `yaml:"tls_policies"`
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

// listenerConfig is one entry of `listeners`.
type listenerConfig struct {
	// How the listener is called in records, logs and metrics. Unique. Default: its address.
	Name string `yaml:"name"`
	// Where to listen: `127.0.0.1:8080`, `:8443`, `[::1]:8080` or `unix:/run/tollgate.sock`. Port 0 takes any free port.
	Address setting.Address `yaml:"address" need:"yes"`
	// `Host` names that are accepted, without port; other names are answered 421. Needed unless the address is a loopback
	// one or a unix socket. A loopback listener accepts `localhost`, `127.0.0.1` and `::1` besides; a unix socket
	// without `hosts` accepts any.
	Hosts []setting.Host `yaml:"hosts"`
	// Everybody who reaches this listener is this caller. For plain listeners on loopback or a unix socket only.
	Caller string `yaml:"caller"`
	// The upstreams whose operations are served here. May be left out when the file has only one.
	Upstreams []string `yaml:"upstreams"`
	// TLS. Without it the listener is plain HTTP, which is allowed on loopback and unix sockets only.
	TLS *listenerTLSConfig `yaml:"tls"`
	// Open connections at a time. For one more, the one that has been without a request for longest is closed; where all have
	// requests under way, the new one is. Fewer, where the process may not have as many files open.
	MaxConnections int `yaml:"max_connections" range:"1..1000000"`
	// Open connections at a time of one source (an IPv4 address or an IPv6 /64); twice as many of an IPv6 /48. 0: no bound of its
	// own. A loopback address, and all peers of a unix socket together, may have three quarters of `max_connections` instead.
	MaxConnectionsPerSource int `yaml:"max_connections_per_source" range:"0..1000000"`
}

func (listenerConfig) Default() listenerConfig {
	return listenerConfig{MaxConnections: 1024, MaxConnectionsPerSource: 256}
}

// listenerTLSConfig is `tls` of a listener.
type listenerTLSConfig struct {
	// The TLS policy: `huawei-high`, `huawei` or one of `tls_policies`.
	Policy string `yaml:"policy"`
	// The certificate that the listener shows. Either this or `certificates`.
	Certificate *certificateConfig `yaml:"certificate"`
	// Several certificates: which one is shown depends on the name that the peer asks for, and on what it can use. ECDSA
	// comes before RSA; a peer that asks for no name, or one that is in none, gets the first.
	Certificates []certificateConfig `yaml:"certificates"`
	// A PEM file with the authorities whose client certificates are trusted. Without it none is asked for.
	ClientCA string `yaml:"client_ca"`
	// Files with the revocation lists of those authorities (PEM or DER): certificates that they name are refused.
	ClientCRL []string `yaml:"client_crl"`
	// What becomes of a client certificate of whose authority no list is there, or only one past its next update. For
	// `client_crl` only. Default: `refuse`.
	ClientCRLMissing string `yaml:"client_crl_missing" choice:"refuse|allow"`
	// A file with serial numbers of client certificates that are refused whatever the lists say: one in a line, up to 20 octets in
	// hexadecimal, optionally followed by the SHA-256 fingerprint of the issuer's certificate; `#` begins a comment.
	ClientDeny string `yaml:"client_deny"`
	// `required`: a connection without a client certificate is refused. `optional`: it may identify its caller in
	// another way. Default: `optional` if there is a `client_ca`.
	ClientCertificate string `yaml:"client_certificate" choice:"optional|required"`
}

func (listenerTLSConfig) Default() listenerTLSConfig { return listenerTLSConfig{Policy: "huawei-high"} }

// certificateConfig is `certificate` of a listener, and one entry of `certificates`: exactly one of its keys.
type certificateConfig struct {
	// A certificate in files. They are PEM.
	Files *certificateFilesConfig `yaml:"files"`
	// A certificate that the gateway issues to itself, with an authority of its own.
	Internal *internalCertificateConfig `yaml:"internal"`
	// Certificates that an authority issues over ACME (RFC 8555), one for each host, renewed after two thirds of their life.
	// Using it means that you agree to the authority's terms.
	ACME *acmeConfig `yaml:"acme"`
}

func (certificateConfig) ExactlyOne() {}

// acmeConfig is `acme` of a certificate.
type acmeConfig struct {
	// The authority: the URL of its directory.
	Directory string `yaml:"directory" need:"yes"`
	// Host names, up to 100. One with `*.` in front needs the challenge `dns-01`.
	Hosts []setting.CertificateHost `yaml:"hosts" need:"yes"`
	// Where the authority writes to.
	Email string `yaml:"email"`
	// A PEM file with the authorities that vouch for the directory's own certificate. Default: those of the system.
	CA string `yaml:"ca"`
	// Ties the account to one that the authority knows otherwise. Some authorities want that.
	AccountBinding *accountBindingConfig `yaml:"account_binding"`
	// The folder of account, keys and certificates. It is made when it is not there. Gateways may share it: each
	// certificate is issued once.
	Dir string `yaml:"dir" need:"yes"`
	// The kind of private keys: `ecdsa` (P-256) or `rsa` (2048 bits).
	Key string `yaml:"key" choice:"ecdsa|rsa"`
	// How the authority sees that the hosts are yours: `http-01` asks `http_challenge` (port 80 of the hosts),
	// `tls-alpn-01` this listener (port 443 of the hosts), `dns-01` looks for a record that is written through `dns`.
	Challenge string `yaml:"challenge" need:"yes" choice:"http-01|tls-alpn-01|dns-01"`
	// How records get into the DNS. For `dns-01`, which needs it.
	DNS *acmeDNSConfig `yaml:"dns"`
}

func (acmeConfig) Default() acmeConfig { return acmeConfig{Key: string(certs.ECDSA)} }

// accountBindingConfig is `account_binding` of `acme`.
type accountBindingConfig struct {
	// What the authority calls the account.
	KeyID string `yaml:"key_id" need:"yes"`
	// The MAC key that belongs to it, in base64url without padding.
	Secret setting.Reference `yaml:"secret" need:"yes"`
}

// acmeDNSConfig is `dns` of `acme`: either `rfc2136` or `huaweicloud`.
type acmeDNSConfig struct {
	// A DNS server that takes signed updates.
	RFC2136 *rfc2136Config `yaml:"rfc2136"`
	// The DNS service of Huawei Cloud.
	HuaweiCloud *huaweiDNSConfig `yaml:"huaweicloud"`
	// The servers, host:port each, that are asked for a host's zone, and until they have the record. Default: the system's,
	// and for the record those of the zone.
	Resolvers []string `yaml:"resolvers"`
}

// rfc2136Config is `rfc2136` of `dns`.
type rfc2136Config struct {
	// The server, host:port. It is reached over TCP.
	Server string `yaml:"server" need:"yes"`
	// The name of the TSIG key that signs updates.
	KeyName string `yaml:"key_name" need:"yes"`
	// The algorithm of the key.
	Algorithm string `yaml:"algorithm" choice:"hmac-sha256|hmac-sha384|hmac-sha512"`
	// The key, in base64.
	Secret setting.Reference `yaml:"secret" need:"yes"`
}

func (rfc2136Config) Default() rfc2136Config { return rfc2136Config{Algorithm: certs.DefaultAlgorithm} }

// huaweiDNSConfig is `huaweicloud` of `dns`.
type huaweiDNSConfig struct {
	// The access key (AK) of a user who may change the zone.
	AccessKey setting.Reference `yaml:"access_key" need:"yes"`
	// The secret key (SK).
	SecretKey setting.Reference `yaml:"secret_key" need:"yes"`
	// The region of the service's endpoint, such as `cn-north-4`.
	Region string `yaml:"region" need:"yes"`
}

// internalCertificateConfig is `internal` of a certificate.
type internalCertificateConfig struct {
	// The folder of the authority and of what it issued. It is made when it is not there. Gateways may share it.
	Dir string `yaml:"dir" need:"yes"`
	// The names of the certificate: host names, `*.` in front for any first label, and IP addresses.
	Hosts []setting.CertificateHost `yaml:"hosts" need:"yes"`
	// How long a certificate holds. It is renewed after two thirds of that.
	Lifetime setting.Duration `yaml:"lifetime" range:"1h..1825d"`
}

func (internalCertificateConfig) Default() internalCertificateConfig {
	return internalCertificateConfig{Lifetime: setting.Duration(certs.DefaultLifetime)}
}

// certificateFilesConfig is `files` of a certificate, and `client_certificate` of an upstream.
type certificateFilesConfig struct {
	// The file with the certificate and its chain, the leaf first.
	Cert string `yaml:"cert" need:"yes"`
	// The file with the certificate's private key.
	Key string `yaml:"key" need:"yes"`
}

// tlsPolicyConfig is one entry of `tls_policies`.
type tlsPolicyConfig struct {
	// Protocol versions. Default: both.
	Versions []string `yaml:"versions" choice:"1.2|1.3"`
	// Cipher suites, in IANA or OpenSSL spelling. They must be on the whitelist (`tollgate tls policy huawei` shows it).
	// Default: those of `huawei-high`.
	CipherSuites []string `yaml:"cipher_suites"`
	// Key-exchange groups. Default: the post-quantum hybrids, then X25519, P-256, P-384, P-521.
	Groups []string `yaml:"groups"`
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
	TLS *upstreamTLSConfig `yaml:"tls"`
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

// upstreamTLSConfig is `tls` of an upstream.
type upstreamTLSConfig struct {
	// The TLS policy: `huawei-high`, `huawei` or one of `tls_policies`.
	Policy string `yaml:"policy"`
	// A PEM file with the authorities that are trusted. Default: those of the system.
	CA string `yaml:"ca"`
	// The name that the upstream's certificate must have. Default: the host of the url.
	ServerName setting.Host `yaml:"server_name"`
	// Public keys of which one must be in the upstream's verified chain, as `sha256/` and the SHA-256 of the key in base64.
	// Two at least: one of a spare key, or of an authority of the chain, for the day on which the other is lost.
	Pins []pin `yaml:"pins"`
	// The certificate that is shown to an upstream that asks for one. The files are PEM.
	ClientCertificate *certificateFilesConfig `yaml:"client_certificate"`
}

func (upstreamTLSConfig) Default() upstreamTLSConfig { return upstreamTLSConfig{Policy: "huawei-high"} }

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
