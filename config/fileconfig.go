package config

import (
	"errors"
	"regexp"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// The types of this file are the shape of the configuration file, as package strictyaml reads it: the JSON Schema and the tables of
// docs/config.md are made from them. The comment of a field is its text in the manual. The defaults of a section are what its method
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
	Credentials map[string]credential.Config `yaml:"credentials"`
	// The applications that call, by name, and what each may do.
	Callers map[string]callerConfig `yaml:"callers" need:"yes"`
	// How often calls may be made.
	Limits ratelimit.Config `yaml:"limits"`
	// Where calls are recorded. Without a record there is no call, so this section must be there.
	Audit auditConfig `yaml:"audit" need:"yes"`
	// The listener for health and metrics. Without this section there is none.
	Admin *adminConfig `yaml:"admin"`
	// Where the gateway answers the `http-01` challenges of ACME authorities. Needed for certificates with that challenge,
	// all of which it serves.
	HTTPChallenge *httpChallengeConfig `yaml:"http_challenge"`
	// The operational log, on standard error.
	Log Log `yaml:"log"`
	// Bounds on what peers can make the gateway hold.
	Bounds boundsConfig `yaml:"bounds"`
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

// callerConfig is one entry of `callers`.
type callerConfig struct {
	caller.Config
	// What the caller may do. What no grant allows is refused.
	Grants []grants.Grant `yaml:"grants"`
}

// auditConfig is `audit`.
type auditConfig struct {
	// The folder of the log. Only one gateway can write to it.
	Dir string `yaml:"dir" need:"yes"`
	// The size after which a new file is begun.
	SegmentSize setting.Size `yaml:"segment_size" range:"1MiB..16GiB"`
	// Disk space that is kept for the outcomes of calls already sent.
	Reserve setting.Size `yaml:"reserve" range:"128KiB..1GiB"`
	// How long a call waits for its record to be on disk before it is answered 503. While the disk takes longer, the gateway is not ready.
	Deadline setting.Duration `yaml:"deadline" range:"10ms..1m"`
	// The log's name, which its keys and checkpoints carry: printable ASCII without blank, plus, quote or backslash. For a
	// new log only: one that has a key keeps its name. Default: `tollgate/` and random digits.
	Name logName `yaml:"name"`
	// The private key that signs checkpoints.
	Key auditKeyConfig `yaml:"key"`
	// The private key of the keyed hashes in records.
	HashKey auditHashKeyConfig `yaml:"hash_key"`
	// Signed statements of what the log holds.
	Checkpoints checkpointsConfig `yaml:"checkpoints"`
	// How long records are kept, by whole files: files of older records are removed, and leave the hashes of the records,
	// so that the rest still verifies. At least 180 days (China's Cybersecurity Law, article 21). Default: for ever.
	Keep setting.Duration `yaml:"keep" range:"1h..36500d"`
	// Must be `true` when `keep` is less than 180 days, and only then.
	KeepLess bool `yaml:"keep_less_than_180_days"`
	// A database of the calls in the log, for queries. It can be made again from the log at any time.
	Index auditIndexConfig `yaml:"index"`
}

func (auditConfig) Default() auditConfig {
	return auditConfig{SegmentSize: 256 * setting.MiB, Reserve: 4 * setting.MiB, Deadline: setting.Duration(2 * time.Second)}
}

// logName is the name of an audit log, as package checkpoint takes it.
type logName string

const logNamePattern = `^[!#-*,-\[\]-~]{1,200}$`

var logNameExpr = regexp.MustCompile(logNamePattern)

func (n *logName) UnmarshalText(text []byte) error {
	if !logNameExpr.Match(text) {
		return errors.New("want 1 to 200 printable ASCII characters without blank, plus, quote or backslash")
	}
	*n = logName(text)
	return nil
}

func (n logName) Pattern() string { return logNamePattern }
func (n logName) Kind() string    { return "name" }

// auditKeyConfig is `key` of `audit`.
type auditKeyConfig struct {
	// The key file. It is made (mode 0600) when there is none and the log has no key yet; one of the gateway's user is given
	// that mode again at a start, one of another user, such as a mounted Secret, is taken as it is. On another volume than the
	// log it proves more. Its folder must exist, unless it is that of the log. Default: `signing.key` in the folder of the log.
	File string `yaml:"file" need:"yes"`
}

// auditHashKeyConfig is `hash_key` of `audit`.
type auditHashKeyConfig struct {
	// The key file. A start makes it (mode 0600) when there is none. Of what records withhold on purpose they have hashes under this key,
	// which say nothing to those who have the log alone; so it belongs on another volume where others read the log. Its folder must
	// exist, unless it is that of the log. Default: `hash.key` in the folder of the log, beside `signing.key`.
	File string `yaml:"file" need:"yes"`
}

// checkpointsConfig is `checkpoints` of `audit`.
type checkpointsConfig struct {
	// How long after a record a checkpoint covers it, at the latest.
	Every setting.Duration `yaml:"every" range:"1s..1h"`
	// After how many records a checkpoint is made before that.
	Records int `yaml:"records" range:"1..1000000"`
	// Where else each checkpoint is written. Whoever can change the log should not be able to change what is there.
	// A start compares the log with what stands in files, and refuses a log that was rolled back.
	Copies []checkpointCopyConfig `yaml:"copies"`
}

func (checkpointsConfig) Default() checkpointsConfig {
	return checkpointsConfig{Every: setting.Duration(10 * time.Second), Records: 10_000}
}

// checkpointCopyConfig is one entry of `copies` of `checkpoints`: exactly one of its keys.
type checkpointCopyConfig struct {
	// A file to which each checkpoint is appended as a line of JSON. It must not be in the folder of the log: it proves
	// nothing there. Its folder must exist.
	File string `yaml:"file"`
	// `true`: the same line to standard output.
	Stdout bool `yaml:"stdout"`
}

func (checkpointCopyConfig) ExactlyOne() {}

// auditIndexConfig is `index` of `audit`.
type auditIndexConfig struct {
	// Whether the gateway keeps the index up to date.
	Enabled bool `yaml:"enabled"`
	// The database's file (SQLite). Default: `index.sqlite` in the folder of the log.
	File string `yaml:"file"`
}

func (auditIndexConfig) Default() auditIndexConfig { return auditIndexConfig{Enabled: true} }

// httpChallengeConfig is `http_challenge`.
type httpChallengeConfig struct {
	// Where to listen, as for listeners, without unix sockets. Authorities ask on port 80 of the hosts. Nothing but
	// challenges is answered here.
	Address setting.Address `yaml:"address" need:"yes"`
}

// adminConfig is `admin`.
type adminConfig struct {
	// A loopback address or a unix socket.
	Address setting.Address `yaml:"address" need:"yes"`
}

// Log is `log`.
type Log struct {
	// The least level that is written.
	Level string `yaml:"level" choice:"debug|info|warn|error"`
	// `json` for machines, `console` for people.
	Format string `yaml:"format" choice:"json|console"`
}

func (Log) Default() Log { return Log{Level: "info", Format: "json"} }

// boundsConfig is `bounds`.
type boundsConfig struct {
	// One request body. The provider takes 12 MB.
	Body setting.Size `yaml:"body" range:"1KiB..1GiB"`
	// All request bodies in memory together.
	Bodies setting.Size `yaml:"bodies" range:"1KiB..1024GiB"`
	// How much of an answer is held to read its business result; a larger one is passed on as it comes.
	HeldAnswer setting.Size `yaml:"held_answer" range:"1KiB..64MiB"`
	// The header section of a request.
	Headers setting.Size `yaml:"headers" range:"4KiB..1MiB"`
	// The header sections of all requests in memory together.
	AllHeaders setting.Size `yaml:"all_headers" range:"64KiB..1024GiB"`
	// Calls in progress.
	Calls int `yaml:"calls" range:"1..1000000"`
	// Records that refused peers without a known caller may write in any 24 hours. Beyond it they are only counted.
	UnauthenticatedRecords setting.Size `yaml:"unauthenticated_records" range:"4MiB..1024GiB"`
	// Signatures of `write` and `spend` calls that are remembered against replay, for 30 minutes each.
	Replay int `yaml:"replay" range:"1000..100000000"`
	// How long a TLS handshake, and the header section of a request, may take.
	HeaderTimeout setting.Duration `yaml:"header_timeout" range:"100ms..5m"`
	// How long a request body may take.
	BodyTimeout setting.Duration `yaml:"body_timeout" range:"100ms..1h"`
	// How long the caller may take to read the answer.
	WriteTimeout setting.Duration `yaml:"write_timeout" range:"100ms..1h"`
	// How long a connection may wait for its next request.
	IdleTimeout setting.Duration `yaml:"idle_timeout" range:"100ms..1h"`
	// How long calls in progress may take to end once the gateway is told to stop.
	Drain setting.Duration `yaml:"drain" range:"0s..1h"`
}

func (boundsConfig) Default() boundsConfig {
	return boundsConfig{
		Body:       12 * setting.MiB,
		Bodies:     256 * setting.MiB,
		HeldAnswer: setting.MiB,
		Headers:    64 * setting.KiB,
		AllHeaders: 64 * setting.MiB,
		Calls:      1024,

		UnauthenticatedRecords: 64 * setting.MiB,

		Replay:        1_000_000,
		HeaderTimeout: setting.Duration(10 * time.Second),
		BodyTimeout:   setting.Duration(30 * time.Second),
		WriteTimeout:  setting.Duration(60 * time.Second),
		IdleTimeout:   setting.Duration(90 * time.Second),
		Drain:         setting.Duration(75 * time.Second), // longer than an upstream's default timeout, so that a payment ends
	}
}
