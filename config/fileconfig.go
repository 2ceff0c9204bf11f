package config

import (
	"tollgate/audit"
	"tollgate/caller"
	"tollgate/credential"
	"tollgate/fleet"
	"tollgate/grants"
	"tollgate/internal/confine"
	"tollgate/ratelimit"
	"tollgate/review/session"
	"tollgate/spend"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// The types of this file, and those of other packages that they name, are the form of the configuration file, as package strictyaml
// reads it: the JSON Schema and the tables of docs/config.md are made from them. The comment of a field is its text in the manual. The
// defaults of a section are what its method Default returns, except those that follow from other settings.

// fileConfig is the whole file.
type fileConfig struct {
	// Where callers reach the gateway.
	Listeners []Listener `yaml:"listeners" need:"yes"`
	// TLS policies of your own, by name, beside the built-in `huawei-high` and `huawei`.
	TLSPolicies map[string]tlspolicy.Config `yaml:"tls_policies"`
	// Where calls go, by name.
	Upstreams map[string]upstream.Config `yaml:"upstreams" need:"yes"`
	// The secrets that sign calls to upstreams, by name.
	Credentials map[string]credential.Config `yaml:"credentials"`
	// The applications that call, by name, and what each may do. May be left out where `include` is there.
	Callers map[string]callerConfig `yaml:"callers"`
	// Directories and files with further callers. Of a directory those whose names end in `.yaml` are read, in the order of their names,
	// but none with a dot in front and none in directories below. Such a file has the key `callers` and no other. A caller is defined once
	// in all files; an entry with `extends: true` adds ways to be known. Relative paths, also those in included files, are relative to
	// the folder of the main file.
	Include []string `yaml:"include" path:"read"`
	// How often calls may be made.
	Limits ratelimit.Config `yaml:"limits"`
	spend.Config
	// The gateways that share limits, signatures and freezes over one Redis. Without this section the gateway is alone. It comes and goes with
	// a restart only.
	Fleet *fleet.Config `yaml:"fleet"`
	// Where calls are recorded. Without a record there is no call, so this section must be there.
	Audit audit.Config `yaml:"audit" need:"yes"`
	// Where those who operate the gateway reach it: the admin socket, and health and metrics. Without this section there is none.
	Admin *Admin `yaml:"admin" reload:"restart"`
	// A listener for metrics and readiness beyond the machine, and which callers metrics name. Without an address there is no listener.
	Metrics Metrics `yaml:"metrics"`
	// Pages on which people review what the log says. Without this section there are none. Another process can serve them too: `tollgate review`.
	Review *Review `yaml:"review" reload:"restart"`
	// The people who may sign in to review pages, by name. They are no callers.
	Identities map[string]session.Identity `yaml:"identities"`
	// Where the gateway answers the `http-01` challenges of ACME authorities. Needed for certificates with that challenge,
	// all of which it serves.
	HTTPChallenge *HTTPChallenge `yaml:"http_challenge" reload:"restart"`
	// The operational log, on standard error.
	Log Log `yaml:"log"`
	// Bounds on what peers can make the gateway hold.
	Bounds Bounds `yaml:"bounds"`
	// When this file is loaded again.
	Reload Reload `yaml:"reload"`
	// What the gateway takes away from itself: [hardening](hardening.md).
	Hardening confine.Config `yaml:"hardening" reload:"restart"`
}

// callerConfig is one entry of `callers`.
type callerConfig struct {
	caller.Config
	// Whether this entry only adds its `auth` to the caller of this name, which another file defines. Keys are added in this way, by
	// `tollgate key new` for one.
	Extends bool `yaml:"extends"`
	// What the caller may do. What no grant allows is refused.
	Grants []grants.Grant `yaml:"grants"`
}
