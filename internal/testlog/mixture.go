package testlog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// What a mixture has of each.
const (
	mixedCallers    = 20
	mixedOperations = 100
	mixedCustomers  = 60_000
	mixedInFlight   = 8
	mixedSegment    = 350_000 // records
)

// Mixture writes about as many records of calls as a company has them: 20 callers of unlike size, 100 operations, 60,000 customers; of the
// calls 80 % read, 5 % are refused, 1 % fail and 0.1 % have an unknown outcome, half of which is settled later. Calls overlap. Segments have about
// 256 MiB.
func (l *Log) Mixture(records int) {
	m := mixture{Log: l}
	for end, begun := l.Seq+uint64(records), l.Seq; l.Seq < end; {
		if l.Seq-begun >= mixedSegment {
			begun = l.Seq
			l.Rotate()
		}
		if l.full || l.Seq-l.signed >= 10_000 {
			l.Checkpoint()
		}
		m.next()
	}
	for len(m.open) > 0 {
		m.end()
	}
}

// mixture is a log with the calls that are in flight.
type mixture struct {
	*Log
	open    []*logfile.Record // intents
	unknown []string          // calls whose outcome may be settled
}

func (m *mixture) next() {
	switch n := m.rng.IntN(2000); {
	case len(m.unknown) > 0 && m.rng.IntN(500) == 0:
		m.settle()
	case n < 100:
		m.refuse()
	case len(m.open) >= mixedInFlight || len(m.open) > 0 && n%2 == 0:
		m.end()
	default:
		m.begin()
	}
}

// skewed returns a number below n, the lesser ones more often.
func skewed(rng *rand.Rand, n int) int {
	x := rng.Float64()
	return int(x * x * x * float64(n))
}

// call returns the first record of a call.
func (m *mixture) call(kind logfile.Kind) *logfile.Record {
	caller, n := fmt.Sprintf("app-%d", skewed(m.rng, mixedCallers)), skewed(m.rng, mixedOperations)
	effect, method := mixedEffect(m.rng)
	customer := fmt.Sprintf("c-%06d", m.rng.IntN(mixedCustomers))
	r := &logfile.Record{
		Kind: kind, Call: fmt.Sprintf("0199a3b2-7c00-7%03x-8f10-%012x", m.rng.IntN(4096), m.Seq), Listener: "gateway.corp.example:8443", Caller: caller,
		IdentifiedBy: "access_key", Identity: "TG-" + caller, Source: fmt.Sprintf("10.1.%d.%d", m.rng.IntN(256), m.rng.IntN(256)), SourcePort: uint16(1024 + m.rng.IntN(60000)),
		Upstream: "bss", Site: "cn", Operation: strings.ToUpper(effect[:1]) + fmt.Sprintf("%s%02d", effect[1:], n), Effect: effect, Method: method, Path: fmt.Sprintf("/v2/mixed/%s/%d", effect, n),
		Credential: "partner-main", Class: "partner", AccessKey: "HPUAABCDEFGHIJKLMNOP", Account: "p-1", Plan: fmt.Sprintf("%016x", m.Seq/1_000_000),
		BodyHash: m.hash(), BodyBytes: 212, Deprecated: n == 90,
		Fields: []logfile.Field{{Name: "customer_id", Kind: "customer", Values: []string{customer}}},
	}
	if n%10 == 9 {
		r.Site, r.Upstream, r.Account = "intl", "bss-intl", "p-2"
	}
	if n%4 == 0 {
		r.Credential, r.Class, r.Account = "acme", "customer", "c-17"
	}
	if effect == "spend" {
		r.Fields = append(r.Fields, logfile.Field{Name: "order_id", Kind: "order", Values: []string{fmt.Sprintf("CS%016d", m.Seq)}},
			logfile.Field{Name: "amount", Kind: "amount", Values: []string{fmt.Sprintf("%d.%02d", m.rng.IntN(10_000), m.rng.IntN(100))}})
	}
	if effect != "read" && n%20 == 0 {
		r.Fields = append(r.Fields, logfile.Field{Name: "coupon_id", Kind: "coupon", Values: []string{fmt.Sprintf("cp-%d", m.rng.IntN(200_000))}})
	}
	return r
}

func mixedEffect(rng *rand.Rand) (effect, method string) {
	switch n := rng.IntN(100); {
	case n < 80:
		return "read", "GET"
	case n < 90:
		return "write", "POST"
	}
	return "spend", "POST"
}

func (m *mixture) begin() {
	r := m.call(logfile.KindIntent)
	r.Decision, r.SignatureHash, r.SignatureDate = logfile.Allowed, m.hash(), m.at(m.Seq).Truncate(time.Second)
	m.Add(r)
	m.open = append(m.open, r)
}

func (m *mixture) refuse() {
	r := m.call(logfile.KindRefusal)
	why := mixedRefusals[skewed(m.rng, len(mixedRefusals))]
	r.Decision, r.Reason, r.Detail, r.Status = logfile.Refused, why.reason, "as the plan says", why.status
	m.Add(r)
}

var mixedRefusals = []struct {
	reason string
	status int
}{{"over_limit", 429}, {"no_grant", 403}, {"bad_signature", 401}, {"frozen", 503}, {"repeated", 409}}

func (m *mixture) end() {
	i := m.rng.IntN(len(m.open))
	of := m.open[i]
	m.open = append(m.open[:i], m.open[i+1:]...)
	r := &logfile.Record{
		Kind: logfile.KindOutcome, Plan: of.Plan, Call: of.Call, Caller: of.Caller, Upstream: of.Upstream, Site: of.Site, Operation: of.Operation, Effect: of.Effect,
		Credential: of.Credential, Class: of.Class, Account: of.Account, Deprecated: of.Deprecated, UpstreamMicros: 12345, TotalMicros: 12400,
	}
	switch n := m.rng.IntN(1000); {
	case n < 10:
		r.Outcome, r.Status, r.ErrorCode = logfile.Failed, 400, fmt.Sprintf("CBC.%04d", skewed(m.rng, 12))
	case n == 10:
		r.Outcome, r.Reason = logfile.Unknown, "timeout"
		if m.rng.IntN(2) == 0 {
			m.unknown = append(m.unknown, of.Call)
		}
	default:
		r.Outcome, r.Status = logfile.Succeeded, 200
	}
	if r.Status != 0 {
		r.RequestID, r.Result, r.ResultFrom, r.AnswerHash, r.AnswerBytes = m.hash()[:32], r.Outcome, "status", m.hash(), 512
	}
	m.Add(r)
}

// settle settles the call that has waited longest.
func (m *mixture) settle() {
	outcome := logfile.Succeeded
	if m.rng.IntN(3) == 0 {
		outcome = logfile.Failed
	}
	m.Add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventResolved, Subject: m.unknown[0], Data: map[string]string{"outcome": outcome}})
	m.unknown = m.unknown[1:]
}
