package gateway

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"tollgate/caller"
	"tollgate/config"
	"tollgate/internal/setting"
	"tollgate/internal/source"
	"tollgate/signing"
)

var usual = config.Bounds{Body: 12 << 20, Bodies: 256 << 20, Calls: 1024, Headers: 64 << 10, AllHeaders: 64 << 20}

// newLedger divides what there is.
func newLedger(b config.Bounds, alone bool) *ledger {
	l := new(ledger)
	l.share(b, alone)
	return l
}

// Whatever the bounds: no kind of holder may have more than there is, each can hold one call at the least, and a source one
// whole body.
func TestSharesFitEveryBounds(t *testing.T) {
	for _, b := range []config.Bounds{
		usual,
		{Body: 12 << 20, Bodies: 12 << 20, Calls: 1, Headers: 64 << 10, AllHeaders: 64 << 10},
		{Body: 1 << 10, Bodies: 1 << 10, Calls: 2, Headers: 4 << 10, AllHeaders: 1 << 20},
		{Body: firstRoom, Bodies: firstRoom, Calls: 4, Headers: 4 << 10, AllHeaders: 5 << 10},
		{Body: firstRoom + 1, Bodies: 2 * firstRoom, Calls: 8, Headers: 4 << 10, AllHeaders: 5 << 10},
		{Body: 1 << 30, Bodies: 1 << 40, Calls: 1_000_000, Headers: 1 << 20, AllHeaders: 1 << 40},
	} {
		l := newLedger(b, false)
		for kind := range holderKinds {
			most := l.most[kind]
			if first, rest := most[firstBytes], most[bodyBytes]; first+rest < int64(b.Body) || first+rest > int64(b.Bodies) {
				t.Errorf("%+v: kind %d may have %d and %d bytes of bodies", b, kind, first, rest)
			}
			if most[places] < 1 || most[places] > int64(b.Calls) || most[headerBytes] < int64(b.Headers) || most[headerBytes] > int64(b.AllHeaders) {
				t.Errorf("%+v: kind %d may have %d calls, %d bytes of headers", b, kind, most[places], most[headerBytes])
			}
		}
		if got := l.most[everyone][firstBytes] + l.most[everyone][bodyBytes]; got != int64(b.Bodies) {
			t.Errorf("%+v: %d bytes for bodies", b, got)
		}
	}
}

func TestUsualShares(t *testing.T) {
	l := newLedger(usual, false)
	for kind, want := range map[holderKind]int64{everyone: 1024, ofCaller: 768, ofUnproven: 512, ofNameless: 256, ofSite: 256, ofSource: 128, ofAccessKey: 64} {
		if got := l.most[kind][places]; got != want {
			t.Errorf("kind %d may have %d calls, want %d", kind, got, want)
		}
	}
	if alone := newLedger(usual, true); alone.most[ofCaller] != alone.most[everyone] {
		t.Error("something is set aside for others, of whom there are none")
	}
}

// claiming returns the holders of a call that claims one of some access keys; 0: none.
func claiming(from source.Source, key int) []holder {
	c := &call{connection: &connection{from: from}}
	if key > 0 {
		c.recognized.claim = &caller.Claim{Claim: signing.Claim{AccessKey: fmt.Sprint(key)}}
	}
	who := c.holders()
	return who.all()
}

