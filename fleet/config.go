package fleet

import (
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

// Config is the section `fleet` of the configuration.
type Config struct {
	// The Redis that the members share, version 7.0 or later.
	Redis Redis `yaml:"redis" need:"yes" reload:"restart"`
	// The names of all members, this one's among them. A member that is gone for good has to be taken out: until all of this list have
	// shown Redis what they know, signatures of `write` and `spend` calls are not taken after Redis has lost data.
	Members []Name `yaml:"members" need:"yes"`
	// This member's name: a text, or `{env: NAME}` for the value of an environment variable, such as the name of a pod. Two running processes
	// must not have the same.
	Name OwnName `yaml:"name" need:"yes" single:"yes" reload:"restart"`
	// How long a call waits for an answer of Redis. After that `without` of each limit decides.
	Patience setting.Duration `yaml:"patience" range:"1ms..1s"`
	// What happens to signatures.
	Replay Replay `yaml:"replay"`
}

// Default returns the defaults of the section.
func (Config) Default() Config { return Config{Patience: setting.Duration(DefaultPatience)} }

// DefaultPatience is how long a question waits for its answer unless something else is configured.
const DefaultPatience = 5 * time.Millisecond

// MaxMembers is how many members a fleet can have.
const MaxMembers = 64

// Redis is `redis` of `fleet`: how to reach it. Either `address` or `addresses`.
type Redis struct {
	// The address of one Redis: `redis.corp.example:6379` or `unix:/run/redis.sock`. Plain TCP goes to loopback addresses only.
	Address *setting.Endpoint `yaml:"address" reload:"restart"`
	// Addresses of several nodes: of a cluster, or with `sentinel` those of the sentinels. Not all have to be named.
	Addresses []setting.Endpoint `yaml:"addresses" reload:"restart"`
	// The user of Redis's access list. Default: its default user. It needs the keys `~{tollgate}*`, or those of another `prefix`, and
	// `+@read +@write +@connection -@scripting -@dangerous +eval +evalsha +info +time`, in a cluster `+cluster|shards +cluster|keyslot` besides.
	Username string `yaml:"username" reload:"restart"`
	// Where the password is kept. One in a file is read at each connection, so it may change.
	Password *setting.Reference `yaml:"password" reload:"restart"`
	// How the names of all keys begin, in braces, so that a cluster has them in one slot. Fleets that share a Redis have different ones.
	Prefix Name `yaml:"prefix" reload:"restart"`
	// The number of the database. A cluster has 0 only.
	Database int `yaml:"database" range:"0..1023" reload:"restart"`
	// TLS towards Redis, and towards the sentinels.
	TLS *TLS `yaml:"tls" reload:"restart"`
	// The sentinels that say which Redis is the master.
	Sentinel *Sentinel `yaml:"sentinel" reload:"restart"`
}

// Default returns the defaults of the section.
func (Redis) Default() Redis { return Redis{Prefix: DefaultPrefix} }

// Endpoints returns the addresses, of whichever form.
func (r *Redis) Endpoints() []setting.Endpoint {
	if r.Address != nil {
		return []setting.Endpoint{*r.Address}
	}
	return r.Addresses
}

// DefaultPrefix is how keys begin unless something else is configured.
const DefaultPrefix = Name("tollgate")

// TLS is `tls` of `redis`.
type TLS struct {
	// The TLS policy: `huawei-high`, `huawei` or one of `tls_policies`.
	Policy string `yaml:"policy" reload:"restart"`
	// A PEM file with the authorities that are trusted. Default: those of the system.
	CA string `yaml:"ca" path:"read" reload:"restart"`
	// The name that the certificates of all servers must have. Default: the host that is connected to.
	ServerName setting.Host `yaml:"server_name" reload:"restart"`
	// The certificate that is shown to a server that asks for one. The files are PEM.
	Certificate *certs.CertificateFiles `yaml:"certificate" reload:"restart"`
}

// Default returns the defaults of the section.
func (TLS) Default() TLS { return TLS{Policy: tlspolicy.Default} }

// Sentinel is `sentinel` of `redis`.
type Sentinel struct {
	// What the sentinels call the master.
	Master string `yaml:"master" need:"yes" reload:"restart"`
	// The user of the sentinels' access list. Default: their default user. It needs `+@connection +sentinel|get-master-addr-by-name`.
	Username string `yaml:"username" reload:"restart"`
	// Where the sentinels' password is kept. Default: they have none.
	Password *setting.Reference `yaml:"password" reload:"restart"`
}

// Replay is `replay` of `fleet`.
type Replay struct {
	// What happens to signed `write` and `spend` calls while the fleet's memory of signatures cannot be asked, or has not yet learned
	// what all members know: `refuse` them (503, `TG.6012`), or go by this member's `local` memory, so that a copy of a request may
	// pass once on each member. All members should have one setting: a copy that one member takes by its own memory can be taken by
	// another one too, whichever setting that has.
	Without string `yaml:"without" choice:"refuse|local"`
}

// Default returns the defaults of the section.
func (Replay) Default() Replay { return Replay{Without: "refuse"} }

// OwnName is `name` of `fleet`: exactly one of its keys, of which the first may be left out.
type OwnName struct {
	// The name itself.
	Text Name `yaml:"text" reload:"restart"`
	// The environment variable that has the name.
	Env string `yaml:"env" reload:"restart"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (OwnName) ExactlyOne() {}
