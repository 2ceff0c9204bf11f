package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/config/strictyaml"
	"tollgate/gateway"
	"tollgate/internal/text"
	"tollgate/ratelimit"
)

// What asks for a reload.
const (
	BySignal = "signal"
	ByAPI    = "api"
	ByWatch  = "watch" // files have changed
)

// Trigger says what asked for a reload, and who, if a person did.
type Trigger struct{ By, Identity string }

// Reloaded is what a reload came to, or would come to.
type Reloaded struct {
	Changed          bool // the configuration is another one
	Plan, PlanBefore string
	Changes          []snapshot.Change
	Restart          []string // the keys for which it was refused: they cannot change while the gateway runs
	Reset            []string // the limits whose counts begin at zero, since they are counted by something else
}

// reloads is what is known of the reloads so far. Its lock has one at a time.
type reloads struct {
	sync.Mutex
	metrics *admin.Reloads
	files   watchedFiles
	stale   bool // the plan that runs does not say which keys are in use

	state   sync.Mutex // guards what follows
	refused failure    // of the configuration file, since the last reload that was carried out
	secrets failure    // of what the configuration refers to
}

// RestartError is why a configuration is refused that needs a restart.
type RestartError struct{ Keys []string }

func (e *RestartError) Error() string {
	return fmt.Sprintf("a change of %s needs a restart: undo it in the file, or restart the gateway", strings.Join(e.Keys, ", "))
}

// begin opens everything for the configuration with which the service starts.
func (s *Service) begin(ctx context.Context, c *config.Config, publish func(*gateway.Plan)) error {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	secrets := secretFiles(c)
	secrets.Look()
	o, err := s.open(ctx, c, false)
	if err != nil {
		return err
	}
	secrets.Take()
	s.rememberAccepted(signers(o.credentials))
	s.reloads.files = watchedFiles{configurationFiles(c), secrets}
	if err := s.adopt(c, o, publish, func() error { s.recordLoaded(o.plan.ID); return nil }); err != nil {
		o.close()
		return err
	}
	return nil
}

// recordLoaded writes down by which plan the gateway starts. That there is no record is no reason not to start: calls wait for the log too.
func (s *Service) recordLoaded(plan string) {
	if err := s.log.Queue(s.event(logfile.EventConfigLoaded, Trigger{}, Reloaded{Plan: plan}, "")); err != nil {
		s.logger.Warn("there is no record of the configuration that was loaded", zap.Error(err))
	}
}

// Reload reads the configuration again and puts it in force, whole or not at all. With dryRun it only says what that would change. But for a
// watch, certificates and the keys of credentials are read again too, whatever the configuration file says. One reload runs at a time.
func (s *Service) Reload(ctx context.Context, by Trigger, dryRun bool) (r Reloaded, err error) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	switch _, running := s.starting.readiness(); {
	case !running:
		return Reloaded{}, errStarting
	case s.isDraining():
		return Reloaded{}, errStopping
	}
	if !dryRun {
		ended := s.notifyReload()
		defer func() { ended(err) }()
	}
	if !dryRun && by.By != ByWatch {
		s.certificates.reload()
		s.rereadKeys()
	}
	files := configurationFiles(s.config.Load())
	files.Look()
	c, err := s.load()
	if !dryRun {
		files.Take()
		s.reloads.files.configuration = files
	}
	if err == nil {
		return s.carryOut(ctx, by, dryRun, c)
	}
	if dryRun {
		return Reloaded{PlanBefore: s.planID()}, err
	}
	return s.refuse(by, Reloaded{PlanBefore: s.planID()}, err)
}

// isRunning reports whether a configuration is the one that runs.
func (s *Service) isRunning(c *config.Config) bool { return reflect.DeepEqual(s.config.Load(), c) }

// load reads the configuration as it is now.
func (s *Service) load() (*config.Config, error) {
	if s.process.Load == nil {
		return s.config.Load(), nil
	}
	return s.process.Load(config.Options{Secrets: true, LookupEnv: s.process.LookupEnv, Allowed: s.confined.allows()})
}

