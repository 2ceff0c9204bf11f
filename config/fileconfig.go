package config

import (
	"errors"
	"regexp"
	"time"

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
