package main

import (
	"context"
	"fmt"

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
			logger, err := newLogger(c.Log, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer func() { _ = logger.Sync() }()
			return runService(cmd.Context(), c, logger)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func runService(ctx context.Context, c *config.Config, logger *zap.Logger) error {
	defer standardLog(logger)()
	s, err := startService(ctx, c, logger)
	if err != nil {
		return err
	}
	logger.Info("tollgate is up", zap.String("version", programVersion()), zap.String("tls13", c.TLS.String()))
	var failure error
	select {
	case <-ctx.Done():
		logger.Info("stopping: no new calls; calls under way may end", zap.Duration("within", c.Bounds.Drain))
	case failure = <-s.failed:
		failure = fmt.Errorf("a listener failed: %w", failure)
	}
	if err := s.drain(); err != nil {
		return err
	}
	logger.Info("stopped")
	return failure
}
