package service

import (
	"context"
	"fmt"
	"time"

	"tollgate/admin"
	"tollgate/caller"
	"tollgate/config"
)

// maxKeyWarnings bounds how many keys of callers readiness names.
const maxKeyWarnings = 20

// takeCallers makes the registry that of the plan in force. When keys were used stays known.
func (s *state) takeCallers(r *caller.Registry) {
	if former := s.callers.Load(); former != nil {
		r.TakeUses(former)
	}
	s.callers.Store(r)
}

// callerNames are those of a configuration.
func callerNames(c *config.Config) (names []string) {
	for i := range c.Callers {
		names = append(names, c.Callers[i].Name)
	}
	return names
}

// virtualKeys are the keys of callers that are in force.
func (s *state) virtualKeys() []caller.Key { return s.callers.Load().Keys() }

// keyWarnings are the keys of callers that have ended or will soon, the first first.
func (s *state) keyWarnings(now time.Time) (warnings []string) {
	ending := s.callers.Load().Ending(now)
	for _, k := range ending[:min(len(ending), maxKeyWarnings)] {
		text := fmt.Sprintf("key %s of caller %s ends in %v (not_after %s)", k.ID, k.Caller, k.NotAfter.Time().Sub(now).Round(time.Minute), k.NotAfter)
		if k.Expired(now) {
			text = fmt.Sprintf("key %s of caller %s has expired (not_after %s) and is refused: remove it", k.ID, k.Caller, k.NotAfter)
		}
		warnings = append(warnings, text)
	}
	if more := len(ending) - maxKeyWarnings; more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more keys of callers have expired or end within %d days: tollgate key list", more, caller.WarnAhead/(24*time.Hour)))
	}
	return warnings
}

// keys implements the act of [admin.API].
func (s *Service) keys(_ context.Context, _ admin.Peer, r admin.KeysRequest) (*admin.Keys, error) {
	if _, over := s.starting.readiness(); !over {
		return nil, &admin.Error{Status: 503, Text: "the gateway is starting"}
	}
	answer, now := &admin.Keys{Since: s.started, Keys: []admin.Key{}}, time.Now()
	for _, k := range s.virtualKeys() {
		if r.ID == "" || r.ID == k.ID {
			answer.Keys = append(answer.Keys, admin.KeyOf(k, now))
		}
	}
	return answer, nil
}
