package tlsreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/tlspolicy"
)

// Report has what a Collector counted.
type Report struct {
	Policy   string    `json:"policy"`
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	First    time.Time `json:"first_record,omitzero"` // of those that were counted
	Last     time.Time `json:"last_record,omitzero"`
	In       []Use     `json:"in"`
	Out      []Use     `json:"out"`
	Offered  []Offered `json:"offered"`
	Refused  []Refused `json:"refused"`
	Upstream []Failed  `json:"refused_upstream"`
	Without  []Without `json:"without"`
	Certs    []Cert    `json:"certificates"`
	Names    []Name    `json:"server_names"`
	Notes    []string  `json:"notes"`
}

// Use is what one caller or upstream used.
type Use struct {
	Who          string `json:"who"` // caller or upstream; empty: no proven one
	Identity     string `json:"identity,omitempty"`
	Version      string `json:"version"`
	Suite        string `json:"suite"`
	Group        string `json:"group"`
	Calls        uint64 `json:"calls"`
	ResumedCalls uint64 `json:"resumed_calls"` // on connections that resumed a session
	Conns        uint64 `json:"connections,omitempty"`
	ResumedConns uint64 `json:"resumed_connections,omitempty"`
}

// Offered is how many connections offered a thing.
type Offered struct {
	What    string `json:"what"` // "version", "suite" or "group"
	Name    string `json:"name"`
	Conns   uint64 `json:"connections"`
	Refused uint64 `json:"refused"`
}

// Refused are connections that came to no call.
type Refused struct {
	Reason      string       `json:"reason"`
	Count       uint64       `json:"count"`
	Recorded    uint64       `json:"recorded"`     // with a record of their own
	WithOffer   uint64       `json:"with_offer"`   // whose record has the offer
	Sources     int          `json:"sources"`      // different addresses
	MoreSources bool         `json:"more_sources"` // there were more than are counted
	Examples    []string     `json:"examples"`     // of sources
	Offers      []OfferCount `json:"offers"`       // the first few that differ
}

// OfferCount is an offer, and how often it was made.
type OfferCount struct {
	Offer string `json:"offer"`
	Count uint64 `json:"count"`

	Versions []string `json:"-"`
	Suites   Listed   `json:"-"`
	Groups   Listed   `json:"-"`
}

// Listed are names of an offer: those that the policy has, and the others.
type Listed struct{ Common, Others []string }

// Len returns how many there are.
func (l Listed) Len() int { return len(l.Common) + len(l.Others) }

// Failed are calls that were not sent because there was no TLS connection.
type Failed struct {
	Upstream string `json:"upstream"`
	Reason   string `json:"reason"`
	Calls    uint64 `json:"calls"`
}

// Answers on a caller.
const (
	Breaks  = "breaks"  // some of its connections would have nothing left in common with the policy
	Unknown = "unknown" // not known from the log for some
	Stays   = "stays"   // all could still be made
)

// Without is which callers could no longer connect if things were removed from the policy.
type Without struct {
	Removed []string `json:"removed"`
	Breaks  []Caller `json:"breaks"`
	Unknown []Caller `json:"unknown"`
	Stay    int      `json:"stay"` // how many callers could still connect as they do
}

// Caller is one whose connections were judged. The numbers are of connections.
type Caller struct {
	Caller       string `json:"caller"` // empty: no proven one
	IdentifiedBy string `json:"identified_by,omitempty"`
	Identity     string `json:"identity,omitempty"`
	Sources      int    `json:"sources"`
	MoreSources  bool   `json:"more_sources"`
	Calls        uint64 `json:"calls"`
	Conns        uint64 `json:"connections"`
	WithOffer    uint64 `json:"with_offer"`
	Breaking     uint64 `json:"breaking"` // by their offers
	Inferred     uint64 `json:"inferred"` // by having used TLS 1.2 where TLS 1.3 was allowed
	Unclear      uint64 `json:"unclear"`
}

// Cert is a certificate of a peer.
type Cert struct {
	Direction   string    `json:"direction"` // "in" or "out"
	Who         string    `json:"who"`
	ServerName  string    `json:"server_name,omitempty"`
	Peer        string    `json:"peer"`
	Fingerprint string    `json:"fingerprint"`
	Calls       uint64    `json:"calls"`
	First       time.Time `json:"first_seen"`
	Last        time.Time `json:"last_seen"`
	NotAfter    time.Time `json:"not_after,omitzero"` // zero: not in the log
}

// Name is a server name that callers asked for.
type Name struct {
	Name  string `json:"name"`
	Conns uint64 `json:"connections"`
}

// Report returns what was counted. Add must not be called after it.
func (c *Collector) Report() *Report {
	c.conns.Purge() // settles all
	r := &Report{
		Policy: c.config.Policy.Name(), Since: c.config.Since, Until: c.config.Until, First: c.first, Last: c.last,
		In: uses(c.in), Out: uses(c.out), Offered: c.listOffered(), Refused: c.listRefused(), Upstream: c.listFailed(),
		Certs: c.listCerts(), Names: c.listNames(), Without: []Without{}, Notes: []string{},
	}
	for i, q := range c.questions {
		if q.asked || c.wasUsed(q.names[0]) {
			r.Without = append(r.Without, c.without(i))
		}
	}
	if c.foreign > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d connections used what policy %s does not allow, so of them nothing is known: name the policy that the "+
			"gateway had, by --policy or --config", c.foreign, r.Policy))
	}
	return r
}

