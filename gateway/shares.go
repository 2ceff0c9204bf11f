package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"tollgate/internal/source"
)

// firstRoom is how many bytes of each body come out of a budget of their own, which large bodies cannot take.
const firstRoom = 64 << 10

// The parts of what all calls share. A stranger needs to know no more than an access key's id to claim its caller, so calls
// whose caller is not proven have a part only: all together, for each source and the site around it, and for each access key.
// That of an access key is less than that of a source, so that a peer that knows one id starves that key alone.
const (
	callerShare   = 0.75 // of one caller, where there are others
	unprovenShare = 1. / 2
	siteShare     = 1. / 4
	sourceShare   = 1. / 8
	keyShare      = 1. / 16
)

// newLedger divides what there is. alone says that there is one caller only, for whom nothing is set aside.
func newLedger(b Bounds, alone bool) *ledger {
	l := &ledger{tallies: map[holder]*tally{}}
	first := firstBudget(b)
	l.divide(places, int64(b.Calls), 1, alone)
	l.divide(headerBytes, b.AllHeaders, b.Headers, alone)
	l.divide(firstBytes, first, min(b.Body, firstRoom), alone)
	l.divide(bodyBytes, b.Bodies-first, max(b.Body-firstRoom, 0), alone)
	return l
}

// firstBudget is the part of Bounds.Bodies for the first bytes of bodies: a quarter, if that is not more than all calls can use,
// and leaves room for the rest of one body.
func firstBudget(b Bounds) int64 {
	if b.Body <= firstRoom {
		return b.Bodies
	}
	return min(max(b.Bodies/4, firstRoom), int64(b.Calls)*firstRoom, b.Bodies-b.Body+firstRoom)
}

// divide sets the shares of a resource. Each is enough for one call at the least, as long as there is as much.
func (l *ledger) divide(of resource, all, one int64, alone bool) {
	for kind, share := range [holderKinds]float64{
		everyone: 1, ofCaller: callerShare, ofUnproven: unprovenShare, ofSource: sourceShare, ofSite: siteShare, ofAccessKey: keyShare,
	} {
		if holderKind(kind) == ofCaller && alone {
			share = 1
		}
		l.most[kind][of] = min(max(int64(share*float64(all)), one), all)
	}
}

// holders are those of one call, without a slice of their own.
type holders struct {
	list  [maxHolders]holder
	count int
}

func (h *holders) add(one holder) {
	h.list[h.count] = one
	h.count++
}

func (h *holders) all() []holder { return h.list[:h.count] }

// unproven are the holders of a call whose caller is not proven, or not yet.
func unproven(from source.Source) (h holders) {
	h.add(holder{kind: everyone})
	h.add(holder{kind: ofUnproven})
	h.add(holder{kind: ofSource, network: from})
	if site := from.Site(); site != from {
		h.add(holder{kind: ofSite, network: site})
	}
	return h
}

// takeHeader counts the header that came in. Strangers must not be able to keep callers out that their connection has proven.
func (c *call) takeHeader() *Refusal {
	name := c.listener.Caller
	if leaf := verifiedLeaf(c); name == "" && leaf != nil {
		name = c.Callers.OfCertificate(leaf)
	}
	if name != "" {
		c.ledger.open(&c.account, holder{kind: everyone}, holder{kind: ofCaller, name: name})
	} else {
		who := unproven(c.from)
		c.ledger.open(&c.account, who.all()...)
	}
	if short, ok := c.ledger.take(&c.account, headerBytes, headerSize(c.request)); !ok {
		c.dropHeader()
		return c.short(headerBytes, short)
	}
	return nil
}

// begin counts the call once it is known who calls, or claims to. Before that, and for peers that say nothing of it, a call
// takes no time.
func (c *call) begin() *Refusal {
	var refusal *Refusal
	switch {
	case c.identity.Caller != "":
		refusal = c.become(c.identity.Caller)
	case c.claim != nil:
		who := unproven(c.from)
		who.add(holder{kind: ofAccessKey, name: c.claim.Authorization.AccessKey})
		refusal = c.countFor(who.all()...)
	}
	if refusal != nil {
		return refusal
	}
	if short, ok := c.ledger.take(&c.account, places, 1); !ok {
		return c.short(places, short)
	}
	return nil
}

// become counts what the call has taken for the caller that was proven, and lets further streams of its connection go on.
func (c *call) become(caller string) *Refusal {
	c.connection.prove()
	if c.listener.Caller != "" {
		return nil // counted so from the beginning
	}
	return c.countFor(holder{kind: everyone}, holder{kind: ofCaller, name: caller})
}

func (c *call) countFor(who ...holder) *Refusal {
	if of, short, ok := c.ledger.move(&c.account, who...); !ok {
		return c.short(of, short)
	}
	return nil
}

// headerOverhead is what a field costs besides its text, as RFC 9113 section 6.5.2 reckons.
const headerOverhead = 32

func headerSize(r *http.Request) int64 {
	size := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + headerOverhead
		}
	}
	return int64(size)
}

// dropHeader lets go of what came in the header: where there is no room for it, before the refusal waits for a peer that may
// not read it.
func (c *call) dropHeader() {
	r := c.request
	c.rawPath, c.rawQuery = strings.Clone(c.rawPath[:min(len(c.rawPath), maxPath)]), ""
	r.Header, r.URL, r.RequestURI, r.Host = http.Header{}, &url.URL{}, "", ""
}

// What the shares are of, in the words of the configuration and in those of answers.
var (
	settings = [resources]string{places: "bounds.calls", headerBytes: "bounds.all_headers", firstBytes: "bounds.bodies", bodyBytes: "bounds.bodies"}
	shortOf  = [resources]struct {
		code Code
		what string
	}{
		places: {callsBusy, "calls are under way"}, headerBytes: {headersBusy, "request headers are held"},
		firstBytes: {bodiesBusy, "bodies are being received"}, bodyBytes: {bodiesBusy, "bodies are being received"},
	}
	shares = [holderKinds]struct{ cause, whose string }{
		everyone: {"all", ""}, ofCaller: {"caller", " for this caller"}, ofUnproven: {"unproven", " of callers that are not proven yet"},
		ofSource: {"source", " from this address"}, ofSite: {"site", " from this network"}, ofAccessKey: {"access_key", " with this access key"},
	}
)

// short refuses a call for which there is nothing left of a resource, or of a share in it.
func (c *call) short(of resource, whose holderKind) *Refusal {
	c.cutOff(settings[of], shares[whose].cause)
	return later(shortOf[of].code, "too many %s%s; repeat shortly", shortOf[of].what, shares[whose].whose)
}
