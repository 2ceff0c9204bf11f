package tlsreport

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
	"tollgate/tlspolicy"
)

// Bounds of what is retained. The report is complete for a gateway with fewer callers, upstreams and certificates.
const (
	maxCallers = 2000
	maxUses    = 5000
	maxCerts   = 2000
	maxNames   = 500
	maxOffered = 500
	maxReasons = 64
	maxOffers  = 8      // listed for each reason
	maxJudged  = 4096   // different offers whose verdicts are cached
	maxConns   = 65_536 // connections that are followed
	maxSharing = 8      // callers on one connection
)

// Config chooses what is reported.
type Config struct {
	// Policy is that of the gateway's listeners.
	Policy *tlspolicy.Policy
	// Without names versions, suites and groups; those of one text, with commas between, are removed together. Default
	// (none): TLS 1.2, and each suite that was used.
	Without []string
	// Since and Until choose records: at Since or later, and before Until. Zero means no such bound.
	Since, Until time.Time
}

// Collector counts records. It is not safe for concurrent use.
type Collector struct {
	config    Config
	policy    allowed
	questions []question
	judged    map[string][]verdict
	conns     *lru.Cache[connKey, *connection]

	period
	keys     map[verdict]bool // the certificates for which suites of TLS 1.2 were used
	foreign  uint64           // connections that the policy does not allow: it is not the gateway's
	in, out  bounded[useKey, use]
	callers  bounded[callerKey, callerUse]
	offered  bounded[offeredKey, offeredCount]
	refused  bounded[string, refusedUse]
	upstream bounded[upstreamRefusal, uint64]
	certs    bounded[certKey, certUse]
	names    bounded[string, uint64]
}

// params are the results of a handshake.
type params struct{ version, suite, group string }

type useKey struct {
	who, identity string
	params
}

type use struct{ calls, resumedCalls, conns, resumedConns uint64 }

type callerKey struct{ caller, by, identity string }

type callerUse struct {
	calls, conns, withOffer uint64
	sources                 sources
	verdicts                [][verdicts]uint64 // by question: connections
}

// connKey identifies connections, as far as a log can: ports are used again.
type connKey struct {
	listener, source string
	port             uint16
}

type connection struct {
	params
	resumed  bool
	verdicts []verdict // of its offer, by question; nil while that is not known
	callers  []*callerUse
}

type offeredKey struct{ what, name string }

type offeredCount struct{ conns, refused uint64 }

type refusedUse struct {
	count, recorded, withOffer uint64
	sources                    sources
	offers                     map[string]*offerOf
}

type upstreamRefusal struct{ upstream, reason string }

type certKey struct{ direction, who, serverName, peer, fingerprint string }

type certUse struct {
	calls uint64
	period
	notAfter time.Time
}

// New returns an empty Collector. It returns an error if Config.Without is wrong.
func New(c Config) (*Collector, error) {
	list, err := questions(c.Policy, c.Without)
	if err != nil {
		return nil, err
	}
	collector := &Collector{
		config: c, policy: allowedBy(c.Policy), questions: list, judged: map[string][]verdict{}, keys: map[verdict]bool{},
		in: newBounded[useKey, use](maxUses, useKey{who: logfile.Other}), out: newBounded[useKey, use](maxUses, useKey{who: logfile.Other}),
		callers:  newBounded[callerKey, callerUse](maxCallers, callerKey{caller: logfile.Other}),
		offered:  newBounded[offeredKey, offeredCount](maxOffered, offeredKey{name: logfile.Other}),
		refused:  newBounded[string, refusedUse](maxReasons, logfile.Other),
		upstream: newBounded[upstreamRefusal, uint64](maxNames, upstreamRefusal{upstream: logfile.Other}),
		certs:    newBounded[certKey, certUse](maxCerts, certKey{who: logfile.Other}), names: newBounded[string, uint64](maxNames, logfile.Other),
	}
	collector.conns, err = lru.NewWithEvict(maxConns, func(_ connKey, conn *connection) { collector.settle(conn) })
	return collector, err
}

// Add adds the next record of the log. Records before Config.Since are not counted, but may have the offers of connections that go on.
func (c *Collector) Add(r *logfile.Record) {
	if !c.config.Until.IsZero() && !r.Time.Before(c.config.Until) {
		return
	}
	counted := c.config.Since.IsZero() || !r.Time.Before(c.config.Since)
	if counted {
		c.period.add(r.Time)
	}
	switch {
	case r.Call != "" && (r.Kind == logfile.KindIntent || r.Kind == logfile.KindRefusal):
		c.incoming(r, counted)
	case !counted:
	case r.Kind == logfile.KindOutcome:
		c.outgoing(r)
	case r.Kind == logfile.KindRefusal:
		c.handshake(r)
	case r.Kind == logfile.KindRefusals:
		c.summary(r)
	}
}

