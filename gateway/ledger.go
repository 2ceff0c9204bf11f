package gateway

import (
	"sync"

	"tollgate/internal/source"
)

// resource is something that all calls share.
type resource uint8

const (
	places      resource = iota // calls under way
	headerBytes                 // of requests under way
	firstBytes                  // of bodies: the first bytes of each, which large bodies cannot take from small ones
	bodyBytes                   // of bodies: the rest
	resources
)

// holderKind says what a holder is.
type holderKind uint8

const (
	everyone    holderKind = iota // all calls together
	ofCaller                      // calls of a caller that was proven
	ofUnproven                    // all calls that claim a caller and have not proven it yet
	ofNameless                    // all calls that claim none
	ofSource                      // those of one source
	ofSite                        // those of the site around an IPv6 source
	ofAccessKey                   // those that claim one access key
	holderKinds
)

// holder is who has a share.
type holder struct {
	kind    holderKind
	name    string        // of the caller, or of the access key
	network source.Source // the source, or the site
}

// ledger keeps account of what is taken of all resources, for whom. No holder can have more than its share, so that one of them
// cannot take what the others need.
type ledger struct {
	mutex    sync.Mutex
	most     [holderKinds][resources]int64 // what one holder of a kind may have by the bounds in force
	all      [holderKinds]tally            // of the holders that have no name
	named    [holderKinds]map[string]*tally
	networks [holderKinds]map[source.Source]*tally
}

// tally is what one holder has.
type tally struct {
	holder
	accounts int // that count into it
	taken    [resources]int64
}

// maxIdle is how many networks without an account are remembered for each kind: most come again at once. Names are remembered
// all: they are those of the configuration.
const maxIdle = 1024

// maxHolders is how many holders a call counts for: everyone, unproven, source, site and access key.
const maxHolders = 5

// account is what one call has taken, and the holders for whom it counts. The zero account has no holders.
type account struct {
	tallies [maxHolders]*tally // nil behind the last
	taken   [resources]int64
}

// open makes an account count for holders, the first ones it has.
func (l *ledger) open(a *account, who ...holder) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.add(a, who)
}

// take takes n of a resource. Where a holder would have more than its share nothing is taken, and whose is its kind.
func (l *ledger) take(a *account, of resource, n int64) (whose holderKind, ok bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, t := range a.holders() {
		if t.taken[of]+n > l.most[t.kind][of] {
			return t.kind, false
		}
	}
	for _, t := range a.holders() {
		t.taken[of] += n
	}
	a.taken[of] += n
	return 0, true
}

// release returns all that an account has of some resources to the pool.
func (l *ledger) release(a *account, of ...resource) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, r := range of {
		for _, t := range a.holders() {
			t.taken[r] -= a.taken[r]
		}
		a.taken[r] = 0
	}
}

// move makes what an account has taken count for other holders instead: the caller was proven. Where one of them would have
// more than its share nothing changes, and of and whose say what of.
func (l *ledger) move(a *account, who ...holder) (of resource, whose holderKind, ok bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	next := account{taken: a.taken}
	l.add(&next, who)
	l.credit(a, -1)
	if of, whose, ok = l.fits(&next); !ok {
		l.credit(a, 1)
		l.leave(&next)
		return of, whose, false
	}
	l.credit(&next, 1)
	l.leave(a)
	*a = next
	return 0, 0, true
}

// close releases everything.
func (l *ledger) close(a *account) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.credit(a, -1)
	l.leave(a)
	*a = account{}
}

// holders returns the tallies of an account.
func (a *account) holders() []*tally {
	n := 0
	for n < maxHolders && a.tallies[n] != nil {
		n++
	}
	return a.tallies[:n]
}

// fits reports whether what an account has taken can be added to the tallies of its holders. mutex is held; so for all below.
func (l *ledger) fits(a *account) (of resource, whose holderKind, ok bool) {
	for _, t := range a.holders() {
		for r, n := range a.taken {
			if n > 0 && t.taken[r]+n > l.most[t.kind][r] {
				return resource(r), t.kind, false
			}
		}
	}
	return 0, 0, true
}

// credit adds what an account has taken to the tallies of its holders, or takes it off them.
func (l *ledger) credit(a *account, sign int64) {
	for _, t := range a.holders() {
		for r, n := range a.taken {
			t.taken[r] += sign * n
		}
	}
}

// add sets the holders of an account; what it has taken does not count for them yet.
func (l *ledger) add(a *account, who []holder) {
	for i, h := range who {
		t := l.find(h)
		t.accounts++
		a.tallies[i] = t
	}
}

func (l *ledger) find(h holder) *tally {
	switch h.kind {
	case ofCaller, ofAccessKey:
		return findIn(&l.named[h.kind], h.name, h)
	case ofSource, ofSite:
		return findIn(&l.networks[h.kind], h.network, h)
	}
	l.all[h.kind].kind = h.kind
	return &l.all[h.kind]
}

func findIn[K comparable](tallies *map[K]*tally, key K, h holder) *tally {
	if t := (*tallies)[key]; t != nil {
		return t
	}
	if *tallies == nil {
		*tallies = map[K]*tally{}
	}
	t := &tally{holder: h}
	(*tallies)[key] = t
	return t
}

// leave removes networks without accounts, if there are many.
func (l *ledger) leave(a *account) {
	for _, t := range a.holders() {
		t.accounts--
		if networks := l.networks[t.kind]; t.accounts == 0 && len(networks) > maxIdle {
			delete(networks, t.network)
		}
	}
}
