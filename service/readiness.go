package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tollgate/admin"
	"tollgate/config"
)

// readiness reports whether calls are taken. A paused credential hurts some calls only.
func (s *Service) readiness() admin.Readiness {
	if r, over := s.starting.readiness(); !over {
		return r
	}
	now := time.Now()
	warnings := slices.Concat(s.freezeWarnings(), s.spendingWarnings(), s.fleetReadiness(), s.reloads.warnings(), s.evidenceWarnings(), s.descriptorWarnings(),
		s.certificates.warnings(now), s.private.exposed(), s.pressure.warnings(), s.confined.warnings(), s.signingWarnings(now), s.keyWarnings(now), s.limitWarnings())
	r := admin.Readiness{Ready: true, Warnings: warnings, Notes: slices.Concat(s.signingNotes(), s.admin.notes, s.confined.notes())}
	if s.fleet != nil {
		r.Notes = append(r.Notes, config.SpendAlone)
	}
	if reason := s.logReason(); reason != "" {
		r.Ready, r.Reasons = false, append(r.Reasons, "audit log: "+reason)
	}
	if without := s.certificates.without(); len(without) > 0 {
		r.Ready, r.Reasons = false, append(r.Reasons, without...)
	}
	if reasons := s.pressure.reasons(); len(reasons) > 0 {
		r.Ready, r.Reasons = false, append(r.Reasons, reasons...)
	}
	if s.isDraining() {
		r.Ready, r.Reasons = false, append(r.Reasons, "draining: the gateway is stopping")
	}
	return r
}

// mostSlowed is how many slowed quotas readiness names.
const mostSlowed = 5

// limitWarnings are the published quotas that are slowed. They come back by themselves.
func (s *Service) limitWarnings() (warnings []string) {
	all := s.limiter.Slowed()
	for _, q := range all[:min(mostSlowed, len(all))] {
		goes := "nothing goes for now"
		if q.Factor > 0 {
			goes = fmt.Sprintf("%.0f%% of the quota goes now", q.Factor*100)
		}
		warnings = append(warnings, fmt.Sprintf("the provider has refused calls of %s with credential %s since there were too many (429): %s; "+
			"look for other users of its accounts", q.Counted.Operation, q.Counted.Credential, goes))
	}
	if more := len(all) - mostSlowed; more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more quotas are slowed after the provider's 429", more))
	}
	return warnings
}

// logReason returns why the log takes no calls, or not in the time that they have; it is empty when it does.
func (s *Service) logReason() string {
	status, deadline := s.log.Status(), time.Duration(s.config.Load().Audit.Deadline)
	switch {
	case status.Err != nil:
		return status.Err.Error()
	case status.Slow > 0:
		return fmt.Sprintf("the disk is too slow: a record took %v of late, and calls wait for %v at most (audit.deadline)", status.Slow.Round(time.Millisecond), deadline)
	}
	return ""
}

// warnLeft is how long the disk must last, or readiness warns.
const warnLeft = 24 * time.Hour

// evidenceWarnings are what is wrong with the evidence, or will be, while calls are taken.
func (s *Service) evidenceWarnings() []string {
	var warnings []string
	status := s.log.Status()
	if left, known := s.forecast.Left(); known && left < warnLeft {
		warnings = append(warnings, fmt.Sprintf("the disk of the audit log is full in %v at the present pace: %d bytes are free",
			left.Round(time.Minute), status.Free))
	}
	for _, c := range s.copies.Status() {
		if c.Err != nil {
			warnings = append(warnings, fmt.Sprintf("checkpoints are not copied to %s: %v", c.Place, c.Err))
		}
	}
	if err := status.PruneErr; err != nil && !errors.Is(err, context.Canceled) {
		warnings = append(warnings, "old records of the audit log were not removed: "+err.Error())
	}
	return warnings
}
