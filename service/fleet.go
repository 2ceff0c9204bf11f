package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/fleet"
	"tollgate/fleet/freezes"
	"tollgate/fleet/limits"
	"tollgate/fleet/marks"
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// joinTime is how long a start waits until it has joined the fleet. After that calls are taken as without Redis.
const joinTime = 2 * time.Second

// membership is what a gateway has as a member of a fleet. Without a fleet there is none.
type membership struct {
	name    string
	client  *fleet.Client
	limits  *limits.Limiter
	marks   *marks.Memory
	freezes *freezes.Freezes
	metrics *admin.FleetMetrics
	common  atomic.Pointer[string]          // hash of what members should have in common
	gateway atomic.Pointer[gateway.Gateway] // nil before it takes calls
	ends    []func()
}

// openFleet joins the fleet, and replaces the limiter and the memory of signatures by those that members share. Without a fleet it does nothing.
func (s *Service) openFleet(ctx context.Context, c *config.Config, parts *gateway.Config) error {
	if c.Fleet == nil {
		return nil
	}
	if err := s.makeFleet(c); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	parts.Limiter, parts.Replay = counted{s.fleet.limits, s.fleet.metrics}, s.fleet.marks
	s.fleet.run()
	s.fleet.join(ctx, s.logger)
	return nil
}

// makeFleet makes the parts of a member, around this gateway's own limiter, memory and freezes.
func (s *Service) makeFleet(c *config.Config) error {
	name, err := config.OwnName(c.Fleet, s.secrets.LookupEnv)
	if err != nil {
		return fmt.Errorf("name: %w", err)
	}
	options, err := s.fleetOptions(c.Fleet)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	m := &membership{name: name}
	options.Name, options.Describe = name, m.describe(s.process.Version)
	options.File = filepath.Join(c.Audit.Dir, fleet.FileName)
	options.Observe = func(trip time.Duration, questions int) { m.metrics.Trip(trip, questions) }
	m.client = fleet.New(options)
	m.limits = limits.New(m.client, s.limiter, len(c.Fleet.Members))
	m.marks = marks.New(m.client, s.replay, goesByItself(c.Fleet))
	m.freezes = freezes.New(freezes.Options{
		Client: m.client, Name: name, Switch: s.freezes, Await: m.await, Now: time.Now, Brought: s.broughtFreeze,
	})
	m.client.Add(m.freezes) // first: what is stopped is to stand still soonest
	m.client.Add(m.marks)
	m.client.Add(m.limits)
	m.common.Store(new(snapshot.Common(c)))
	s.fleet = m
	m.metrics = admin.NewFleetMetrics(s.registry, s.fleetState) // which is asked from now on
	return nil
}

// goesByItself reports whether a member's own memory decides on signatures where Redis does not answer.
func goesByItself(f *fleet.Config) bool { return f.Replay.Without == "local" }

// fleetOptions returns how Redis is reached.
func (s *Service) fleetOptions(f *fleet.Config) (o fleet.Options, err error) {
	r := &f.Redis
	o = fleet.Options{
		Settings: config.FleetSettings(f), Addresses: r.Endpoints(), Prefix: r.Prefix.String(), Database: r.Database,
		Login: s.redisLogin(r.Username, r.Password),
	}
	if r.Sentinel != nil {
		o.Master, o.SentinelLogin = r.Sentinel.Master, s.redisLogin(r.Sentinel.Username, r.Sentinel.Password)
	}
	if r.TLS != nil {
		var towards func() *tls.Config
		if towards, err = s.certificates.redis(r.TLS); err == nil {
			o.TLS = towards
		}
	}
	return o, err
}

// redisLogin returns what reads a login at each connection, so that a password in a file may change; nil: there is none.
func (s *Service) redisLogin(username string, password *setting.Reference) func() (string, secret.String, error) {
	if password == nil {
		return nil
	}
	return func() (string, secret.String, error) {
		value, err := s.secrets.Read(*password)
		return username, value, err
	}
}

// describe returns what sets the row of this member, which the others read.
func (m *membership) describe(version string) func(*fleet.Row) {
	return func(row *fleet.Row) {
		row.Version, row.Plan, row.Freezes = version, *m.common.Load(), m.freezes.Applied()
	}
}

// await returns when no call that a freeze stops can begin to go out any more. Before the gateway takes calls there is none.
func (m *membership) await(ctx context.Context, f *freeze.Freeze) error {
	g := m.gateway.Load()
	if g == nil {
		return nil
	}
	_, err := g.Stopped(ctx, f)
	return err
}

// follow takes a configuration that is in force now.
func (m *membership) follow(c *config.Config) {
	m.common.Store(new(snapshot.Common(c)))
	m.client.Follow(config.FleetSettings(c.Fleet))
	m.marks.Follow(goesByItself(c.Fleet))
	m.limits.Divide(len(c.Fleet.Members))
}

// run runs the parts until close.
func (m *membership) run() {
	for _, part := range []func(context.Context){m.marks.Run, m.freezes.Run, m.client.Run} { // the client signs off last
		m.ends = append(m.ends, inBackground(part))
	}
}

// close ends the parts. No call comes any more.
func (m *membership) close() {
	for _, end := range m.ends {
		end()
	}
	m.limits.Wait() // heartbeats begin questions too
}

// join waits until the member has joined, but not for long. Otherwise the first calls would be counted, and refused, as without Redis, and
// freezes that it missed would not be in force yet.
func (m *membership) join(ctx context.Context, logger *zap.Logger) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !m.client.State().Up {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			logger.Warn("the fleet is not joined yet: calls are taken as without Redis", zap.String("why", m.client.State().Why))
			return
		}
	}
}

// waiting returns how many calls wait for a limit.
func (s *Service) waiting() int {
	if s.fleet != nil {
		return s.fleet.limits.Waiting()
	}
	return s.limiter.Waiting()
}

// counted is a limiter whose metrics show where limits were counted.
type counted struct {
	*limits.Limiter
	metrics *admin.FleetMetrics
}

// Take implements [gateway.Limiter].
func (c counted) Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error) {
	v, err := c.Limiter.Take(ctx, d)
	switch from := v.From.String(); {
	case errors.Is(err, ratelimit.ErrUnavailable):
		c.metrics.Limited("nowhere")
	case err == nil && from != "":
		c.metrics.Limited(from)
	}
	return v, err
}
