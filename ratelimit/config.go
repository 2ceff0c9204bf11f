package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them

	"tollgate/internal/setting"
)

// Config is the section `limits` of the configuration. [NewRules] makes rules of it, and [NewSources] what limits requests whose caller is
// not known. The zero value limits no calls.
type Config struct {
	// How long a call waits for its turn before it is answered 429.
	MaxWait setting.Duration `yaml:"max_wait" range:"0s..5m"`
	// Whether the provider's published quotas hold for each credential and operation.
	Published bool `yaml:"published"`
	// What a limit does while the calls of other members of a fleet cannot be looked up: `refuse` calls, or let each member have its even
	// `share` of the limit. Published quotas go by it, and rules that say nothing else. It means nothing without a fleet.
	Without Without `yaml:"without" choice:"refuse|share"`
	// Limits of your own. All that fit a call hold.
	Rules []Rule `yaml:"rules"`
	// The limit on requests whose caller is not known, for each source address.
	Unauthenticated Unauthenticated `yaml:"unauthenticated"`
}

// Default returns the defaults of the section.
func (Config) Default() Config {
	return Config{MaxWait: setting.Duration(2 * time.Second), Published: true, Without: Share}
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
	// How many calls in a time. A rule has either this or `quota`.
	Rate Rate `yaml:"rate"`
	// How many calls at once after a pause. Default: the calls of one second, at least 1. Only with `rate`.
	Burst int `yaml:"burst" range:"1..1000000"`
	// How many calls in each `day` or `month` of the calendar. What is used of it outlives a restart.
	Quota Quota `yaml:"quota"`
	// The time zone in which days and months begin, such as `Europe/Berlin`. Default: `Asia/Shanghai`, by which the provider bills. Only with
	// `quota`.
	Zone string `yaml:"zone"`
	// Whether calls beyond it are held back (`enforce`), or only recorded and counted as what would have been refused (`shadow`).
	Mode Mode `yaml:"mode" choice:"enforce|shadow"`
	// As `without` of `limits`, for this rule. Default: that of `limits`.
	Without Without `yaml:"without" choice:"refuse|share"`
}

// Default returns the defaults of a rule.
func (Rule) Default() Rule { return Rule{Mode: Enforce} }

// Mode is whether a limit holds calls back.
type Mode string

// The modes of a [Rule]. The zero value is Enforce.
const (
	Enforce Mode = "enforce"
	Shadow  Mode = "shadow"
)

// Without is what a limit that several gateways share does while the calls of the others cannot be looked up.
type Without string

// The choices of Without. The zero value is Share.
const (
	Refuse Without = "refuse"
	Share  Without = "share"
)

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

// terms returns what a checked rule lets through.
func (r Rule) terms() (t Terms, err error) {
	switch {
	case r.Quota == (Quota{}):
		t = Terms{Kind: Bucket, Rate: Flow{float64(r.Rate), r.Burst}}
		if r.Zone != "" {
			err = errors.New("a zone without a quota: days and months are those of quotas")
		}
		return t, errors.Join(t.Rate.check(), err)
	case r.Rate != 0 || r.Burst != 0:
		return t, errors.New("both a quota and a rate or burst: make two rules of them")
	case r.Quota.Calls < 1 || r.Quota.Calls > MaxQuota || r.Quota.Period != Day && r.Quota.Period != Month:
		return t, fmt.Errorf("quota %v: must be from 1 to %d calls in a day or month", r.Quota, MaxQuota)
	}
	t = Terms{Kind: Calendar, Calls: r.Quota.Calls, Period: r.Quota.Period}
	t.Zone, err = loadZone(cmp.Or(r.Zone, DefaultZone))
	return t, err
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("zone %.70q is not known: want a name such as %q", name, DefaultZone)
	}
	return zone, nil
}

func (r Rule) check() error {
	_, err := r.terms()
	problems := []error{checkName(r.Name), err}
	if r.Mode != "" && r.Mode != Enforce && r.Mode != Shadow {
		problems = append(problems, fmt.Errorf("unknown mode %q: want enforce or shadow", r.Mode))
	}
	problems = append(problems, r.Without.check())
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

func (w Without) check() error {
	if w != "" && w != Refuse && w != Share {
		return fmt.Errorf("unknown without %q: want refuse or share", w)
	}
	return nil
}

func (c Config) check() error {
	problems := []error{c.Without.check()}
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
