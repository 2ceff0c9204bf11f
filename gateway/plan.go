package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/ratelimit"
	"tollgate/spend"
	"tollgate/spend/acts"
	"tollgate/upstream"
)

// Plan is what is configured of calls. It must not be changed once it was published: another one is published in its place.
type Plan struct {
	ID          string // of its text: 64 digits, of which records have the first; empty where there is no text
	Callers     *caller.Registry
	Grants      *grants.Table
	Credentials map[string]*credential.Credential // those of Grants, by name; their keys, pauses and trials outlive the plan
	Listeners   map[string]*Listener              // by name
	Servers     map[string]*Listener              // by id: how each server has its calls served; see listener
	Limits      *ratelimit.Rules                  // by which limits each call is counted
	Spend       *spend.Rules                      // which acts are held and which caps count each call
	Bounds      config.Bounds                     // those of calls must be positive
	LogDeadline time.Duration                     // how long a record may take to become durable
}

// recordID returns the id as records have it.
func (p *Plan) recordID() string { return p.ID[:min(len(p.ID), logfile.PlanDigits)] }

// alone reports whether there is one caller only, for whom nothing is set aside.
func (p *Plan) alone() bool { return p.Callers.Len() == 1 }

// listener returns how a server has its calls served, by the id that it was made with ([Gateway.Server]). It is that of Servers, where a
// server can be one that another plan had under a name that now means something else, and by default the listener whose name is the id. One
// that is not in the plan has no routes, so it serves nothing.
func (p *Plan) listener(server string) *Listener {
	if l := cmp.Or(p.Servers[server], p.Listeners[server]); l != nil {
		return l
	}
	return &Listener{Name: server}
}

// Question is a call to explain. Its caller is taken to be proven.
type Question struct {
	Caller   string
	HasKey   bool   // the caller has an access key, by which it can be known at every listener without a fixed caller
	Listener string // empty: any that the caller can reach
	Upstream string // empty: the only one that has the operation
	Method   string
	Target   string // path and query
	Header   http.Header
	Body     []byte // nil: not known
}

// Ruling is what a plan decides on a call, but for limits, keys and caps: it does not know their counts and holders.
type Ruling struct {
	Operation *catalog.Operation // nil: none was found
	Upstream  *Upstream
	Refusal   *Refusal          // nil: the call is allowed
	Decision  grants.Decision   // of an allowed call
	Limits    []ratelimit.Limit // that it is counted by
	Act       *acts.Act         // that it is; nil: none that is known. Without keys where only the body could say more
	Shadow    bool              // the act holds nothing back
	Price     *spend.Price      // of the act, by the request; nil: it does not say
	Caps      []*spend.Cap      // that count it
}

// Explain returns what the plan decides on a call, by the functions that calls go through. The error names two upstreams that both have
// the operation.
func (p *Plan) Explain(q *Question) (Ruling, error) {
	if refused := checkMethod(q.Method); refused != nil {
		return Ruling{Refusal: refused}, nil
	}
	ways, refused := p.find(q)
	switch {
	case refused != nil:
		return Ruling{Refusal: refused}, nil
	case len(ways) > 1:
		return Ruling{}, fmt.Errorf("upstreams %s and %s both have this path", ways[0].upstream.Name, ways[1].upstream.Name)
	}
	return p.explain(q, ways[0]), nil
}

// way is how a call can come to an upstream.
type way struct {
	asked
	known bool // the caller can be known without a signature
}

func (p *Plan) explain(q *Question, w *way) Ruling {
	r := Ruling{Operation: w.operation, Upstream: w.upstream}
	if r.Refusal = checkAuthorization(p.Callers, q.Header, w.known && !w.upstream.Signed); r.Refusal != nil {
		return r
	}
	if !w.known && !q.HasKey {
		r.Refusal = refusal(noIdentity, "error.caller.no_listener", "Upstream", w.upstream.Name, "Caller", q.Caller)
		return r
	}
	if r.Refusal = w.readHeader(q.Header, int64(len(q.Body))); r.Refusal != nil {
		return r
	}
	w.body = q.Body
	var found ruling
	if found, r.Refusal = p.rule(q.Caller, &w.asked, q.Header); r.Refusal != nil {
		return r
	}
	if r.Refusal = p.explainSpending(&r, q, w, &found); r.Refusal == nil {
		r.Decision, r.Limits = found.decision, found.demand.Limits
	}
	return r
}

