package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/fleet/freezes"
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
)

const (
	// freezeWait is how long a freeze waits for calls that are about to be sent. It is less than a request of an operator may take.
	freezeWait = 30 * time.Second
	// confirmWait is how long a change of freezes waits besides until the members of the fleet have confirmed.
	confirmWait = 2 * time.Second
	// freezeEvery is how often it is looked whether the time of a freeze is over.
	freezeEvery = time.Second
)

// openFreezes puts the freezes in force that the log has. One that it does not understand ends the start: it must not be lost.
func (s *Service) openFreezes(recovery audit.Recovery) (err error) {
	s.freezes, err = freeze.NewSwitch(freezeLog{s.log, func() time.Duration { return time.Duration(s.config.Load().Audit.Deadline) }}, recovery.Freezes)
	if err != nil {
		return fmt.Errorf("audit log: the freezes in force cannot be read, so the gateway does not start: %w", err)
	}
	for _, f := range recovery.Freezes {
		s.logger.Warn("calls are stopped still", zap.String("freeze", f.String()))
	}
	return nil
}

// freezeLog keeps freezes in the audit log. It is a [freeze.Store].
type freezeLog struct {
	log      *audit.Log
	deadline func() time.Duration
}

// Record implements [freeze.Store]. Whether a record becomes durable does not depend on whether the operator waits.
func (l freezeLog) Record(ctx context.Context, c freeze.Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.deadline())
	defer cancel()
	return l.log.Freezes(ctx, freezeRecord(c))
}

// freezeRecord returns the record of a change.
func freezeRecord(c freeze.Change) *logfile.Record {
	r := &logfile.Record{Event: logfile.EventCode(c.Happened), Freezes: c.InForce}
	f := c.Freeze
	if f == nil {
		r.Detail = "stated once more, since that has failed before"
		return r
	}
	r.Subject, r.Detail, r.Identity = f.Subject.String(), f.String(), cmp.Or(c.By, f.By)
	r.Data = map[string]string{"freeze": f.ID, "kind": string(f.Kind), "name": f.Name, "reason": f.Reason, "by": r.Identity}
	if c.Happened == freeze.Ended {
		r.Detail, r.Data["reason"] = "lifted by "+c.By+": "+f.String(), c.Reason
	}
	if !f.Until.IsZero() {
		r.Data["until"] = stamp(f.Until)
	}
	maps.DeleteFunc(r.Data, func(_, value string) bool { return value == "" })
	return r
}