// carryOut puts a configuration in force, or says what that would change.
func (s *Service) carryOut(ctx context.Context, by Trigger, dryRun bool, c *config.Config) (Reloaded, error) {
	running := s.config.Load()
	r := Reloaded{
		Changed: !s.isRunning(c), PlanBefore: s.planID(), Changes: snapshot.Compare(running, c), Restart: config.Restarts(running, c),
		Reset: ratelimit.Reset(running.Limits, c.Limits),
	}
	secrets := secretFiles(c)
	secrets.Look()
	o, err := s.openReloaded(ctx, c, dryRun, r.Restart)
	if err == nil {
		r.Plan = o.plan.ID
	}
	if dryRun {
		if err == nil {
			o.close()
		}
		return r, err
	}
	if err == nil {
		if err = s.adopt(c, o, s.publisher(c), func() error { return s.record(running, c, o.plan, by, r) }); err != nil {
			o.close()
		}
	}
	if err != nil {
		return s.refuse(by, r, err)
	}
	secrets.Take()
	s.reloads.files.secrets = secrets
	s.reloaded(c, by, r)
	return r, nil
}

// openReloaded opens what a configuration needs, unless it needs a restart.
func (s *Service) openReloaded(ctx context.Context, c *config.Config, dryRun bool, restart []string) (*opened, error) {
	if len(restart) > 0 {
		return nil, &RestartError{restart}
	}
	o, err := s.open(ctx, c, dryRun)
	if err != nil {
		return o, err
	}
	if err := s.checkCaps(c, o.plan); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// record writes down that a configuration is put in force. Without a record none is.
func (s *Service) record(running, c *config.Config, plan *gateway.Plan, by Trigger, r Reloaded) error {
	err := s.sources.Follow(c.Limits.Unauthenticated)
	if err == nil {
		err = s.recordTurned(plan)
	}
	if err == nil {
		err = s.log.Queue(s.event(logfile.EventConfigReloaded, by, r, r.summary()))
	}
	if err != nil {
		_ = s.sources.Follow(running.Limits.Unauthenticated) // which were good
		return fmt.Errorf("the audit log takes no record of it: %w", err)
	}
	return nil
}

// reloaded makes everything else follow a configuration that was put in force.
func (s *Service) reloaded(c *config.Config, by Trigger, r Reloaded) {
	s.private.follow(c.PrivateFiles)
	s.setLevel(c.Log)
	s.followPeople(c)
	if s.fleet != nil {
		s.fleet.follow(c)
	}
	if files := configurationFiles(c); !slices.Equal(files.Paths(), s.reloads.files.configuration.Paths()) {
		s.reloads.files.configuration = files
	}
	s.reloads.noteFile(nil)
	s.reloads.noteSecrets(nil)
	s.reloads.metrics.Reloaded(time.Now(), r.Plan)
	s.logger.Info("the configuration was reloaded", zap.String("trigger", by.String()), zap.Bool("changed", r.Changed), zap.String("plan", r.Plan),
		zap.String("plan_before", r.PlanBefore), zap.String("summary", r.summary()))
}

// refuse leaves everything as it is, and says why.
func (s *Service) refuse(by Trigger, r Reloaded, err error) (Reloaded, error) {
	if errors.Is(err, errStopping) {
		return r, err
	}
	why := brief(err)
	s.reloads.noteFile(err)
	s.reloads.metrics.Refused(time.Now())
	s.logger.Error("the configuration was not reloaded; what runs stays as it is",
		zap.String("trigger", by.String()), zap.String("plan", r.PlanBefore), zap.String("why", why))
	if queued := s.log.Queue(s.event(logfile.EventConfigRefused, by, Reloaded{PlanBefore: r.PlanBefore}, why)); queued != nil {
		s.logger.Warn("there is no record of the configuration that was refused", zap.Error(queued))
	}
	return r, err
}

// event is the record of a reload.
func (s *Service) event(code logfile.EventCode, by Trigger, r Reloaded, detail string) *logfile.Record {
	data := map[string]string{}
	for name, value := range map[string]string{
		"plan": short(r.Plan), "plan_before": short(r.PlanBefore), "trigger": by.By, "changes": count(len(r.Changes)), "limits_reset": strings.Join(r.Reset, " "),
	} {
		if value != "" {
			data[name] = value
		}
	}
	return &logfile.Record{Kind: logfile.KindEvent, Event: code, Identity: by.Identity, Detail: detail, Data: data}
}

// short returns as much of a plan's id as records have.
func short(plan string) string { return plan[:min(len(plan), snapshot.IDLength)] }

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (t Trigger) String() string {
	if t.Identity == "" {
		return t.By
	}
	return t.By + " of " + t.Identity
}

const (
	maxSummary = 600 // bytes of the summary of a reload
	maxWhy     = 400 // bytes of why one was refused
)

// summary describes what has changed.
func (r *Reloaded) summary() string {
	if !r.Changed {
		return "the configuration file is unchanged; what it refers to was read again"
	}
	if len(r.Changes) == 0 {
		return "nothing that a plan says; secrets may be read from elsewhere"
	}
	var b strings.Builder
	for i, c := range r.Changes {
		line := text.Truncate(c.Where+": "+c.Text, maxSummary, "…")
		if i > 0 && b.Len()+len(line) > maxSummary {
			fmt.Fprintf(&b, "; and %d more", len(r.Changes)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// brief returns in one line why a configuration was refused: the first of its problems. It has no excerpt of the file.
func brief(err error) string {
	problems, ok := errors.AsType[*strictyaml.Errors](err)
	if !ok || len(problems.Problems) == 0 {
		return text.Truncate(strings.Join(strings.Fields(err.Error()), " "), maxWhy, "…")
	}
	first := problems.Problems[0]
	line := first.File
	if first.Line > 0 {
		line = fmt.Sprintf("%s line %d", line, first.Line)
	}
	line += ": " + strings.Join(strings.Fields(first.Message), " ")
	if more := len(problems.Problems) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more)", more)
	}
	return text.Truncate(line, maxWhy, "…")
}

// noteFile keeps why the configuration file was refused; nil: it was not.
func (r *reloads) noteFile(err error) {
	r.state.Lock()
	defer r.state.Unlock()
	r.refused = failure{time.Now(), err}
}

// noteSecrets keeps why keys were not taken; nil: they were.
func (r *reloads) noteSecrets(err error) {
	r.state.Lock()
	defer r.state.Unlock()
	r.secrets = failure{time.Now(), err}
}

func (r *reloads) fileFailure() failure {
	r.state.Lock()
	defer r.state.Unlock()
	return r.refused
}

func (r *reloads) secretsFailure() failure {
	r.state.Lock()
	defer r.state.Unlock()
	return r.secrets
}

// warnings say that what is on disk is not what runs.
func (r *reloads) warnings() (warnings []string) {
	if f := r.fileFailure(); f.err != nil {
		warnings = append(warnings, fmt.Sprintf("the file on disk differs from what runs, since %s: %s", stamp(f.since), brief(f.err)))
	}
	if f := r.secretsFailure(); f.err != nil {
		warnings = append(warnings, fmt.Sprintf("secrets that callers sign with stay as they were since %s: %s", stamp(f.since), brief(f.err)))
	}
	return warnings
}

// planID returns the id of the plan that runs.
func (s *Service) planID() string { return s.gateway.Plan().ID }

// setLevel makes the log write what a configuration says.
func (s *Service) setLevel(l config.Log) {
	if level, err := zapcore.ParseLevel(l.Level); err == nil && s.process.Level != nil {
		s.process.Level.SetLevel(level)
	}
}