// Whatever calls do, the ledger knows who has what: no holder has more than its share, and in the end no holder has anything.
func TestLedgerAlwaysBalances(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	l := newLedger(config.Bounds{Body: 1 << 20, Bodies: 4 << 20, Calls: 20, Headers: 4 << 10, AllHeaders: 64 << 10}, false)
	var open []*account
	for range 20_000 {
		if len(open) == 0 || random.IntN(4) == 0 && len(open) < 100 {
			a := new(account)
			l.open(a, claiming(source.Parse(fmt.Sprintf("2001:db8:%x:%x::1", random.IntN(2), random.IntN(4))), random.IntN(4))...)
			open = append(open, a)
		}
		i := random.IntN(len(open))
		switch a := open[i]; random.IntN(8) {
		case 0, 1, 2, 3:
			l.take(a, resource(random.IntN(int(resources))), random.Int64N(1<<uint(random.IntN(20))))
		case 4:
			l.release(a, firstBytes, bodyBytes)
		case 5:
			l.move(a, holder{kind: everyone}, holder{kind: ofCaller, name: fmt.Sprint(random.IntN(3))})
		case 6:
			l.move(a, claiming(source.Source{}, random.IntN(4))...)
		case 7:
			l.close(a)
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
		}
		checkBalance(t, l, open)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, a := range open {
		l.close(a)
	}
	for _, tally := range l.everybody() {
		if tally.taken != [resources]int64{} || tally.accounts != 0 {
			t.Errorf("seed %d: %+v is left", seed, tally)
		}
	}
}

// Whatever bounds are published while calls hold what others allowed: what a call has is its own until it ends, and no holder that has its
// share or more gets any more. In the end all that the bounds in force allow can be taken.
func TestSharesChangeUnderWay(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	l := newLedger(usual, false)
	var open []*account
	for range 5_000 {
		if len(open) < 20 {
			a := new(account)
			l.open(a, claiming(source.Parse(fmt.Sprintf("192.0.2.%d", random.IntN(3))), random.IntN(4))...)
			open = append(open, a)
		}
		i := random.IntN(len(open))
		a := open[i]
		switch random.IntN(6) {
		case 0:
			b := config.Bounds{Body: 1 + setting.Size(random.Int64N(1<<20)), Calls: 1 + random.IntN(20), Headers: 1 + setting.Size(random.Int64N(1<<10))}
			b.Bodies, b.AllHeaders = b.Body+setting.Size(random.Int64N(1<<22)), b.Headers+setting.Size(random.Int64N(1<<14))
			l.share(b, random.IntN(2) == 0)
		case 1, 2, 3:
			of, n := resource(random.IntN(int(resources))), 1+random.Int64N(1<<uint(random.IntN(16)))
			if _, ok := l.take(a, of, n); ok {
				checkShares(t, l, a, of)
			}
		case 4:
			if _, _, ok := l.move(a, holder{kind: everyone}, holder{kind: ofCaller, name: fmt.Sprint(random.IntN(3))}); ok {
				checkShares(t, l, a, bodyBytes)
			}
		case 5:
			l.close(a)
			open = slices.Delete(open, i, i+1)
		}
	}
	for _, a := range open {
		l.close(a)
	}
	for _, tally := range l.everybody() {
		if tally.taken != [resources]int64{} {
			t.Errorf("seed %d: %+v is left", seed, tally)
		}
	}
	var a account
	l.open(&a, holder{kind: everyone})
	for r := range resources {
		if _, ok := l.take(&a, r, l.most[everyone][r]); !ok {
			t.Errorf("seed %d: what there is of %d cannot be taken", seed, r)
		}
	}
}

// checkShares holds what an account was just given to the shares in force.
func checkShares(t *testing.T, l *ledger, a *account, of resource) {
	for _, tally := range a.holders() {
		if n := tally.taken[of]; n < 0 || a.taken[of] > 0 && n > l.most[tally.kind][of] {
			t.Errorf("%+v got more of %d than its share, %d", tally, of, l.most[tally.kind][of])
		}
	}
}

func checkBalance(t *testing.T, l *ledger, open []*account) {
	want := map[holder][resources]int64{}
	for _, a := range open {
		for _, held := range a.holders() {
			sum := want[held.holder]
			for r, n := range a.taken {
				sum[r] += n
			}
			want[held.holder] = sum
		}
	}
	for _, tally := range l.everybody() {
		if tally.taken != want[tally.holder] {
			t.Errorf("%+v has %v, the calls have %v", tally.holder, tally.taken, want[tally.holder])
		}
		for r, n := range tally.taken {
			if n > l.most[tally.kind][r] || n < 0 {
				t.Errorf("%+v has %d of %d, more than its share", tally.holder, n, r)
			}
		}
	}
}

// everybody returns all tallies.
func (l *ledger) everybody() (tallies []*tally) {
	for kind := range holderKinds {
		if kind == everyone || kind == ofUnproven || kind == ofNameless {
			tallies = append(tallies, l.find(holder{kind: kind}))
		}
		tallies = slices.AppendSeq(tallies, maps.Values(l.named[kind]))
		tallies = slices.AppendSeq(tallies, maps.Values(l.networks[kind]))
	}
	return tallies
}

// A flood of sources leaves no more behind than is worth it, and takes nothing from one that has an account.
func TestIdleSourcesAreForgotten(t *testing.T) {
	l := newLedger(usual, false)
	var kept account
	l.open(&kept, claiming(source.Parse("192.0.2.1"), 0)...)
	l.take(&kept, places, 3)
	for i := range 3 * maxIdle {
		var a account
		l.open(&a, claiming(source.Parse(fmt.Sprintf("10.0.%d.%d", i>>8, i&255)), 0)...)
		l.close(&a)
	}
	if n := len(l.networks[ofSource]); n > maxIdle+1 {
		t.Errorf("%d sources are remembered", n)
	}
	checkBalance(t, l, []*account{&kept})
	l.close(&kept)
	checkBalance(t, l, nil)
}

// A move that does not fit leaves everything as it was.
func TestMoveThatDoesNotFit(t *testing.T) {
	l := newLedger(config.Bounds{Body: 1, Bodies: 1, Calls: 4, Headers: 1, AllHeaders: 1}, false)
	var known, claimed account
	l.open(&known, holder{kind: everyone}, holder{kind: ofCaller, name: "a"})
	l.open(&claimed, claiming(source.Source{}, 1)...)
	if _, ok := l.take(&known, places, 3); !ok {
		t.Fatal("not taken")
	}
	if _, ok := l.take(&claimed, places, 1); !ok {
		t.Fatal("not taken")
	}
	if of, short, ok := l.move(&claimed, holder{kind: everyone}, holder{kind: ofCaller, name: "a"}); ok || of != places || short != ofCaller {
		t.Errorf("moved: %t, short of %d as %d", ok, of, short)
	}
	checkBalance(t, l, []*account{&known, &claimed})
	l.close(&known)
	if _, _, ok := l.move(&claimed, holder{kind: everyone}, holder{kind: ofCaller, name: "a"}); !ok {
		t.Error("not moved when there is room")
	}
}
