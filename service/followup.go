package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/spend/acts"
	"tollgate/spend/journal"
)

const (
	// lookEvery is how often it is looked whether an unknown payment is to be looked up, and mostLooks how many are at a time.
	lookEvery = 10 * time.Second
	mostLooks = 4
	// firstLook is how long after its end a payment is looked up first. The time between two looks doubles from then on.
	firstLook   = 30 * time.Second
	longestLook = 24 * time.Hour
	// unpaidFor is how long after its end a payment has failed whose order is not paid: before, the provider may be working on it still.
	unpaidFor = 15 * time.Minute
)

// followUp looks up the outcomes of payments that are unknown, and settles those that it finds.
type followUp struct {
	unknown func() []journal.Unknown
	look    func(context.Context, *gateway.Lookup) (gateway.Found, error)
	resolve func(ctx context.Context, call, outcome string, d journal.Decision) error
	now     func() time.Time
	logger  *zap.Logger

	looks map[string]attempt // by call
}

// attempt is when a call is looked up next, and after what time the last one was.
type attempt struct {
	next time.Time
	wait time.Duration
}

func (s *Service) newFollowUp(now func() time.Time) *followUp {
	return &followUp{
		unknown: s.unknownCalls, look: s.gateway.Look, now: now, logger: s.logger,
		resolve: func(ctx context.Context, call, outcome string, d journal.Decision) error {
			return s.decide(ctx, func(ctx context.Context) error { return s.spending.journal.Load().Resolve(ctx, call, outcome, d) })
		},
	}
}

// followPayments follows unknown payments up until ctx ends.
func (s *Service) followPayments(ctx context.Context) {
	f := s.newFollowUp(time.Now)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.round(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// unknownCalls returns those that hold something. There are none while that is being found out.
func (s *Service) unknownCalls() []journal.Unknown {
	if s.rebuilding() != "" {
		return nil
	}
	return s.spending.journal.Load().Unknown()
}

// round looks up the payments that are due, those first that have been due the longest.
func (f *followUp) round(ctx context.Context) {
	due := f.due()
	for _, u := range due[:min(len(due), mostLooks)] {
		if ctx.Err() != nil {
			return
		}
		f.follow(ctx, &u)
	}
}

// due returns the payments of one order that are to be looked up now, and drops those that are not unknown any more.
func (f *followUp) due() (due []journal.Unknown) {
	former := f.looks
	f.looks = map[string]attempt{}
	for _, u := range f.unknown() {
		if u.Act != payAct || len(u.Orders) != 1 {
			continue
		}
		next, known := former[u.Call]
		if !known {
			next = attempt{u.Ended.Add(firstLook), firstLook}
		}
		if f.looks[u.Call] = next; !next.next.After(f.now()) {
			due = append(due, u)
		}
	}
	slices.SortStableFunc(due, func(a, b journal.Unknown) int { return f.looks[a.Call].next.Compare(f.looks[b.Call].next) })
	return due
}

// payAct is the act of payments.
const payAct = "pay"

// follow looks one payment up.
func (f *followUp) follow(ctx context.Context, u *journal.Unknown) {
	began := f.now()
	paid, found, err := f.paid(ctx, u)
	outcome := logfile.Succeeded
	if !paid {
		outcome = logfile.Failed
	}
	if err == nil && !paid && began.Sub(u.Ended) < unpaidFor {
		err = fmt.Errorf("the order is not paid, %v after the call ended", began.Sub(u.Ended).Round(time.Second))
	}
	if err == nil {
		err = f.resolve(ctx, u.Call, outcome, journal.Decision{Reason: reasonOf(paid), By: "gateway", From: found})
	}
	if err != nil {
		f.later(u.Call, began)
		f.logger.Debug("a payment is unknown still", zap.String("call", u.Call), zap.Error(err))
		return
	}
	f.logger.Info("a payment that was unknown is known now", zap.String("call", u.Call), zap.String("outcome", outcome), zap.String("from", found))
}

// paid reports whether the order of a payment is paid, by a call of the gateway's own.
func (f *followUp) paid(ctx context.Context, u *journal.Unknown) (paid bool, call string, err error) {
	query, err := acts.OrderQuery(u.Site, u.Orders[0])
	if err != nil {
		return false, "", err
	}
	found, err := f.look(ctx, &gateway.Lookup{
		Call: u.Call, Caller: u.Caller, Upstream: u.Upstream, Credential: u.Credential, Account: u.Account, Query: query,
	})
	if err != nil {
		return false, "", err
	}
	paid, err = acts.ReadPaid(u.Orders[0], &found.Result, found.Body)
	return paid, found.Call, err
}

func reasonOf(paid bool) string {
	if paid {
		return "the order is paid (status 5)"
	}
	return fmt.Sprintf("the order is not paid (status 6), %v or more after the call ended", unpaidFor)
}

// later delays the next look at a payment by twice the time.
func (f *followUp) later(call string, now time.Time) {
	wait := min(2*f.looks[call].wait, longestLook)
	f.looks[call] = attempt{now.Add(wait), wait}
}
