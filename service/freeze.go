package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
)

const (
	// freezeWait is how long a freeze waits for calls that are about to be sent. It is less than a request of an operator may take.
	freezeWait = 30 * time.Second
	// freezeEvery is how often it is looked whether the time of a freeze is over.
	freezeEvery = time.Second
)

// openFreezes puts the freezes in force that the log has. One that it does not understand ends the start: it must not be forgotten.
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

// freezeLog keeps freezes in the audit log. It is a [freeze.Store]; one that several gateways share would be another.
type freezeLog struct {
	log      *audit.Log
	deadline func() time.Duration
}

// Record is of [freeze.Store]. Whether a record becomes durable does not depend on whether the operator waits.
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
	r.Data = map[string]string{"freeze": f.ID, "kind": string(f.Kind), "by": r.Identity}
	for name, value := range map[string]string{"name": f.Name, "reason": cmp.Or(c.Reason, f.Reason)} {
		if value != "" {
			r.Data[name] = value
		}
	}
	if c.Happened == freeze.Ended {
		r.Detail, r.Data["reason"] = "lifted by "+c.By+": "+f.String(), c.Reason
	}
	if !f.Until.IsZero() {
		r.Data["until"] = stamp(f.Until)
	}
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
	return answer, nil
}

// checkFreeze returns what is wrong with a freeze that is asked for.
func (s *Service) checkFreeze(f *freeze.Freeze, force bool) error {
	if err := f.Check(); err != nil {
		return err
	}
	if !f.Until.IsZero() && !f.Until.After(f.Since) {
		return fmt.Errorf("the freeze would end at %s, which is over by the gateway's clock (%s)", stamp(f.Until), stamp(f.Since))
	}
	known, any := configuredNames(s.config.Load(), f.Kind)
	if force || any || slices.Contains(known, f.Name) {
		return nil
	}
	hint := nearest.Suggest(f.Name, known)
	if hint != "" {
		hint = ": " + hint
	}
	return fmt.Errorf("the configuration names no %s %q%s\n--force freezes it all the same", f.Kind, f.Name, hint)
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
		return nil, &admin.Error{Status: http.StatusBadRequest, Text: "no freeze is named: give its id, which `tollgate freezes` lists"}
	}
	answer := &admin.FreezeList{Freezes: []admin.Freeze{}}
	for _, id := range r.IDs {
		f, err := s.freezes.Lift(ctx, id, by, r.Reason)
		if err != nil {
			answer.Problems = append(answer.Problems, err.Error())
			continue
		}
		s.logger.Warn("a freeze was lifted, calls go out again", zap.String("freeze", f.String()), zap.String("by", by))
		answer.Freezes = append(answer.Freezes, adminFreeze(&f))
	}
	if len(answer.Freezes) == 0 {
		return nil, &admin.Error{Status: http.StatusConflict, Text: strings.Join(answer.Problems, "; ")}
	}
	return answer, nil
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
	return answer
}

func unrecordedText(err error) string {
	return fmt.Sprintf("the freezes in force are not on record as they are, and would not survive a restart: %v", err)
}

// freezeWarnings are for readiness: whatever is stopped, somebody meant it, and somebody else wonders.
func (s *Service) freezeWarnings() (warnings []string) {
	for _, f := range s.freezes.Gate().Set().List() {
		warnings = append(warnings, "calls are stopped: "+f.String())
	}
	if err := s.freezes.Unrecorded(); err != nil {
		warnings = append(warnings, unrecordedText(err))
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
	api.Freeze = func(ctx context.Context, p admin.Peer, r admin.FreezeRequest) (*admin.Frozen, error) {
		if err := s.freezable(); err != nil {
			return nil, err
		}
		return s.Freeze(ctx, uidOf(p), r)
	}
	api.Unfreeze = func(ctx context.Context, p admin.Peer, r admin.UnfreezeRequest) (*admin.FreezeList, error) {
		if err := s.freezable(); err != nil {
			return nil, err
		}
		return s.Unfreeze(ctx, uidOf(p), r)
	}
	api.Freezes = func(context.Context, admin.Peer, admin.FreezesRequest) (*admin.FreezeList, error) {
		if err := s.freezable(); err != nil {
			return nil, err
		}
		return s.Freezes(), nil
	}
}

// freezable returns an error until the log was read, which has the freezes. No call is taken before that.
func (s *Service) freezable() error {
	if _, over := s.starting.readiness(); !over {
		return &admin.Error{Status: http.StatusServiceUnavailable, Text: "the gateway is starting, and takes no calls yet: try again when it is ready"}
	}
	return nil
}

// uidOf returns who asks, as records have it.
func uidOf(p admin.Peer) string {
	if p.Process == nil {
		return "unknown"
	}
	return fmt.Sprintf("uid %d", p.Process.UID)
}
