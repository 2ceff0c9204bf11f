package service

import (
	"cmp"
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/credential"
)

const (
	// mostLimits is how many limits a status shows.
	mostLimits = 10
	// shownOfKey is how many characters of an access key a status shows at either end.
	shownOfKey = 4
)

// status implements the act of [admin.API].
func (s *Service) status(context.Context, admin.Peer, admin.StatusRequest) (*admin.Status, error) {
	c := s.config.Load()
	out := &admin.Status{
		Version: s.process.Version, PID: os.Getpid(), Started: s.started, Readiness: s.readiness(),
		Configuration: admin.ConfigurationStatus{File: c.File, Notes: c.Notes()},
	}
	if _, over := s.starting.readiness(); !over {
		return out, nil // what follows is being made
	}
	s.reloadStatus(&out.Configuration)
	out.Listeners = s.listenerStatus(c)
	out.Upstreams = s.upstreamStatus(c)
	for _, known := range s.signers() {
		out.Credentials = append(out.Credentials, credentialStatus(known))
	}
	out.Spending = s.spendingStatus(c)
	out.Limits = s.limitsStatus()
	out.Freezes = s.Freezes().Freezes
	if s.fleet != nil {
		out.Fleet = s.fleetState()
	}
	out.Log = s.logStatus(c)
	out.Certificates = s.certificateStatus()
	return out, nil
}

func (s *Service) reloadStatus(to *admin.ConfigurationStatus) {
	to.Plan = s.planID()
	switch last := s.reloads.fileFailure(); {
	case last.err != nil:
		to.Refused = &admin.ReloadStatus{At: last.since, Error: last.err.Error()}
	case !last.since.IsZero():
		to.Reloaded = &admin.ReloadStatus{At: last.since}
	}
}

func (s *Service) listenerStatus(c *config.Config) (all []admin.ListenerStatus) {
	policies := map[string]string{}
	for _, l := range c.Secured() {
		if l.TLS != nil {
			policies[l.Name] = l.TLS.Policy
		}
	}
	add := func(name, address string, server accept.Server) {
		all = append(all, admin.ListenerStatus{Name: name, Address: address, TLS: policies[name], Connections: server.Connections()})
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.listeners)) {
		add(name, s.listeners[name].socket.Addr().String(), s.listeners[name].server)
	}
	for _, name := range slices.Sorted(maps.Keys(s.admin.doors)) {
		add(name, s.admin.doors[name].address, s.admin.doors[name].server)
	}
	return all
}

func (s *Service) upstreamStatus(c *config.Config) (all []admin.UpstreamStatus) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.upstreams)) {
		known := s.upstreams[name]
		one := admin.UpstreamStatus{Name: name, URL: known.reached.URL.String(), Most: known.MaxConns}
		if u := c.Upstream(name); u != nil && u.TLS != nil {
			one.TLS = u.TLS.Policy
		}
		one.Connections, one.InUse = known.transport.Connections()
		if ahead, ok := known.Skew.Estimate(); ok {
			seconds := ahead.Seconds()
			one.ClockAhead = &seconds
		}
		all = append(all, one)
	}
	return all
}

func credentialStatus(c *credential.Credential) admin.CredentialStatus {
	facts := c.Facts()
	out := admin.CredentialStatus{
		Name: c.Name(), Class: facts.Class.String(), Upstream: facts.Upstream, AccessKey: masked(c.AccessKey()), Generation: c.Generation(),
		ReadError: textOf(c.ReadError()),
	}
	for _, p := range c.Pauses() {
		out.Pauses = append(out.Pauses, admin.PauseStatus{Caller: p.Caller, Reason: p.Reason, Since: p.Since, ProbeAt: p.ProbeAt})
	}
	if trial, on := c.OnTrial(); on {
		out.Trial = &admin.TrialStatus{Reason: trial.Reason, Since: trial.Since}
	}
	return out
}

// masked leaves out the middle of an access key, which is no secret: enough stays to distinguish two.
func masked(key string) string {
	if len(key) < 3*shownOfKey {
		return "…"
	}
	return key[:shownOfKey] + "…" + key[len(key)-shownOfKey:]
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *Service) limitsStatus() admin.LimitsStatus {
	fullest, all := s.limiter.InUse(mostLimits)
	out := admin.LimitsStatus{Waiting: s.waiting(), InUse: all}
	for _, u := range fullest {
		out.Fullest = append(out.Fullest, admin.LimitStatus{
			Name: u.Name, Caller: u.Counted.Caller, Operation: u.Counted.Operation, Credential: u.Counted.Credential, Upstream: u.Counted.Upstream,
			Allows: u.Terms.String(), Left: u.Left, Burst: u.Terms.AtOnce(), PerSecond: u.Terms.PerSecond(), Waiting: u.Waiting,
		})
	}
	return out
}

func (s *Service) logStatus(c *config.Config) *admin.LogStatus {
	status := s.log.Status()
	out := &admin.LogStatus{
		Dir: c.Audit.Dir, Error: s.logReason(), Seq: status.LastSeq, Durable: status.DurableSeq, Segment: status.Segment,
		Checkpoint: status.Signed, CheckpointAt: s.checkpointed.Load(), Indexed: s.indexed(),
	}
	if status.Free >= 0 {
		out.Free = &status.Free
	}
	if left, known := s.forecast.Left(); known && left != admin.Never {
		seconds := left.Round(time.Second).Seconds()
		out.Lasts = &seconds
	}
	for _, copied := range s.copies.Status() {
		out.Copies = append(out.Copies, admin.CopyStatus{Place: copied.Place, Error: textOf(copied.Err)})
	}
	return out
}

func (s *Service) certificateStatus() (all []admin.CertificateStatus) {
	for _, c := range s.certificates.certificates() {
		all = append(all, admin.CertificateStatus(c))
	}
	slices.SortStableFunc(all, func(a, b admin.CertificateStatus) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Name, b.Name))
	})
	return all
}
