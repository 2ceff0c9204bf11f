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
			ctx, stop := serving(cmd.Context(), logger)
			defer stop()
			return runService(ctx, c, logger)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// serving gives a context that the first SIGTERM or interrupt ends. The next one ends the process at once. SIGHUP is
// ignored, since there is no reload yet, and a closed terminal must not cut payments off. Nor must the death of whoever
// reads the log (SIGPIPE).
func serving(ctx context.Context, logger *zap.Logger) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	go func() {
		for {
			select {
			case <-hangUps:
				logger.Warn("SIGHUP is ignored: there is no reload; restart to read the configuration anew")
			case <-ctx.Done():
				stop() // from now on a signal does what it does by default
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(hangUps)
		stop()
	}
}

func runService(ctx context.Context, c *config.Config, logger *zap.Logger) error {
	defer standardLog(logger)()
	defer ballast()()
	s, err := startService(ctx, c, logger)
	if err != nil {
		return err
	}
	logger.Info("tollgate is up", zap.String("version", programVersion()), zap.String("tls13", c.TLS.String()))
	var failure error
	select {
	case <-ctx.Done():
		logger.Info("stopping: no new calls; calls under way may end; a second signal stops at once", zap.Stringer("within", c.Bounds.Drain))
	case failure = <-s.failed:
		failure = fmt.Errorf("a listener failed: %w", failure)
	}
	if err := s.drain(); err != nil {
		return err
	}
	logger.Info("stopped")
	return failure
}