// period is from the first of some times to the last.
type period struct{ first, last time.Time }

func (p *period) add(at time.Time) {
	if p.first.IsZero() || at.Before(p.first) {
		p.first = at
	}
	if at.After(p.last) {
		p.last = at
	}
}

func paramsOf(t *logfile.TLS) params {
	return params{truncated(t.Version), truncated(t.Suite), truncated(t.Group)}
}

// incoming counts a call, and its connection if it is the first that is counted there.
func (c *Collector) incoming(r *logfile.Record, counted bool) {
	in := r.TLSIn
	if in == nil || in.Version == "" {
		return
	}
	conn := c.connection(r)
	if !counted {
		return
	}
	key := callerOf(r)
	caller, used := c.callers.at(key), c.in.at(useKey{key.caller, key.identity, conn.params})
	if caller.verdicts == nil {
		caller.verdicts = make([][verdicts]uint64, len(c.questions))
	}
	caller.calls++
	caller.sources.add(r.Source)
	used.calls++
	if in.Resumed {
		used.resumedCalls++
	}
	if len(conn.callers) == 0 {
		c.opened(conn, used, in)
	}
	if len(conn.callers) < maxSharing && !slices.Contains(conn.callers, caller) {
		conn.callers = append(conn.callers, caller)
	}
	if conn.version == tls.VersionName(tls.VersionTLS12) {
		c.keys[keyOf(conn.suite)] = true
	}
	c.certificate(certKey{direction: "in", who: key.caller, peer: truncated(in.Peer), fingerprint: truncated(in.PeerFingerprint)}, in, r.Time)
}

// callerOf returns the caller's name. Names that are not proven are ignored, since unauthenticated peers choose them.
func callerOf(r *logfile.Record) callerKey {
	if r.Caller == "" {
		return callerKey{}
	}
	return callerKey{truncated(r.Caller), truncated(r.IdentifiedBy), truncated(r.Identity)}
}

// opened counts a connection.
func (c *Collector) opened(conn *connection, used *use, in *logfile.TLS) {
	used.conns++
	if conn.resumed {
		used.resumedConns++
	}
	if in.ServerName != "" {
		*c.names.at(truncated(in.ServerName))++
	}
	if in.Offer != nil {
		c.tally(in.Offer, func(n *offeredCount) { n.conns++ })
	}
}

// connection finds the connection of a record, or begins one: also where an offer, or another handshake, shows that
// the port is another connection's by now.
func (c *Collector) connection(r *logfile.Record) *connection {
	key, in := connKey{truncated(r.Listener), truncated(r.Source), r.SourcePort}, r.TLSIn
	conn, ok := c.conns.Get(key)
	if ok && conn.params == paramsOf(in) && conn.resumed == in.Resumed && (in.Offer == nil || conn.verdicts == nil) {
		if in.Offer != nil { // of two calls that began at once, the second was recorded first
			conn.verdicts = c.judge(in.Offer, r.Cut)
		}
		return conn
	}
	if ok {
		c.conns.Remove(key) // settles it
	}
	conn = &connection{params: paramsOf(in), resumed: in.Resumed}
	if in.Offer != nil {
		conn.verdicts = c.judge(in.Offer, r.Cut)
	}
	c.conns.Add(key, conn)
	return conn
}

// judge returns the verdict of each question on an offer. Callers mostly offer the same, so verdicts are cached.
func (c *Collector) judge(o *logfile.Offer, cut bool) []verdict {
	key := fmt.Sprint(o.Versions, o.Suites, o.Groups, cut)
	if known, ok := c.judged[key]; ok {
		return known
	}
	if len(c.judged) >= maxJudged {
		clear(c.judged)
	}
	list := make([]verdict, len(c.questions))
	isWhole := !cut && whole(o.Versions) && whole(o.Suites) && whole(o.Groups)
	for i, q := range c.questions {
		list[i] = q.allowed.offered(o, isWhole)
	}
	c.judged[key] = list
	return list
}

// whole reports whether a list of an offer was not cut.
func whole(names []string) bool {
	return len(names) > 0 && !strings.HasPrefix(names[len(names)-1], "+")
}

