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
// where these are kept.
func TestCountsUnavailable(t *testing.T) {
	for name, set := range map[string]adjustment{
		"limits":     func(f *fixture) { f.config.Limiter = deaf{f.config.Replay, f.config.Limiter} },
		"signatures": func(f *fixture) { f.config.Replay = deaf{} },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, set)
			got := f.call(t, signedPay())
			if got.status != 503 || got.code() != "TG.6011" || got.header.Get("Retry-After") != "1" || strings.Contains(got.body, "6379") {
				t.Errorf("answer %d %v %s", got.status, got.header, got.body)
			}
			if r := f.log.only(t, logfile.KindRefusal); r.Reason != "counts_unavailable" || r.Caller == "" {
				t.Errorf("refusal %+v", r)
			}
			if !strings.Contains(fmt.Sprint(f.logs.All()), "6379") {
				t.Error("the log of the process does not say what did not answer")
			}
			f.origin.none(t)
		})
	}
}