func (c *Collector) wasUsed(suite string) bool {
	for key := range c.in.entries {
		if key.suite == suite {
			return true
		}
	}
	return false
}

func uses(b bounded[useKey, use]) []Use {
	return list(b, func(k useKey, u *use) Use {
		return Use{k.who, k.identity, k.version, k.suite, k.group, u.calls, u.resumedCalls, u.conns, u.resumedConns}
	}, func(a, b Use) int {
		return most(a.Calls, b.Calls, []string{a.Who, a.Identity, a.Version, a.Suite, a.Group}, []string{b.Who, b.Identity, b.Version, b.Suite, b.Group})
	})
}

func (c *Collector) listOffered() []Offered {
	return list(c.offered, func(k offeredKey, n *offeredCount) Offered { return Offered{k.what, k.name, n.conns, n.refused} },
		func(a, b Offered) int {
			return cmp.Or(-strings.Compare(a.What, b.What), most(a.Conns+a.Refused, b.Conns+b.Refused, []string{a.Name}, []string{b.Name}))
		})
}

func (c *Collector) listRefused() []Refused {
	return list(c.refused, func(reason string, u *refusedUse) Refused {
		return Refused{reason, u.count, u.recorded, u.withOffer, len(u.sources.seen), u.sources.more, u.sources.examples(), c.listOffers(u)}
	}, func(a, b Refused) int { return most(a.Count, b.Count, []string{a.Reason}, []string{b.Reason}) })
}

func (c *Collector) listOffers(u *refusedUse) []OfferCount {
	offers := make([]OfferCount, 0, len(u.offers))
	suites, groups := c.allowedNames()
	for text, o := range u.offers {
		offers = append(offers, OfferCount{text, o.count, o.Versions, listed(o.Suites, suites), listed(o.Groups, groups)})
	}
	slices.SortFunc(offers, func(a, b OfferCount) int { return most(a.Count, b.Count, []string{a.Offer}, []string{b.Offer}) })
	return offers
}

// allowedNames returns the names of what the policy has.
func (c *Collector) allowedNames() (suites, groups []string) {
	for _, suite := range c.config.Policy.Suites() {
		suites = append(suites, suite.Name)
	}
	for _, group := range c.config.Policy.Groups() {
		groups = append(groups, tlspolicy.GroupName(group))
	}
	return suites, groups
}

func listed(offered, allowed []string) (l Listed) {
	for _, name := range offered {
		if slices.Contains(allowed, name) {
			l.Common = append(l.Common, name)
		} else {
			l.Others = append(l.Others, name)
		}
	}
	return l
}

func (c *Collector) listFailed() []Failed {
	return list(c.upstream, func(k upstreamRefusal, n *uint64) Failed { return Failed{k.upstream, k.reason, *n} },
		func(a, b Failed) int {
			return most(a.Calls, b.Calls, []string{a.Upstream, a.Reason}, []string{b.Upstream, b.Reason})
		})
}

// listCerts sorts by the end of validity; those without a known end are last.
func (c *Collector) listCerts() []Cert {
	return list(c.certs, func(k certKey, u *certUse) Cert {
		return Cert{k.direction, k.who, k.serverName, k.peer, k.fingerprint, u.calls, u.first, u.last, u.notAfter}
	}, func(a, b Cert) int {
		if a.NotAfter.IsZero() != b.NotAfter.IsZero() {
			return b.NotAfter.Compare(a.NotAfter)
		}
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), most(a.Calls, b.Calls,
			[]string{a.Direction, a.Who, a.ServerName, a.Fingerprint}, []string{b.Direction, b.Who, b.ServerName, b.Fingerprint}))
	})
}

func (c *Collector) listNames() []Name {
	return list(c.names, func(name string, n *uint64) Name { return Name{name, *n} },
		func(a, b Name) int { return most(a.Conns, b.Conns, []string{a.Name}, []string{b.Name}) })
}

// without answers a question.
func (c *Collector) without(i int) Without {
	w := Without{Removed: c.questions[i].names, Breaks: []Caller{}, Unknown: []Caller{}}
	all := list(c.callers, func(k callerKey, u *callerUse) Caller { return c.caller(k, u, i) }, func(a, b Caller) int {
		return most(a.Conns, b.Conns, []string{a.Caller, a.IdentifiedBy, a.Identity}, []string{b.Caller, b.IdentifiedBy, b.Identity})
	})
	for _, caller := range all {
		switch caller.Answer() {
		case Breaks:
			w.Breaks = append(w.Breaks, caller)
		case Unknown:
			w.Unknown = append(w.Unknown, caller)
		default:
			w.Stay++
		}
	}
	return w
}

func (c *Collector) caller(k callerKey, u *callerUse, i int) Caller {
	n := u.verdicts[i]
	caller := Caller{
		Caller: k.caller, IdentifiedBy: k.by, Identity: k.identity, Sources: len(u.sources.seen), MoreSources: u.sources.more,
		Calls: u.calls, Conns: u.conns, WithOffer: u.withOffer, Breaking: n[breaks], Inferred: n[inferred], Unclear: n[unknown],
	}
	for _, key := range []verdict{needsRSA, needsECDSA} {
		if !c.keys[key] { // no peer used such a certificate of the gateway
			caller.Unclear += n[key]
		}
	}
	return caller
}

// Answer is one of Breaks, Unknown and Stays.
func (c Caller) Answer() string {
	switch {
	case c.Breaking+c.Inferred > 0:
		return Breaks
	case c.Unclear > 0:
		return Unknown
	}
	return Stays
}
