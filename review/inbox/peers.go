package inbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// newestCalls is how many calls of the period are looked at for the certificates of peers. The end of a certificate stands in the first record of a
// connection, and again now and then.
const newestCalls = 2000

// peers finds certificates near their end that callers and upstreams showed in the period.
func (f *finder) peers(ctx context.Context) {
	seen, n := peers{}, 0
	reached, err := f.pages(ctx, &calls.Filter{Since: f.scope.Since, Until: f.scope.Until}, func(c calls.Placed) bool {
		for _, r := range []*logfile.Record{c.Intent, c.Outcome, c.Refusal} {
			if r != nil {
				seen.add(CallerCertificate, r.TLSIn, r)
				seen.add(UpstreamCert, r.TLSOut, r)
			}
		}
		n++
		return n < newestCalls
	})
	if err != nil {
		f.miss(PartPeers, reached, err)
	}
	f.expiring(seen.newest())
}

// shownDigits is how many digits of a fingerprint stand for the name of a certificate that has none.
const shownDigits = 16

// peers are certificates by their fingerprints.
type peers map[string]*Expiry

func (p peers) add(of Holder, t *logfile.TLS, r *logfile.Record) {
	if t == nil || t.PeerNotAfter.IsZero() || t.PeerFingerprint == "" {
		return
	}
	if known := p[t.PeerFingerprint]; known != nil {
		known.Seen = later(known.Seen, r.Time)
		return
	}
	e := Expiry{What: of, Name: cmp.Or(t.Peer, t.ServerName, t.PeerFingerprint[:min(len(t.PeerFingerprint), shownDigits)]), ID: t.PeerFingerprint, NotAfter: t.PeerNotAfter, Seen: r.Time}
	if of == CallerCertificate {
		e.Caller = r.Caller
	} else {
		e.Caller = r.Upstream
	}
	p[t.PeerFingerprint] = &e
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// newest returns the certificate of each peer that it showed last: others were replaced.
func (p peers) newest() (list []Expiry) {
	type peer struct {
		of           Holder
		name, caller string
	}
	last := map[peer]*Expiry{}
	for _, e := range p {
		of := peer{e.What, e.Name, e.Caller}
		if before := last[of]; before == nil || cmp.Or(e.Seen.Compare(before.Seen), e.NotAfter.Compare(before.NotAfter), strings.Compare(e.ID, before.ID)) > 0 {
			last[of] = e
		}
	}
	for e := range maps.Values(last) {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Expiry) int { return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.ID, b.ID)) })
	return list
}

// expiring adds those that end soon or have ended.
func (f *finder) expiring(list []Expiry) {
	for i := range list {
		if e := &list[i]; e.NotAfter.Sub(f.scope.Now) < NearEnd {
			f.yield(&Exception{
				ID: ID{Kind: Expires, Name: short(e.ID)}, Until: e.NotAfter, Expiry: e,
				Subject: Subject{Kind: Expires, Weight: Hygiene, Caller: e.Caller, Name: e.Name, Of: string(e.What)},
			})
		}
	}
}
