package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/spend"
	"tollgate/spend/journal"
)

// openPatience is how long a start waits until it is known what is held and used. A rebuild that takes longer goes on while reads are served.
var openPatience = 3 * time.Second // tests wait less

// spending knows what calls hold and have spent.
type spending struct {
	ledger  *spend.Memory
	journal atomic.Pointer[journal.Journal] // nil before the log is open
	stop    func()                          // ends what runs in the background; nil: nothing does
	fresh   chan freshCaps
	counts  atomic.Pointer[failure] // since when caps that are new do not count yet, and why if that has failed; nil: all do
}

// freshCaps are caps that have to count what is on record.
type freshCaps struct {
	plan *gateway.Plan
	of   *config.Config
	caps []*spend.Cap
}

// neededFrom is for [audit.Options].
func (s *spending) neededFrom() uint64 {
	if j := s.journal.Load(); j != nil {
		return j.NeededFrom()
	}
	return 1
}

// newSpending returns a ledger that refuses everything until [Service.startSpending] has brought it up to the log, which is open.
func (s *Service) newSpending(hashKey *mac.Key) error {
	c := s.config.Load()
	key, err := checkpoint.LoadKey(c.Audit.Key.File, nil) // the log has reported what there is to say
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	longest, err := c.LongestHeld()
	if err != nil {
		return err
	}
	s.spending.ledger, s.spending.fresh = spend.NewMemory(), make(chan freshCaps, 1)
	s.spending.journal.Store(journal.New(journal.Options{
		Dir: c.Audit.Dir, Log: s.log, MAC: key.MAC(journal.Purpose), MACKey: hashKey.ID(), Ledger: s.spending.ledger, Limits: s.limiter,
		Longest: longest, Report: s.private.found, Now: time.Now,
	}))
	return nil
}

