package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/ratelimit"
	"tollgate/replay"
)

// deaf stands for limits and signatures that several gateways share and that cannot be asked.
type deaf struct {
	gateway.ReplayMemory
	gateway.Limiter
}

func (deaf) Take(context.Context, *ratelimit.Demand) (ratelimit.Verdict, error) {
	return ratelimit.Verdict{}, fmt.Errorf("10.0.0.7:6379: %w", ratelimit.ErrUnavailable)
}

func (deaf) Mark(context.Context, replay.Key, time.Time, time.Time) error {
	return fmt.Errorf("10.0.0.7:6379: %w", replay.ErrUnavailable)
}

// Calls whose limits, or whose signature, cannot be compared with the calls before them are not sent. The caller learns nothing of
// where these are kept, and the record says what did not answer.
func TestCountsUnavailable(t *testing.T) {
	for name, c := range map[string]struct {
		set          adjustment
		code, reason string
	}{
		"limits":     {func(f *fixture) { f.config.Limiter = deaf{f.config.Replay, f.config.Limiter} }, "TG.6011", "counts_unavailable"},
		"signatures": {func(f *fixture) { f.config.Replay = deaf{} }, "TG.6012", "signatures_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, c.set)
			got := f.call(t, signedPay())
			if got.status != 503 || got.code() != c.code || got.header.Get("Retry-After") != "1" || strings.Contains(got.body, "6379") {
				t.Errorf("answer %d %v %s", got.status, got.header, got.body)
			}
			if r := f.log.only(t, logfile.KindRefusal); r.Reason != c.reason || r.Caller == "" || !strings.Contains(r.Detail, "6379") {
				t.Errorf("refusal %+v", r)
			}
			if !strings.Contains(fmt.Sprint(f.logs.All()), "6379") {
				t.Error("the log of the process does not say what did not answer")
			}
			f.origin.none(t)
		})
	}
}

// TestReadsNeedNoSignatures: a call that changes nothing goes out while used signatures cannot be looked up.
func TestReadsNeedNoSignatures(t *testing.T) {
	f := start(t, func(f *fixture) { f.config.Replay = deaf{} })
	if got := f.call(t, signed{caller: customerCaller, method: "GET", target: readTarget}); got.status != 200 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}
