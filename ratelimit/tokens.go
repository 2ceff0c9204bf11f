package ratelimit

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// tokenSlack forgives what floating point loses between computing a delay and looking again after it, in tokens.
const tokenSlack = 1e-10

// tokens is the count of a Bucket. Of a limit in shadow mode it can be in debt by the calls that would wait now.
type tokens struct {
	rate   Flow
	bucket *rate.Limiter // hands out tokens twice for a period that it sees twice, when its time steps back
}

func newTokens(t *Terms) *tokens {
	return &tokens{t.Rate, rate.NewLimiter(rate.Limit(t.Rate.PerSecond), t.Rate.Burst)}
}

func (t *tokens) free(now time.Time) float64 { return t.bucket.TokensAt(now) }

func (t *tokens) delay(now time.Time, n int, _ bool) time.Duration {
	return t.rate.durationOf(float64(n) - t.bucket.TokensAt(now))
}

func (t *tokens) take(now time.Time, _ bool) { t.bucket.ReserveN(now, 1) }

// add takes a token if there is one: a burst of others' tokens is no debt.
func (t *tokens) add(now time.Time) { t.bucket.AllowN(now, 1) }

func (t *tokens) rest(now time.Time) time.Duration {
	return t.rate.durationOf(float64(t.rate.Burst) - t.bucket.TokensAt(now))
}

func (t *tokens) follow(now time.Time, terms *Terms) {
	t.rate = terms.Rate
	t.bucket.SetLimitAt(now, rate.Limit(t.rate.PerSecond))
	t.bucket.SetBurstAt(now, t.rate.Burst)
}

// durationOf returns how long the tokens take to come, rounded up.
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
