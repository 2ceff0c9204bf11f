package service

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/config/strictyaml"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/internal/watch"
)

// watchedFiles are those of which the configuration that runs was made. They are guarded by the lock of reloads.
type watchedFiles struct {
	configuration watch.Files // the file, and what it includes
	secrets       watch.Files // that callers sign with
}

func configurationFiles(c *config.Config) watch.Files {
	return watch.New(append(append([]string(nil), c.Files...), c.Dirs...)...)
}

// secretFiles are the files of virtual keys. The keys of credentials have a watch of their own, in package credential.
func secretFiles(c *config.Config) watch.Files {
	var paths []string
	for _, one := range c.Callers {
		for _, auth := range one.Auth {
			if auth.AccessKey != nil && auth.AccessKey.Secret.File != "" {
				paths = append(paths, setting.Resolve(c.Dir, auth.AccessKey.Secret.File))
			}
		}
	}
	return watch.New(paths...)
}

// startWatching looks at the files of the configuration until the service is closed.
func (s *Service) startWatching() {
	s.background(func(ctx context.Context) {
		ticker := time.NewTicker(certs.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.lookAtFiles(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// lookAtFiles loads what has changed, once it has stood still. What was refused is loaded again when it has changed again.
func (s *Service) lookAtFiles(ctx context.Context) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	if s.config.Load().Reload.Watch && s.process.Load != nil && s.reloads.files.configuration.Settled() {
		s.loadChanged(ctx)
	}
	if secrets := &s.reloads.files.secrets; secrets.Settled() || s.reloads.stale && secrets.Unchanged() {
		s.republish(ctx)
	}
}

// loadChanged reloads what has changed, unless it is what runs already, or changes still.
func (s *Service) loadChanged(ctx context.Context) {
	files, by := &s.reloads.files.configuration, Trigger{By: ByWatch}
	before := files.Content(strictyaml.MaxFile)
	c, err := s.load()
	if files.Content(strictyaml.MaxFile) != before || !files.Take() {
		return
	}
	if err != nil {
		_, _ = s.refuse(by, Reloaded{PlanBefore: s.planID()}, err)
		return
	}
	if s.isRunning(c) && s.reloads.fileFailure().err == nil {
		return
	}
	_, _ = s.carryOut(ctx, by, false, c) // what is wrong is in the log
}

// Republish makes the plan of the configuration that runs again, since keys of credentials have changed. Where that fails, or the secrets of
// callers are changing as well, it is tried again: until then calls go on by the plan before, with the new keys of credentials.
func (s *Service) Republish(ctx context.Context) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	s.reloads.stale = true
	secrets := s.reloads.files.secrets // a copy: this look is none between which files have to stand
	if secrets.Look(); secrets.Unchanged() {
		s.republish(ctx)
	}
}

var errChanging = errors.New("secrets of callers change while they are read")

// republish is Republish with the lock of reloads held. A secret that is bad, or changes meanwhile, leaves those in use as they are.
func (s *Service) republish(ctx context.Context) {
	c := s.config.Load()
	files := secretFiles(c)
	files.Look()
	o, err := s.open(ctx, c, false)
	if !files.Take() && err == nil {
		o.close()
		err = errChanging
	}
	s.reloads.files.secrets = files
	r := Reloaded{PlanBefore: s.planID()}
	if err == nil {
		r.Plan = o.plan.ID
		if err = s.adopt(c, o, s.gateway.Publish, func() error { return s.record(c, c, o.plan, Trigger{By: ByWatch}, r) }); err != nil {
			o.close()
		}
	}
	s.reloads.noteSecrets(err)
	if err != nil {
		s.logger.Error("keys have changed, and the plan that names them is not in force; calls go on by the plan before", zap.String("why", brief(err)))
		return
	}
	s.reloads.metrics.Published(r.Plan)
	s.logger.Info("keys have changed, and are taken", zap.String("plan", r.Plan))
}
