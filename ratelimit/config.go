package ratelimit

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tollgate/internal/setting"
)

// Config is the section `limits` of the configuration. [NewRules] makes rules of it, and [NewSources] what limits requests whose caller is
// not known. The zero value limits no calls.
type Config struct {
	// How long a call waits for its turn before it is answered 429.
	MaxWait setting.Duration `yaml:"max_wait" range:"0s..5m"`
	// Whether the provider's published quotas hold for each credential and operation.
	Published bool `yaml:"published"`
	// Limits of your own. All that fit a call hold.
	Rules []Rule `yaml:"rules"`
	// The limit on requests whose caller is not known, for each source address.
	Unauthenticated Unauthenticated `yaml:"unauthenticated"`
}

// Default returns the defaults of the section.
func (Config) Default() Config {
	return Config{MaxWait: setting.Duration(2 * time.Second), Published: true}
}

// Rule is one entry of `rules`: one limit, or rather one for each combination of the dimensions that it counts by. Calls without a
// credential (unsigned upstreams) count as having one and the same.
type Rule struct {
	// What answers and metrics call the limit. Unique.
	Name string `yaml:"name" need:"yes"`
	// What the calls are counted by: each combination has its own count. Empty: all calls that fit are counted together.
	Per []Dimension `yaml:"per" choice:"caller|operation|credential|upstream"`
	// The callers that it is for. Default: all; so for the next three.
	Callers []string `yaml:"callers"`
	// The operations that it is for.
	Operations []string `yaml:"operations"`
	// The credentials that it is for.
	Credentials []string `yaml:"credentials"`
	// The upstreams that it is for.
	Upstreams []string `yaml:"upstreams"`
	// How many calls in a time.
	Rate Rate `yaml:"rate" need:"yes"`
	// How many calls at once after a pause. Default: the calls of one second, at least 1.
	Burst int `yaml:"burst" range:"1..1000000"`
}

// Unauthenticated is `unauthenticated` of `limits`.
type Unauthenticated struct {
	// Failed identifications in a time, for each source.
	Rate Rate `yaml:"rate"`
	// Failed identifications at once after a pause.
	Burst int `yaml:"burst" range:"1..1000000"`
	// How many sources are remembered.
	Sources int `yaml:"sources" range:"16..1048576"`
}

// Default returns the defaults of the section.
func (Unauthenticated) Default() Unauthenticated {
	return Unauthenticated{Rate: 10, Burst: 20, Sources: 10_000}
}

// Dimension is what a rule counts by.
type Dimension string

// The dimensions of a [Rule].
const (
	ByCaller     Dimension = "caller"
	ByOperation  Dimension = "operation"
	ByCredential Dimension = "credential"
	ByUpstream   Dimension = "upstream"
)

// Dimensions lists every [Dimension].
func Dimensions() []Dimension { return []Dimension{ByCaller, ByOperation, ByCredential, ByUpstream} }

// The bounds that [NewRules] and [NewSources] hold settings to.
const (
	// MaxPerSecond is the highest Rate: more than one gateway can serve.
	MaxPerSecond = 1e6
	// MinPerSecond is the lowest Rate: one a day.
	MinPerSecond = 1.0 / 86400
	// MaxBurst is the highest Burst.
	MaxBurst = 1_000_000
	// LongestMaxWait is the highest Config.MaxWait. A signature of the caller is valid for fifteen minutes.
	LongestMaxWait = setting.Duration(10 * time.Minute)

	// maxWaiting is how many calls may wait at the same time over all limits; further ones are refused at once (Verdict.QueueFull). Each
	// holds its body in memory and its connection open.
	maxWaiting = 4096

	maxNameLength = 64
)

// PublishedName is the name of the limit that [Config.Published] adds; no [Rule] can have it.
const PublishedName = "published-quota"

// Flow is how often a token comes, and how many can be saved up.
type Flow struct {
	PerSecond float64 // tokens a second, from MinPerSecond to MaxPerSecond; may be less than one
	Burst     int     // tokens that a full bucket holds, from 1 to MaxBurst
}

func (f Flow) check() error {
	var problems []error
	if !(f.PerSecond >= MinPerSecond && f.PerSecond <= MaxPerSecond) { // written so that NaN fails
		problems = append(problems, fmt.Errorf("rate %v per second: must be from one a day to %d a second", f.PerSecond, int(MaxPerSecond)))
	}
	if f.Burst < 1 || f.Burst > MaxBurst {
		problems = append(problems, fmt.Errorf("burst %d: must be from 1 to %d", f.Burst, MaxBurst))
	}
	return errors.Join(problems...)
}

func (r Rule) flow() Flow { return Flow{float64(r.Rate), r.Burst} }

func (r Rule) check() error {
	problems := []error{checkName(r.Name), r.flow().check()}
	for i, d := range r.Per {
		if !slices.Contains(Dimensions(), d) {
			problems = append(problems, fmt.Errorf("unknown dimension %q: the choices are %q", d, Dimensions()))
		} else if slices.Contains(r.Per[:i], d) {
			problems = append(problems, fmt.Errorf("dimension %q is listed twice", d))
		}
	}
	for _, names := range [][]string{r.Callers, r.Operations, r.Credentials, r.Upstreams} {
		if slices.Contains(names, "") {
			problems = append(problems, errors.New("an empty name in a list of what the rule is for"))
		}
	}
	return errors.Join(problems...)
}

func (c Config) check() error {
	var problems []error
	if c.MaxWait < 0 || c.MaxWait > LongestMaxWait {
		problems = append(problems, fmt.Errorf("maximum wait %v: must be from 0 to %v", c.MaxWait, LongestMaxWait))
	}
	seen := make(map[string]bool)
	for i, r := range c.Rules {
		if err := r.check(); err != nil {
			problems = append(problems, fmt.Errorf("limit %d (%q): %w", i+1, r.Name, err))
		}
		if seen[r.Name] {
			problems = append(problems, fmt.Errorf("limit %d (%q): another limit has this name", i+1, r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(problems...)
}

func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxNameLength:
		return fmt.Errorf("name %.70q: must have from 1 to %d characters", name, maxNameLength)
	case name == PublishedName:
		return fmt.Errorf("name %q is kept for the published quotas", name)
	}
	for _, c := range []byte(name) {
		if !isNameByte(c) {
			return fmt.Errorf(`name %q: only letters, digits, "-", "_" and "." are allowed`, name)
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}
