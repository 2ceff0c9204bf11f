package ratelimit

import (
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// tokenSlack forgives what floating point loses between computing a delay and looking again after it, in tokens.
const tokenSlack = 1e-10

// bucket is one token bucket and the calls that wait for it.
type bucket struct {
	number uint64 // no other bucket has it
	name   string

	// mu makes looking at several buckets and taking from all of them one step. The time of every use is read while it is
	// held: rate.Limiter hands out tokens twice for a period that it sees twice, when its time steps back.
	mu      sync.Mutex
	rate    Flow
	tokens  *rate.Limiter
	queue   []*waiter // in order of waiter.seq
	held    int       // by calls that wait, here or for another of their buckets
	dropped bool      // another bucket counts, or will
}

func newBucket(number uint64, name string, r Flow) *bucket {
	return &bucket{number: number, name: name, rate: r, tokens: rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)}
}

// follow fills the bucket at another rate from now on. What is in it stays, but for what the burst has no room for. It reports whether the
// bucket was dropped instead, since it is full and no call holds it.
func (b *bucket) follow(r Flow) (dropped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.dropped = b.held == 0 && b.fullIn(now) == 0; b.dropped || r == b.rate {
		return b.dropped
	}
	b.tokens.SetLimitAt(now, rate.Limit(r.PerSecond))
	b.tokens.SetBurstAt(now, r.Burst)
	b.rate = r
	if len(b.queue) > 0 {
		b.queue[0].notify() // its token comes at another time
	}
	return false
}

// left is how many tokens no call has a claim to; negative when more are waited for than there are.
func (b *bucket) left(now time.Time) float64 { return b.tokens.TokensAt(now) - float64(len(b.queue)) }

// delay is how long a call has to wait here when ahead others go first, if no others come.
func (b *bucket) delay(now time.Time, ahead int) time.Duration {
	return b.rate.durationOf(float64(ahead+1) - b.tokens.TokensAt(now))
}

// fullIn is how long until no call waits and the bucket is full.
func (b *bucket) fullIn(now time.Time) time.Duration {
	return b.rate.durationOf(float64(b.rate.Burst) - b.left(now))
}

// take takes one token, which delay must have found to be there.
func (b *bucket) take(now time.Time) { b.tokens.ReserveN(now, 1) }

// durationOf is how long the tokens take to come, rounded up.
func (f Flow) durationOf(tokens float64) time.Duration {
	if tokens <= tokenSlack {
		return 0
	}
	nanoseconds := math.Ceil(tokens / f.PerSecond * float64(time.Second))
	if nanoseconds >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanoseconds)
}

// waiter is a call that stands in a queue. Its fields are guarded by the locks of all buckets that it needs.
type waiter struct {
	seq  uint64        // the order of arrival
	at   *bucket       // in whose queue it stands
	wake chan struct{} // says that it now is the first of its queue; room for one, so that no sender waits
}

// ahead is how many calls stand before w in b; for a nil w, one that would join now.
func (b *bucket) ahead(w *waiter) int {
	if w == nil {
		return len(b.queue)
	}
	i, _ := slices.BinarySearchFunc(b.queue, w.seq, bySeq)
	return i
}

func bySeq(w *waiter, seq uint64) int {
	switch {
	case w.seq < seq:
		return -1
	case w.seq > seq:
		return 1
	}
	return 0
}

// join puts w into the queue by its order of arrival.
func (b *bucket) join(w *waiter) {
	b.queue = slices.Insert(b.queue, b.ahead(w), w)
	w.at = b
}

// leave takes w out of its queue and wakes who is now the first. Only the first keeps a timer for its token: so whatever
// happens to a queue costs one wake-up, however long it is.
func (w *waiter) leave() {
	b := w.at
	i := b.ahead(w)
	b.queue = slices.Delete(b.queue, i, i+1)
	w.at = nil
	if i == 0 && len(b.queue) > 0 {
		b.queue[0].notify()
	}
}

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it has not yet seen an earlier one
	}
}
