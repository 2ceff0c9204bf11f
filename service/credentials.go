package service

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tollgate/credential"
)

const (
	// pollKeys is how often credentials are asked whether their keys are to be looked at or read again, which each of them bounds itself.
	pollKeys = 500 * time.Millisecond
	// warnSkew is how far the clock of an upstream may be off without a warning. Signatures are refused from 15 minutes on.
	warnSkew = time.Minute
)

// startSigning looks after what signatures need, keys and clocks, until the service is closed.
func (s *Service) startSigning() {
	for _, c := range s.signers() {
		if fixed := c.Fixed(); len(fixed) > 0 {
			s.logger.Info("keys of a credential cannot be read again", zap.String("credential", c.Name()), zap.String("why", credential.FixedNote(fixed)))
		}
	}
	s.background(s.watchSigning)
}

func (s *Service) watchSigning(ctx context.Context) {
	ticker := time.NewTicker(pollKeys)
	defer ticker.Stop()
	wrong := map[string]bool{} // the upstreams whose clocks were found to be off
	for {
		select {
		case now := <-ticker.C:
			for _, c := range s.signers() {
				go s.pollKeys(c, now) // a source may hang: the others and the end of the service do not wait for it
			}
			s.logClocks(wrong)
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) pollKeys(c *credential.Credential, now time.Time) {
	changed, err := c.Poll(now)
	switch {
	case err != nil:
		s.logger.Error("the keys of a credential cannot be read again; those in use stay in use", zap.String("credential", c.Name()), zap.Error(err))
	case changed:
		s.logger.Info("the keys of a credential have changed",
			zap.String("credential", c.Name()), zap.String("access_key", c.AccessKey()), zap.Int("generation", c.Generation()))
		s.Republish(context.Background()) // the plan says which keys are in use
	}
}

// rereadKeys reads the keys of all credentials again.
func (s *Service) rereadKeys() {
	var fixed []string
	for _, c := range s.signers() {
		c.Reread()
		if keys := c.Fixed(); len(keys) > 0 {
			fixed = append(fixed, c.Name()+": "+credential.FixedNote(keys))
		}
	}
	s.logger.Info("the keys of credentials are read again; changed ones are used when they have stood for a second", zap.Strings("except", fixed))
}

// logClocks logs once that the clock of an upstream is off, and that it is right again.
func (s *Service) logClocks(wrong map[string]bool) {
	s.eachSkew(func(name string, skew time.Duration) {
		if off := skew.Abs() > warnSkew; off && !wrong[name] {
			s.logger.Warn("the clock of an upstream and this gateway's differ", zap.String("upstream", name), zap.Duration("ahead", skew))
		} else if !off && wrong[name] {
			s.logger.Info("the clock of an upstream and this gateway's agree again", zap.String("upstream", name), zap.Duration("ahead", skew))
		}
		wrong[name] = skew.Abs() > warnSkew
	})
}

// eachSkew calls f for each signed upstream whose clock was seen.
func (s *Service) eachSkew(f func(name string, skew time.Duration)) {
	for _, u := range s.signedUpstreams() {
		if skew, known := u.Skew.Estimate(); known {
			f(u.Name, skew)
		}
	}
}

// signingWarnings are what hurts signed calls, or will.
func (s *Service) signingWarnings(now time.Time) (warnings []string) {
	for _, c := range s.signers() {
		for _, pause := range c.Pauses() {
			warnings = append(warnings, fmt.Sprintf("credential %s %s", c.Name(), pause))
		}
		if trial, on := c.OnTrial(); on && trial.Reason != "" {
			warnings = append(warnings, fmt.Sprintf("credential %s is on trial since %s, until an answer is accepted: %s", c.Name(), stamp(trial.Since), trial.Reason))
		}
		if err := c.ReadError(); err != nil {
			warnings = append(warnings, fmt.Sprintf("the keys of credential %s cannot be read again: %v", c.Name(), err))
		}
		if text := expiryWarning(c.Expires(), now); text != "" {
			warnings = append(warnings, fmt.Sprintf("the keys of credential %s %s, and their file has no others", c.Name(), text))
		}
	}
	s.eachSkew(func(name string, skew time.Duration) {
		if skew.Abs() > warnSkew {
			warnings = append(warnings, fmt.Sprintf("the clock of upstream %s is off by %v: this gateway's is %s; the provider refuses signatures from 15 minutes on",
				name, skew.Abs().Round(time.Second), aheadOrBehind(skew)))
		}
	})
	return warnings
}

// warnExpiry is how long before the end of temporary keys there is a warning. Those of the provider have 15 minutes at least.
const warnExpiry = 5 * time.Minute

// expiryWarning is the warning that keys have expired or soon will; end is zero where that is not known.
func expiryWarning(end, now time.Time) string {
	switch left := end.Sub(now); {
	case end.IsZero() || left > warnExpiry:
		return ""
	case left > 0:
		return "expire at " + stamp(end)
	}
	return "expired at " + stamp(end)
}

func aheadOrBehind(skew time.Duration) string {
	if skew > 0 {
		return "ahead"
	}
	return "behind"
}

// signingNotes are what is worth knowing and no fault.
func (s *Service) signingNotes() (notes []string) {
	for _, c := range s.signers() {
		if trial, on := c.OnTrial(); on && trial.Reason == "" {
			notes = append(notes, fmt.Sprintf("credential %s is on trial: the provider has not accepted its keys yet", c.Name()))
		}
		if until, partial := c.Partial(); partial {
			notes = append(notes, fmt.Sprintf("of the keys of credential %s only a part has changed: the old ones sign until all have, or until %s", c.Name(), stamp(until)))
		}
		if fixed := c.Fixed(); len(fixed) > 0 {
			notes = append(notes, "credential "+c.Name()+": "+credential.FixedNote(fixed))
		}
	}
	if s.accepted != nil && s.accepted.Err() != nil {
		notes = append(notes, fmt.Sprintf("which keys the provider accepted cannot be written, so they are on trial after a restart: %v", s.accepted.Err()))
	}
	return notes
}
