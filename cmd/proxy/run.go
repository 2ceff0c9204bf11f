package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tollgate/config"
)

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "configuration `file` (required)")
}

// loadConfig reads a configuration file. Its problems are printed as they are: each has its place and excerpt.
func loadConfig(file string, secrets bool) (*config.Config, error) {
	if file == "" {
		return nil, usageError("a configuration file is needed: --config FILE")
	}
	return config.Load(file, config.Options{Secrets: secrets})
}

func runCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "run --config FILE", Short: "Run the gateway until it is told to stop (SIGTERM, interrupt)",
		Long: "Run the gateway until SIGTERM or an interrupt: calls under way may end; a second signal stops at once. SIGHUP has it read\n" +
			"certificates, client authorities and revocation lists again, which it does by itself when they change, and ask ACME\n" +
			"authorities at once for certificates that could not be had.",
		Example: "  tollgate run --config deploy/sidecar.yaml", Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file, true)
			if err != nil {
				return err
			}
			lines := newLineWriter(cmd.ErrOrStderr())
			defer lines.close(time.Second)
			logger, err := newLogger(c.Log, lines)
			if err != nil {
				return err
			}
			ctx, hangUps, stop := serving(cmd.Context())
			defer stop()
			return runService(ctx, c, logger, hangUps)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// serving gives a context that the first SIGTERM or interrupt ends. The next one ends the process at once. SIGHUP comes out
// of hangUps, where nobody need look: a closed terminal must not cut payments off. Nor must the death of whoever reads the
// log (SIGPIPE).
func serving(ctx context.Context) (_ context.Context, hangUps <-chan os.Signal, done context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	hung := make(chan os.Signal, 1)
	signal.Notify(hung, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal does what it does by default
	return ctx, hung, func() {
		signal.Stop(hung)
		stop()
	}
}

func runService(ctx context.Context, c *config.Config, logger *zap.Logger, hangUps <-chan os.Signal) error {
	defer standardLog(logger)()
	defer ballast()()
	s, err := startService(ctx, c, logger)
	if err != nil {
		return err
	}
	logger.Info("tollgate is up", zap.String("version", programVersion()), zap.String("tls13", c.TLS.String()))
	failure := s.untilStopped(ctx, hangUps)
	if err := s.drain(); err != nil {
		return err
	}
	logger.Info("stopped")
	return failure
}

// untilStopped returns when the gateway is to stop, with an error if that is because a listener failed.
func (s *service) untilStopped(ctx context.Context, hangUps <-chan os.Signal) error {
	for {
		select {
		case <-hangUps:
			s.keeping.reload()
		case <-ctx.Done():
			s.logger.Info("stopping: no new calls; calls under way may end; a second signal stops at once", zap.Stringer("within", s.config.Bounds.Drain))
			return nil
		case err := <-s.failed:
			return fmt.Errorf("a listener failed: %w", err)
		}
	}
}