// startSpending brings the ledger up to the log, and keeps its file, until closeSpending. A cap that now counts otherwise ends the start,
// unless that shows only after a while: then nothing that writes or spends is let through.
func (s *Service) startSpending(ctx context.Context) error {
	j, opened := s.spending.journal.Load(), make(chan error, 1)
	s.spending.stop = inBackground(func(ctx context.Context) {
		err := j.Open(ctx, func() error { return s.takeCaps(ctx) })
		opened <- err
		if err == nil {
			ticker := time.NewTicker(journal.SaveEvery)
			defer ticker.Stop()
			j.Run(ctx, ticker.C, s.spendingFailed)
		} else if ctx.Err() == nil {
			s.logger.Error("calls that write or spend are refused: it is not known what is held and used", zap.Error(err))
		}
	})
	patience := time.NewTimer(openPatience)
	defer patience.Stop()
	select {
	case err := <-opened:
		if _, changed := errors.AsType[*capsChangedError](err); changed {
			return err
		}
		return nil // readiness says what is wrong otherwise, and reads are served
	case <-patience.C:
		s.logger.Warn("calls that write or spend are refused until the audit log is read: it is not known yet what is held and used")
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) spendingFailed(err error) {
	s.logger.Error("what calls hold and have spent cannot be kept up; after a restart it is read from the log", zap.Error(err))
}

// closeSpending keeps what is known for the next start. The log is still open.
func (s *Service) closeSpending(ctx context.Context) error {
	if s.spending.stop == nil {
		return nil
	}
	s.spending.stop()
	return s.spending.journal.Load().Close(ctx)
}

// capsChangedError is why a configuration is refused that has hard caps count otherwise.
type capsChangedError struct{ cause error }

func (e *capsChangedError) Error() string { return "caps: " + e.cause.Error() }
func (e *capsChangedError) Unwrap() error { return e.cause }

// checkCaps returns why a configuration must not take the place of the one that runs.
func (s *Service) checkCaps(c *config.Config, plan *gateway.Plan) error {
	if reflect.DeepEqual(s.config.Load().Spend, c.Spend) {
		return nil
	}
	if why := s.rebuilding(); why != "" {
		return fmt.Errorf("guard and caps cannot be changed while it is not known what is held and used: %s", why)
	}
	return s.conflicts(plan)
}

func (s *Service) conflicts(plan *gateway.Plan) error {
	if err := s.spending.ledger.Conflicts(plan.Spend, time.Now()); err != nil {
		return &capsChangedError{err}
	}
	return nil
}

// takeCaps makes the ledger count by the caps of the plan that runs.
func (s *Service) takeCaps(ctx context.Context) error {
	plan := s.gateway.Plan()
	if err := s.conflicts(plan); err != nil {
		return err
	}
	if err := s.recordTurned(plan); err != nil {
		return err
	}
	return s.introduce(ctx, freshCaps{plan, s.config.Load(), s.spending.ledger.Follow(plan.Spend, time.Now())})
}

// recordTurned puts on record which caps have another mode by a plan: a start has to know which were hard.
func (s *Service) recordTurned(plan *gateway.Plan) error {
	return s.spending.journal.Load().Turned(s.spending.ledger.Turned(plan.Spend))
}

// publisher returns what puts the plan of a configuration in force. While caps that are new count what is on record, calls that write or spend
// are refused.
func (s *Service) publisher(c *config.Config) func(*gateway.Plan) {
	return func(plan *gateway.Plan) {
		var fresh []*spend.Cap
		if s.spending.journal.Load().State().Ready {
			fresh = s.spending.ledger.Follow(plan.Spend, time.Now())
		}
		if len(fresh) > 0 {
			s.spending.ledger.Suspend()
			s.spending.counts.Store(&failure{since: time.Now()})
		}
		s.gateway.Publish(plan)
		if len(fresh) > 0 {
			s.spending.fresh <- freshCaps{plan, c, fresh} // it has room: no other reload changes caps meanwhile
		}
	}
}

// countFresh makes new caps count what is on record, until ctx ends.
func (s *Service) countFresh(ctx context.Context) {
	for {
		select {
		case fresh := <-s.spending.fresh:
			s.count(ctx, fresh)
		case <-ctx.Done():
			return
		}
	}
}

// count waits until calls that had reserved before are on record, which takes no longer than a record may, and has caps count them.
func (s *Service) count(ctx context.Context, fresh freshCaps) {
	recorded, cancel := context.WithTimeout(ctx, fresh.plan.LogDeadline)
	_ = s.gateway.Wait(recorded) // with no call under way there is nothing to wait for
	cancel()
	if err := s.introduce(ctx, fresh); err != nil {
		s.spending.counts.Store(&failure{time.Now(), err})
		s.logger.Error("caps that are new cannot count what is on record; calls that write or spend are refused until a restart", zap.Error(err))
		return
	}
	s.spending.ledger.Resume()
	s.spending.counts.Store(nil)
}

// introduce makes new caps count the calls of their period that are on record.
func (s *Service) introduce(ctx context.Context, fresh freshCaps) error {
	operations, err := fresh.of.Operations()
	if err != nil {
		return err
	}
	return s.spending.journal.Load().Introduce(ctx, fresh.caps, func(intent *logfile.Record) []spend.Charge {
		return recordCharges(fresh.plan.Spend, operations, intent)
	})
}

// recordCharges returns what a call on record takes of caps. Those of money count the calls that carry a price.
func recordCharges(rules *spend.Rules, operations map[string][]*catalog.Operation, intent *logfile.Record) (all []spend.Charge) {
	s := recordSubject(operations[intent.Upstream], intent)
	for _, c := range rules.Matching(&s) {
		if c.OfMoney() && !s.Priced {
			continue
		}
		if charges, err := rules.Of(c).Charges(nil, &s); err == nil { // what the cap cannot count is not counted
			all = append(all, charges...)
		}
	}
	return all
}

// recordSubject is a call on record, as caps see it. What each of several customers pays does not stand there, so each is charged all of it.
func recordSubject(operations []*catalog.Operation, intent *logfile.Record) spend.Subject {
	s := spend.Subject{
		Caller: intent.Caller, Credential: intent.Credential, Account: intent.Account, Operation: intent.Operation, Effect: intent.Effect,
	}
	i := slices.IndexFunc(operations, func(o *catalog.Operation) bool { return o.Name == intent.Operation })
	if i >= 0 && operations[i].Act != nil {
		s.Direction, s.Unit = spend.Direction(operations[i].Act.Direction), spend.Unit(operations[i].Act.Unit)
	}
	for _, field := range intent.Fields {
		if field.Kind == string(catalog.FieldCustomer) {
			for _, id := range field.Values {
				s.Customers = append(s.Customers, spend.Part{Customer: id})
			}
		}
	}
	if intent.Spending == nil || intent.Price == nil {
		return s
	}
	amount, err := spend.ParseSum(intent.Price.Amount)
	s.Priced, s.Price = err == nil, spend.Price{Amount: amount, Currency: intent.Price.Currency}
	return s
}
