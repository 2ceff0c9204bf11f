package ratelimit

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

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

// The bounds that [New] and [NewSources] hold settings to.
const (
	// MaxPerSecond is the highest Rate.PerSecond.
	MaxPerSecond = 1e6
	// MinPerSecond is the lowest Rate.PerSecond: one a day.
	MinPerSecond = 1.0 / 86400
	// MaxBurst is the highest Rate.Burst.
	MaxBurst = 1_000_000
	// LongestMaxWait is the highest Config.MaxWait. A signature of the caller is valid for fifteen minutes.
	LongestMaxWait = 10 * time.Minute
	// DefaultMaxWaiting is what a zero Config.MaxWaiting means.
	DefaultMaxWaiting = 4096

	maxNameLength = 64
)

// PublishedName is the name of the limit that [Config.Published] adds; no [Rule] can have it.
const PublishedName = "published-quota"

// Rate is how often a token comes, and how many can be saved up.
type Rate struct {
	PerSecond float64 // tokens a second, from MinPerSecond to MaxPerSecond; may be less than one
	Burst     int     // tokens that a full bucket holds, from 1 to MaxBurst
}

func (r Rate) check() error {
	var problems []error
	if !(r.PerSecond >= MinPerSecond && r.PerSecond <= MaxPerSecond) { // written so that NaN fails
		problems = append(problems, fmt.Errorf("rate %v per second: must be from one a day to %d a second", r.PerSecond, int(MaxPerSecond)))
	}
	if r.Burst < 1 || r.Burst > MaxBurst {
		problems = append(problems, fmt.Errorf("burst %d: must be from 1 to %d", r.Burst, MaxBurst))
	}
	return errors.Join(problems...)
}

// Rule is one limit, or rather one for each combination of the dimensions that it counts by.
type Rule struct {
	// Name is shown to callers in the RateLimit fields and in refusals: letters, digits, "-", "_" and ".", at most 64,
	// unique.
	Name string
	// Per says what is counted separately: {"caller", "operation"} gives every caller a bucket for each operation. Empty
	// means one bucket for all calls of the rule. Calls without a credential (unsigned upstreams) count as having one
	// and the same.
	Per []Dimension
	// Callers, Operations, Credentials and Upstreams say which calls the rule is for. Empty means all.
	Callers, Operations, Credentials, Upstreams []string
	Rate                                        Rate
}

func (r Rule) check() error {
	problems := []error{checkName(r.Name), r.Rate.check()}
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

// Config is what a [Limiter] is made of. The zero value limits nothing.
type Config struct {
	Rules []Rule
	// MaxWait is how long a call over its limits may wait, up to LongestMaxWait. Zero: it is refused at once.
	MaxWait time.Duration
	// MaxWaiting is how many calls may wait at the same time over all limits; further ones are refused at once
	// (Verdict.QueueFull). Each waiting call holds its body in memory and its connection open. Zero means
	// DefaultMaxWaiting.
	MaxWaiting int
	// Published holds each credential to the provider's published quota of each operation (Subject.Quota).
	Published bool
}

func (c Config) check() error {
	var problems []error
	if c.MaxWait < 0 || c.MaxWait > LongestMaxWait {
		problems = append(problems, fmt.Errorf("maximum wait %v: must be from 0 to %v", c.MaxWait, LongestMaxWait))
	}
	if c.MaxWaiting < 0 {
		problems = append(problems, fmt.Errorf("maximum of waiting calls %d: must not be negative", c.MaxWaiting))
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