// settle counts a connection for its callers, after its last record.
func (c *Collector) settle(conn *connection) {
	if len(conn.callers) == 0 {
		return
	}
	allowed := c.policy.has(conn.params)
	if !allowed {
		c.foreign++
	}
	for _, caller := range conn.callers {
		caller.conns++
		if conn.verdicts != nil {
			caller.withOffer++
		}
		for i := range c.questions {
			caller.verdicts[i][c.verdict(conn, i, allowed)]++
		}
	}
}

func (c *Collector) verdict(conn *connection, i int, allowed bool) verdict {
	switch {
	case !allowed:
		return unknown
	case conn.verdicts != nil:
		return conn.verdicts[i]
	}
	return c.questions[i].allowed.used(conn.params, c.policy)
}

func (c *Collector) outgoing(r *logfile.Record) {
	if out := r.TLSOut; out != nil && out.Version != "" {
		used := c.out.at(useKey{who: truncated(r.Upstream), params: paramsOf(out)})
		used.calls++
		if out.Resumed {
			used.resumedCalls++
		}
		c.certificate(certKey{"out", truncated(r.Upstream), truncated(out.ServerName), truncated(out.Peer), truncated(out.PeerFingerprint)}, out, r.Time)
	}
	if reason, failed := failedFor(r); failed {
		*c.upstream.at(upstreamRefusal{truncated(r.Upstream), truncated(reason)})++
	}
}

func (c *Collector) certificate(key certKey, t *logfile.TLS, at time.Time) {
	if t.PeerFingerprint == "" {
		return
	}
	cert := c.certs.at(key)
	cert.calls++
	cert.period.add(at)
	if t.PeerNotAfter.After(cert.notAfter) && key.fingerprint != "" {
		cert.notAfter = t.PeerNotAfter
	}
}

// handshake counts a connection that was refused.
func (c *Collector) handshake(r *logfile.Record) {
	reason, ok := refusedFor(r.Reason, r.Stage, r.TLSFailure)
	if !ok {
		return
	}
	refused := c.refused.at(truncated(reason))
	refused.count++
	refused.recorded++
	refused.sources.add(r.Source)
	if r.TLSIn == nil || r.TLSIn.Offer == nil {
		return
	}
	offer := r.TLSIn.Offer
	refused.withOffer++
	c.tally(offer, func(n *offeredCount) { n.refused++ })
	if refused.offers == nil {
		refused.offers = map[string]*offerOf{}
	}
	made := tlspolicy.Offer{Versions: unique(offer.Versions), Suites: unique(offer.Suites), Groups: unique(offer.Groups)}
	text := text.Truncate(made.String(), maxOfferText, "…")
	if known := refused.offers[text]; known != nil {
		known.count++
	} else if len(refused.offers) < maxOffers {
		refused.offers[text] = &offerOf{made, 1}
	}
}

// summary counts the connections among refusals without a record of their own.
func (c *Collector) summary(r *logfile.Record) {
	for _, count := range r.Counts {
		if reason, ok := refusedFor(count.Reason, count.Stage, count.TLSFailure); ok {
			refused := c.refused.at(truncated(reason))
			refused.count += count.Count
			if count.Source != logfile.Other {
				refused.sources.add(count.Source)
			}
		}
	}
}

// tally counts each version, suite and group of an offer.
func (c *Collector) tally(o *logfile.Offer, add func(*offeredCount)) {
	for _, list := range [...]struct {
		what  string
		names []string
	}{{"version", o.Versions}, {"suite", o.Suites}, {"group", o.Groups}} {
		for _, name := range unique(list.names) {
			add(c.offered.at(offeredKey{list.what, name}))
		}
	}
}

// unique returns each name once: a GREASE number (RFC 8701) as GREASE, and without the number of those that were left out.
func unique(names []string) []string {
	var list []string
	for _, name := range names {
		if isGREASE(name) {
			name = "GREASE"
		}
		if name = truncated(name); !strings.HasPrefix(name, "+") && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func isGREASE(name string) bool {
	return len(name) == len("0x0A0A") && strings.HasPrefix(name, "0x") && name[2:4] == name[4:6] && name[3] == 'A'
}

// maxOfferText bounds the text of an offer: that of most peers fits.
const maxOfferText = 2000

// offerOf is an offer that was refused, and how often.
type offerOf struct {
	tlspolicy.Offer
	count uint64
}