// maintainFreezes ends the freezes whose time is over, until ctx ends.
func (s *Service) maintainFreezes(ctx context.Context) {
	ticker := time.NewTicker(freezeEvery)
	defer ticker.Stop()
	failed := rate.Sometimes{Interval: time.Minute}
	for {
		if err := s.maintainFreezesAt(ctx, time.Now()); err != nil {
			failed.Do(func() {
				s.logger.Error("freezes cannot be recorded; they stay in force, and it is tried again", zap.Error(err))
			})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) maintainFreezesAt(ctx context.Context, now time.Time) error {
	lifted, err := s.freezes.Maintain(ctx, now)
	for _, f := range lifted {
		s.logger.Warn("the time of a freeze is over, calls go out again", zap.String("freeze", f.String()))
	}
	return err
}

// Freeze stops calls, and returns when no call that it stops can begin to go out any more. With an error nothing was stopped. By
// says who asks.
func (s *Service) Freeze(ctx context.Context, by string, r admin.FreezeRequest) (*admin.Frozen, error) {
	f := freeze.Freeze{
		ID: freeze.NewID(), Subject: freeze.Subject{Kind: freeze.Kind(r.Kind), Name: r.Name}, Reason: r.Reason, Since: time.Now(), Until: r.Until, By: by,
	}
	if err := s.checkFreeze(&f, r.Force); err != nil {
		return nil, &admin.Error{Status: http.StatusBadRequest, Text: err.Error()}
	}
	answer := &admin.Frozen{Freeze: adminFreeze(&f), Sent: []admin.SentCall{}}
	err := s.freezes.Freeze(ctx, f)
	if _, inForce := errors.AsType[*freeze.Unrecordable](err); err != nil && !inForce {
		return nil, &admin.Error{Status: http.StatusConflict, Text: err.Error()}
	}
	if err != nil {
		answer.Problems = append(answer.Problems, err.Error())
	}
	s.logger.Warn("calls are stopped", zap.String("freeze", f.String()), zap.String("by", by), zap.Error(err))
	waiting, stop := context.WithTimeout(ctx, freezeWait)
	defer stop()
	sent, err := s.gateway.Stopped(waiting, &f)
	if err != nil {
		answer.Problems = append(answer.Problems, fmt.Sprintf("the freeze is in force, but calls listed as sent may have their first byte still before them: %v", err))
	}
	for _, c := range sent {
		answer.Sent = append(answer.Sent, adminSent(c))
	}
	members, problems := s.confirmed(ctx)
	answer.Members, answer.Problems = members, append(answer.Problems, problems...)
	return answer, nil
}

// confirmed waits for the members of the fleet, and returns which have the freezes of now, and what those lack that have not. Without
// a fleet there are none.
func (s *Service) confirmed(ctx context.Context) (members []admin.Confirmation, problems []string) {
	if s.fleet == nil {
		return nil, nil
	}
	ctx, stop := context.WithTimeout(ctx, confirmWait)
	defer stop()
	return confirmations(s.fleet.freezes.Confirm(ctx))
}

func confirmations(all []freezes.Confirmation) (members []admin.Confirmation, problems []string) {
	for _, c := range all {
		members = append(members, admin.Confirmation(c))
		if !c.Confirmed && !c.Stopped {
			problems = append(problems, fmt.Sprintf("member %s has not confirmed: %s", c.Member, c.Why))
		}
	}
	return members, problems
}

// checkFreeze returns what is wrong with a freeze that is asked for.
func (s *Service) checkFreeze(f *freeze.Freeze, force bool) error {
	if err := f.Check(); err != nil {
		return err
	}
	if !f.Until.IsZero() && !f.Until.After(f.Since) {
		return fmt.Errorf("the freeze would end at %s, which is over by the gateway's clock (%s)", stamp(f.Until), stamp(f.Since))
	}
	known, ok := configured(s.config.Load(), f.Subject)
	if force || ok {
		return nil
	}
	hint := nearest.Suggest(f.Name, known)
	if hint != "" {
		hint = ": " + hint
	}
	return fmt.Errorf("the configuration names no %s %q%s\n--force freezes it all the same", f.Kind, f.Name, hint)
}

// configured reports whether a configuration has the name of a subject, and returns those that it has of the kind.
func configured(c *config.Config, of freeze.Subject) (known []string, ok bool) {
	known, any := configuredNames(c, of.Kind)
	return known, any || slices.Contains(known, of.Name)
}

// configuredNames returns the names of a kind in a configuration; any reports whether there are others besides. So it is with the ids of
// customers, unless grants list them.
func configuredNames(c *config.Config, kind freeze.Kind) (names []string, any bool) {
	switch kind {
	case freeze.Caller:
		for _, one := range c.Callers {
			names = append(names, one.Name)
		}
	case freeze.Credential:
		for _, one := range c.Credentials {
			names = append(names, one.Name)
		}
	case freeze.Customer:
		for _, one := range c.Grants {
			names = append(names, setting.Texts(one.Customers)...)
		}
		any = len(names) == 0
		for _, one := range c.Credentials {
			names = append(names, string(one.DomainID))
		}
	default:
		any = true
	}
	return names, any
}

// Unfreeze lifts freezes, and returns those that were. With an error none was.
func (s *Service) Unfreeze(ctx context.Context, by string, r admin.UnfreezeRequest) (*admin.FreezeList, error) {
	if len(r.IDs) == 0 {
		return nil, &admin.Error{Status: http.StatusBadRequest, Text: "no freeze is named: pass its id, which `tollgate freezes` lists"}
	}
	answer := &admin.FreezeList{Freezes: []admin.Freeze{}}
	for i, id := range r.IDs {
		f, err := s.freezes.Lift(ctx, id, by, r.Reason)
		if err != nil {
			answer.Problems = append(answer.Problems, err.Error())
			if rest := r.IDs[i+1:]; errors.Is(err, audit.ErrUnavailable) && len(rest) > 0 { // each would wait for the log as well
				answer.Problems = append(answer.Problems, "these were not tried: "+strings.Join(rest, ", "))
				break
			}
			continue
		}
		s.logger.Warn("a freeze was lifted, calls go out again", zap.String("freeze", f.String()), zap.String("by", by))
		answer.Freezes = append(answer.Freezes, adminFreeze(&f))
	}
	if len(answer.Freezes) == 0 {
		return nil, &admin.Error{Status: http.StatusConflict, Text: strings.Join(answer.Problems, "; ")}
	}
	members, problems := s.confirmed(ctx)
	answer.Members, answer.Problems = members, append(answer.Problems, problems...)
	return answer, nil
}

// broughtFreeze logs a change that came over Redis.
func (s *Service) broughtFreeze(happened freeze.Happening, f *freeze.Freeze, by string) {
	fields := []zap.Field{zap.String("freeze", f.String()), zap.String("by", by)}
	if happened == freeze.Ended {
		s.logger.Warn("a freeze was lifted by another member, calls go out again", fields...)
		return
	}
	s.logger.Warn("calls are stopped by another member", fields...)
}

// Freezes returns the freezes in force.
func (s *Service) Freezes() *admin.FreezeList {
	answer := &admin.FreezeList{Freezes: []admin.Freeze{}}
	for _, f := range s.freezes.Gate().Set().List() {
		answer.Freezes = append(answer.Freezes, adminFreeze(&f))
	}
	if err := s.freezes.Unrecorded(); err != nil {
		answer.Problems = append(answer.Problems, unrecordedText(err))
	}
	if s.fleet != nil {
		members, problems := confirmations(s.fleet.freezes.Members())
		answer.Members, answer.Problems = members, slices.Concat(answer.Problems, problems, s.fleet.freezes.Problems())
	}
	return answer
}

func unrecordedText(err error) string {
	return fmt.Sprintf("the freezes in force are not on record as they are, and would not survive a restart: %v", err)
}

// freezeWarnings are for readiness: what one operator stopped, another may not know of. A freeze whose name a reload has taken
// away stops nothing, which may not be meant.
func (s *Service) freezeWarnings() (warnings []string) {
	for _, f := range s.freezes.Gate().Set().List() {
		warning := "calls are stopped: " + f.String()
		if _, ok := configured(s.config.Load(), f.Subject); !ok {
			warning = fmt.Sprintf("the configuration names no %s, so nothing of that name is stopped: %s", &f.Subject, &f)
		}
		warnings = append(warnings, warning)
	}
	if err := s.freezes.Unrecorded(); err != nil {
		warnings = append(warnings, unrecordedText(err))
	}
	if s.fleet != nil {
		warnings = append(warnings, s.fleet.freezes.Lifts()...)
	}
	return warnings
}

func adminFreeze(f *freeze.Freeze) admin.Freeze {
	return admin.Freeze{ID: f.ID, Kind: string(f.Kind), Name: f.Name, Reason: f.Reason, Since: f.Since.UTC(), Until: f.Until.UTC(), By: f.By}
}

func adminSent(c gateway.Sent) admin.SentCall {
	return admin.SentCall{Call: c.Call, Caller: c.Caller, Upstream: c.Upstream, Operation: c.Operation, Since: c.Since.UTC()}
}

// addFreezes adds the acts of the kill switch to the API of operators.
func (s *Service) addFreezes(api *admin.API) {
	api.Freeze = onceStarted(s, func(ctx context.Context, p admin.Peer, r admin.FreezeRequest) (*admin.Frozen, error) {
		return s.Freeze(ctx, p.Identity(), r)
	})
	api.Unfreeze = onceStarted(s, func(ctx context.Context, p admin.Peer, r admin.UnfreezeRequest) (*admin.FreezeList, error) {
		return s.Unfreeze(ctx, p.Identity(), r)
	})
	api.Freezes = onceStarted(s, func(context.Context, admin.Peer, admin.FreezesRequest) (*admin.FreezeList, error) {
		return s.Freezes(), nil
	})
}

// onceStarted returns an act that is refused until the log was read, which has the freezes. No call is taken before that.
func onceStarted[Q, A any](s *Service, do func(context.Context, admin.Peer, Q) (*A, error)) func(context.Context, admin.Peer, Q) (*A, error) {
	return func(ctx context.Context, p admin.Peer, request Q) (*A, error) {
		if _, over := s.starting.readiness(); !over {
			return nil, &admin.Error{Status: http.StatusServiceUnavailable, Text: "the gateway is starting, and takes no calls yet: try again when it is ready"}
		}
		return do(ctx, p, request)
	}
}