// explainSpending adds the act that a call is, with its windows, and the caps that count it.
func (p *Plan) explainSpending(r *Ruling, q *Question, w *way, found *ruling) *Refusal {
	if w.operation.Effect == catalog.Read {
		return nil
	}
	s, refused := p.spendingOf(q.Caller, &w.asked, found, q.Header, nil)
	if refused != nil && refused.Code == badAct && q.Body == nil && q.Header[repeatHeader] == nil {
		r.Act = &acts.Act{Name: w.operation.Act.Name}
		return nil
	}
	if s == nil {
		return refused
	}
	r.Act, r.Shadow, r.Caps = s.act, s.claim.Shadow, p.Spend.Matching(&s.subject)
	if s.subject.Priced {
		r.Price = &s.subject.Price
	}
	return nil
}

// find searches the listeners that the caller can reach. It returns one way for each upstream that has the operation, or the refusal if
// none has.
func (p *Plan) find(q *Question) (ways []*way, refused *Refusal) {
	var routes []*Route
	path, query, _ := strings.Cut(q.Target, "?")
	for _, l := range p.reached(q) {
		for i := range l.Routes {
			w := &way{known: l.Caller != "" || l.Certificates && p.Callers.Certified(q.Caller)}
			refusal := w.match(&l.Routes[i], q.Method, path, query)
			routes = append(routes, &l.Routes[i])
			if refusal != nil && refusal.Code != unknownOperation {
				refused = cmp.Or(refused, refusal)
			}
			if refusal == nil && (q.Upstream == "" || w.upstream.Name == q.Upstream) {
				ways = addWay(ways, w)
			}
		}
	}
	switch {
	case len(ways) > 0:
		return ways, nil
	case refused != nil:
		return nil, refused
	}
	decoded, _ := parsePath(path) // one that has two readings was refused
	refused = unmatched("error.operation.no_listener", q.Method, decoded, routes...)
	refused.suggest(q.Method, decoded, routes...)
	return nil, refused
}

func addWay(ways []*way, w *way) []*way {
	for _, have := range ways {
		if have.upstream == w.upstream {
			have.known = have.known || w.known
			return ways
		}
	}
	return append(ways, w)
}

// reached returns the listeners by which the call can come, sorted by name: the listener of the question, or all if it names none. Those
// with another fixed caller are left out.
func (p *Plan) reached(q *Question) (all []*Listener) {
	for _, name := range slices.Sorted(maps.Keys(p.Listeners)) {
		l := p.Listeners[name]
		if (q.Listener == "" || q.Listener == name) && (l.Caller == "" || l.Caller == q.Caller) {
			all = append(all, l)
		}
	}
	return all
}

// Transport sends calls to one upstream, each once, behind its gate: see [upstream.Transport]. Errors are *[upstream.Error] where it is known
// whether bytes left.
type Transport interface {
	Send(ctx context.Context, r *upstream.Request) (*upstream.Response, error)
}

// Upstream is where calls go. Its transport, and what is known of its clock, outlive plans.
type Upstream struct {
	Name      string
	Scheme    string
	Host      string // of the URL: what signed calls carry as Host
	Site      string // of the catalog; empty without one
	Currency  string // of amounts where a call does not say, if it is not that of the site
	Signed    bool
	Timeout   time.Duration // from sending to the end of the answer
	MaxConns  int           // of Transport; 0: no share of them is kept from any caller
	Transport Transport
	Skew      *Skew // of its clock
}

// Route serves some host names with the operations of one or more upstreams.
type Route struct {
	Hosts     []string // lower case, without port; empty: every name of the listener
	Router    *catalog.Router
	Upstreams map[*catalog.Operation]*Upstream
}

// Listener is how calls come in.
type Listener struct {
	Name   string
	Hosts  []string // accepted names, lower case, without port; empty: any
	Local  bool     // on loopback: requests that a web page made are refused
	Caller string   // the fixed caller of all calls; empty: callers must prove themselves
	// Certificates is true where client certificates are asked for, by which callers can prove themselves.
	Certificates bool
	Routes       []Route
	// CheckClient reports whether a client certificate that was verified when its connection was made still counts, by its
	// chains. It is asked at each request, so that a certificate that is revoked ends with its connections. Optional.
	CheckClient func(chains [][]*x509.Certificate) error
}
