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

// Config is a checked configuration: every name in it leads to something, every grant can be honoured. It is plain data, which
// reflect.DeepEqual compares, and has the places of secrets and files in place of their contents. Its methods make what a running gateway
// needs of it; the checks call the same methods.
type Config struct {
	File      string             // its path
	Dir       string             // that paths in references to secrets are relative to; all other paths are absolute
	Files     []string           // File and those that it includes
	Dirs      []string           // directories that it includes
	Listeners []*Listener        // in the order of the file
	Upstreams []*upstream.Config // sorted by name

	Credentials []*credential.Config // sorted by name
	Callers     []caller.Config      // sorted by name
	Grants      []grants.Grant       // [Config.GrantPlace] returns where each stands

	Limits ratelimit.Config
	Spend  spend.Config // guard and caps

	Fleet *fleet.Config // nil: the gateway is alone

	TLSPolicies map[string]tlspolicy.Config // beside the built-in ones

	Audit         audit.Config
	Admin         *Admin // nil: there is none
	Metrics       Metrics
	Review        *Review            // nil: there is none
	Identities    []session.Identity // sorted by name
	Log           Log
	HTTPChallenge *HTTPChallenge // nil: no certificate needs it
	Bounds        Bounds
	Reload        Reload
	Hardening     confine.Config
	// PrivateFiles are those that only the gateway should be able to use, each once. They need not exist.
	PrivateFiles []PrivateFile
	// Needs are the paths that the files name, where hardening wants to know; nil otherwise.
	Needs []confine.Need

	grantPlaces []string
	notes       []string
}

// PrivateFile is a file with a secret.
type PrivateFile struct {
	Path string
	Key  string // of the configuration: "credentials.acme.secret_key"
}

// GrantPlace returns the config path of a grant: "callers.billing-app.grants[0]".
func (c *Config) GrantPlace(i int) string { return c.grantPlaces[i] }

// Upstream returns the upstream of a name; nil if there is none.
func (c *Config) Upstream(name string) *upstream.Config {
	for _, u := range c.Upstreams {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// Notes returns what is allowed but probably not meant, one sentence for each.
func (c *Config) Notes() []string { return c.notes }
