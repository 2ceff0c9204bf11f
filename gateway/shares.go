package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"tollgate/config"
	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// firstRoom is how many bytes of each body come out of a budget of their own, which large bodies cannot take.
const firstRoom = 64 << 10

// The parts of what all calls share. A peer needs to know no more than an access key's id to claim its caller, so calls
// whose caller is not proven have a part only: all together, for each source and the site around it, and for each access key.
// That of an access key is less than that of a source, so that a peer that knows one id starves that key alone. Calls that claim
// no caller have a part of their own, so that a peer that knows no id starves no key.
const (
	callerShare   = 0.75 // of one caller, where there are others
	unprovenShare = 1. / 2
	namelessShare = 1. / 4
	siteShare     = 1. / 4
	sourceShare   = 1. / 8
	keyShare      = 1. / 16
)

// share divides what there is among the holders, also while calls are under way: these keep what they have. alone says that there is
// one caller only, for whom nothing is set aside.
func (l *ledger) share(b config.Bounds, alone bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	first := firstBudget(b)
	l.divide(places, setting.Size(b.Calls), 1, alone)
	l.divide(headerBytes, b.AllHeaders, b.Headers, alone)
	l.divide(firstBytes, first, min(b.Body, firstRoom), alone)
	l.divide(bodyBytes, b.Bodies-first, max(b.Body-firstRoom, 0), alone)
}

// firstBudget is the part of Bounds.Bodies for the first bytes of bodies: a quarter, if that is not more than all calls can use,
// and leaves room for the rest of one body.
func firstBudget(b config.Bounds) setting.Size {
	if b.Body <= firstRoom {
		return b.Bodies
	}
	return min(max(b.Bodies/4, firstRoom), setting.Size(b.Calls)*firstRoom, b.Bodies-b.Body+firstRoom)
}

// divide sets the shares of a resource. Each is enough for one call at the least, as long as there is as much.
func (l *ledger) divide(of resource, all, one setting.Size, alone bool) {
	for kind, share := range [holderKinds]float64{
		everyone: 1, ofCaller: callerShare, ofUnproven: unprovenShare, ofNameless: namelessShare, ofSource: sourceShare, ofSite: siteShare, ofAccessKey: keyShare,
	} {
		if holderKind(kind) == ofCaller && alone {
			share = 1
		}
		l.most[kind][of] = int64(min(max(setting.Size(share*float64(all)), one), all))
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

// holders are who the call counts for: its caller, if that needs no more proof, or who an unauthenticated peer may be.
func (c *call) holders() (h holders) {
	h.add(holder{kind: everyone})
	if name := c.recognized.identity.Caller; name != "" {
		h.add(holder{kind: ofCaller, name: name})
		return h
	}
	if claim := c.recognized.claim; claim != nil {
		h.add(holder{kind: ofUnproven})
		h.add(holder{kind: ofAccessKey, name: claim.AccessKey})
	} else {
		h.add(holder{kind: ofNameless})
	}
	h.add(holder{kind: ofSource, network: c.from})
	if site := c.from.Site(); site != c.from {
		h.add(holder{kind: ofSite, network: site})
	}
	return h
}

// takeHeader counts the header that came in.
func (c *call) takeHeader() *Refusal {
	who := c.holders()
	c.ledger.open(&c.account, who.all()...)
	if whose, ok := c.ledger.take(&c.account, headerBytes, headerSize(c.request)); !ok {
		return c.exhausted(headerBytes, whose)
	}
	return nil
}

// begin counts the call among those under way. What cannot be a call is refused before, and takes no time.
func (c *call) begin() *Refusal {
	if c.identity.Caller != "" {
		c.connection.prove()
	}
	if refusal := c.checkMemory(); refusal != nil {
		return refusal
	}
	if whose, ok := c.ledger.take(&c.account, places, 1); !ok {
		return c.exhausted(places, whose)
	}
	return nil
}

// memoryWait is when a caller may come again. It is longer than the time in which memory is looked at.
const memoryWait = 5 * time.Second

// checkMemory refuses a call while memory is short. Those under way end.
func (c *call) checkMemory() *Refusal {
	if !c.MemoryBusy.Load() {
		return nil
	}
	r := refusal(memoryBusy, "error.busy.memory")
	r.RetryAfter = memoryWait
	return r
}

// become counts what the call has taken for the caller that was proven, and lets further streams of its connection go on.
func (c *call) become(caller string) *Refusal {
	c.connection.prove()
	if c.recognized.identity.Caller != "" {
		return nil // counted so from the beginning
	}
	if of, whose, ok := c.ledger.move(&c.account, holder{kind: everyone}, holder{kind: ofCaller, name: caller}); !ok {
		return c.exhausted(of, whose)
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

// dropRequest lets go of an HTTP/2 request, which the server holds for as long as the answer waits for the peer: that may be long
// after the call has released its room.
func (c *call) dropRequest() {
	if c.request.ProtoMajor != 2 {
		return
	}
	r := c.request
	_ = r.Body.Close() // with what came of it and was not read
	c.rawPath, c.rawQuery = strings.Clone(c.rawPath[:min(len(c.rawPath), maxPath)]), ""
	r.Header, r.URL, r.RequestURI, r.Host = http.Header{}, &url.URL{}, "", ""
}

// What the shares are of, in the words of the configuration, and messages for answers.
var (
	settings  = [resources]string{places: "bounds.calls", headerBytes: "bounds.all_headers", firstBytes: "bounds.bodies", bodyBytes: "bounds.bodies"}
	shortages = [resources]struct {
		code Code
		what string
	}{
		places: {callsBusy, "error.busy.calls"}, headerBytes: {headersBusy, "error.busy.headers"},
		firstBytes: {bodiesBusy, "error.busy.bodies"}, bodyBytes: {bodiesBusy, "error.busy.bodies"},
	}
	shares = [holderKinds]struct {
		cause string
		whose words.Message
	}{
		everyone: {"all", words.Message{}}, ofCaller: {"caller", words.Say("error.busy.of_caller")}, ofUnproven: {"unproven", words.Say("error.busy.of_unproven")},
		ofNameless: {"nameless", words.Say("error.busy.of_nameless")}, ofSource: {"source", words.Say("error.busy.of_source")},
		ofSite: {"site", words.Say("error.busy.of_site")}, ofAccessKey: {"access_key", words.Say("error.busy.of_access_key")},
	}
)

// exhausted refuses a call for which there is nothing left of a resource, or of a share in it.
func (c *call) exhausted(of resource, whose holderKind) *Refusal {
	c.cutOff(settings[of], shares[whose].cause)
	return later(shortages[of].code, "error.busy", "What", words.Say(shortages[of].what), "Whose", shares[whose].whose)
}
