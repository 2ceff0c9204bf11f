package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/internal/setting"
)

// operators are the listeners for those who operate the gateway, and for those who review what it does. Those of admin are there before the log
// is, and all of them until the end.
type operators struct {
	server *admin.Server
	doors  map[string]door // by name: what is open
	notes  []string        // why there is no admin socket, although one is wanted
}

// door is one of them.
type door struct {
	server  accept.Server
	address string
}

// listenAdmin opens the admin socket and the admin address.
func (s *Service) listenAdmin(ctx context.Context) error {
	s.admin.doors = map[string]door{}
	s.admin.server = &admin.Server{Registry: s.registry, Ready: s.readiness, API: s.api(), UID: uint32(os.Geteuid())}
	a := s.config.Load().Admin
	if a == nil {
		return nil
	}
	if err := s.listenAdminSocket(ctx, a); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	if a.Address == (setting.Address{}) {
		return nil
	}
	inner, err := accept.Listen(ctx, a.Address.Network(), a.Address.Listen())
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	s.serveOperators("admin", admin.Loopback, inner, accept.Config{})
	return nil
}

// listenAdminSocket opens the socket. That there is no runtime directory ends no start: the gateway takes calls without it.
func (s *Service) listenAdminSocket(ctx context.Context, a *config.Admin) error {
	inner, err := admin.Listen(ctx, a, s.config.Load().File, s.secrets.LookupEnv)
	if errors.Is(err, admin.ErrNoPlace) {
		s.admin.notes = []string{admin.ErrNoPlace.Error()}
		s.logger.Warn("there is no admin socket", zap.Error(err))
		return nil
	}
	if err != nil || inner == nil {
		return err
	}
	s.serveOperators("admin socket", admin.Socket, inner, accept.Config{})
	return nil
}

// serveOperators serves at a door.
func (s *Service) serveOperators(name string, at admin.Door, inner net.Listener, c accept.Config) {
	s.serveDoor(name, inner, accept.ServerConfig{Handler: s.admin.server.Handler(at), Listener: c, Timeout: admin.RequestTime})
}

// serveDoor serves at a door, within the bounds that all doors have.
func (s *Service) serveDoor(name string, inner net.Listener, served accept.ServerConfig) {
	served.Listener.MaxConns, served.Listener.Refused = adminConns, func(r accept.Refusal) { s.operatorRefused(name, r) }
	opened := door{s.serve(inner, served, s.config.Load().Bounds), inner.Addr().String()}
	s.mutex.Lock()
	s.admin.doors[name] = opened
	s.mutex.Unlock()
	s.logger.Info(name+" listening", zap.String("address", opened.address))
}

// api returns what operators may ask for.
func (s *Service) api() admin.API {
	api := admin.API{
		Status: s.status,
		Keys:   s.keys,
		Reload: s.reload,
		Plan:   s.plan,
		Fleet:  onceStarted(s, s.fleetStatus),
	}
	s.addFreezes(&api)
	s.addSpending(&api)
	return api
}

// reload implements the act of [admin.API].
func (s *Service) reload(ctx context.Context, p admin.Peer, request admin.ReloadRequest) (*admin.Reloaded, error) {
	r, err := s.Reload(ctx, Trigger{By: ByAPI, Identity: p.Identity()}, request.DryRun)
	switch {
	case errors.Is(err, errStopping) || errors.Is(err, errStarting):
		return nil, &admin.Error{Status: http.StatusServiceUnavailable, Text: err.Error()}
	case err != nil:
		return nil, &admin.Error{Status: http.StatusUnprocessableEntity, Text: err.Error()}
	}
	out := &admin.Reloaded{DryRun: request.DryRun, Changed: r.Changed, Reset: r.Reset, Plan: r.Plan, PlanBefore: r.PlanBefore}
	for _, change := range r.Changes {
		out.Changes = append(out.Changes, admin.Change{Where: change.Where, Text: change.Text})
	}
	return out, nil
}
