package tlspolicy

import (
	"crypto/fips140"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is the side of a connection on which a policy is used.
type Role int

// The roles.
const (
	RoleServer Role = iota // a listener: it chooses the suite
	RoleClient             // towards an upstream: the peer chooses among all that the process offers
)

// Use is one place where a policy is used.
type Use struct {
	Where  string // for messages: "listener :8443", "upstream bss"
	Policy *Policy
	Role   Role
}

// Plan is the set and order of TLS 1.3 suites for the whole process, and the policies that it serves. Make it with
// [NewPlan]; it does nothing until [Plan.Fix].
type Plan struct {
	uses    []Use
	suites  []uint16 // in the order of preference where AES is fast
	noAES   []uint16 // in the order of preference elsewhere, or if the peer prefers ChaCha20
	changed bool
}

// goSuites13 and goSuites13NoAES are the set and the orders that Go comes with (crypto/tls/defaults.go of Go 1.26).
func goSuites13() []uint16 {
	return []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}
}

func goSuites13NoAES() []uint16 {
	return []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384}
}

// NewPlan works out which TLS 1.3 suites the process must have for all uses. It fails, naming the two places and what
// to do, if there is no such set:
//
//   - a listener can do with fewer suites than the process has, as long as all of its own come first, so of any two
//     listeners one must allow all that the other allows;
//   - towards an upstream everything that the process has is offered, so an upstream must allow all of it.
//
// Uses without TLS 1.3 do not matter.
func NewPlan(uses []Use) (Plan, error) {
	var problems []error
	var with13 []Use
	for _, use := range uses {
		if use.Policy.allowsVersion(tls.VersionTLS13) {
			with13 = append(with13, use)
		}
	}
	for i, a := range with13 {
		for _, b := range with13[i+1:] {
			problems = append(problems, conflict(a, b))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return Plan{}, err
	}
	plan := Plan{uses: slices.Clone(uses), suites: order(with13, goSuites13()), noAES: order(with13, goSuites13NoAES())}
	plan.changed = len(with13) > 0 && (!slices.Equal(plan.suites, builtIn(goSuites13())) || !slices.Equal(plan.noAES, builtIn(goSuites13NoAES())))
	if plan.changed && fips140.Enabled() {
		return Plan{}, errors.New("in FIPS 140 mode the TLS 1.3 suites of Go cannot be narrowed: allow TLS_AES_128_GCM_SHA256 and" +
			` TLS_AES_256_GCM_SHA384 in every policy, or set versions: ["1.2"]`)
	}
	return plan, nil
}

// builtIn narrows one of Go's lists to what this process can speak (fewer in FIPS 140 mode).
func builtIn(codes []uint16) []uint16 {
	return slices.DeleteFunc(codes, func(code uint16) bool {
		return !slices.ContainsFunc(whitelist(), func(s Suite) bool { return s.Code == code && s.Offered })
	})
}

// conflict returns why two uses cannot be served by one process, if so.
func conflict(a, b Use) error {
	beyondA, beyondB := firstBeyond(b, a), firstBeyond(a, b)
	var why string
	switch {
	case a.Role == RoleClient && beyondA != 0:
		why = tooMany(a, b, beyondA)
	case b.Role == RoleClient && beyondB != 0:
		why = tooMany(b, a, beyondB)
	case beyondA != 0 && beyondB != 0:
		why = fmt.Sprintf("only %s allows %s and only %s allows %s", a.Where, tls.CipherSuiteName(beyondB), b.Where, tls.CipherSuiteName(beyondA))
	default:
		return nil
	}
	return fmt.Errorf(`%s (policy %q) and %s (policy %q) cannot both have TLS 1.3 in one process, which has one list of TLS 1.3 suites: %s;`+
		` allow the same TLS 1.3 suites in both policies, or set versions: ["1.2"] in one of them`,
		a.Where, a.Policy.name, b.Where, b.Policy.name, why)
}

func tooMany(client, other Use, code uint16) string {
	return fmt.Sprintf("%s needs %s, which would then also be offered to %s", other.Where, tls.CipherSuiteName(code), client.Where)
}

// firstBeyond returns a TLS 1.3 suite that a has beyond b, or 0.
func firstBeyond(a, b Use) uint16 {
	for _, code := range a.Policy.offered(tls.VersionTLS13) {
		if !slices.Contains(b.Policy.offered(tls.VersionTLS13), code) {
			return code
		}
	}
	return 0
}

// order sorts the suites that any use allows: those that most uses allow come first, and Go's own order settles ties.
// Where the uses' sets are nested this puts all of each set before everything outside it.
func order(uses []Use, preference []uint16) []uint16 {
	counts := make(map[uint16]int, len(preference))
	for _, use := range uses {
		for _, code := range use.Policy.offered(tls.VersionTLS13) {
			counts[code]++
		}
	}
	ordered := slices.DeleteFunc(preference, func(code uint16) bool { return counts[code] == 0 })
	slices.SortStableFunc(ordered, func(a, b uint16) int { return counts[b] - counts[a] })
	return ordered
}

// String describes the mode in one line.
func (p Plan) String() string {
	switch {
	case len(p.suites) == 0:
		return "TLS 1.3: not used by any policy"
	case !p.changed:
		return "TLS 1.3: Go's own suites and order (" + suiteNames(p.suites) + ")"
	}
	return "TLS 1.3: suites and order fixed for this process (" + suiteNames(p.suites) + "); another set needs a restart"
}

// Suites returns the names of the suites, in the order of preference where AES is fast; none if no policy has TLS 1.3.
func (p Plan) Suites() []string { return namesOf(p.suites) }

func suiteNames(codes []uint16) string { return strings.Join(namesOf(codes), ", ") }

func namesOf(codes []uint16) []string {
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = tls.CipherSuiteName(code)
	}
	return names
}
