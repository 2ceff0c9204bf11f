package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/internal/systemd"
	"tollgate/service"
)

func runCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "run [--config FILE]", Short: "Run the gateway until SIGTERM or an interrupt",
		Long: "Run the gateway until SIGTERM or an interrupt: callers are sent elsewhere for a second, then calls under way may end; a second\n" +
			"signal stops at once. SIGHUP has it load the configuration again and put it in force, whole or not at all, without dropping a call;\n" +
			"a file that is bad leaves what runs as it is. Certificates, client authorities, revocation lists and the files of cloud keys are\n" +
			"read again in any case, as they are by themselves when they change, and ACME authorities are asked at once for certificates that\n" +
			"could not be had.",
		Example: "  tollgate run   # with ./tollgate.yaml\n  tollgate run --config deploy/sidecar.yaml", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cli.LoadConfig(file, true)
			if err != nil {
				return err
			}
			lines := service.NewLineWriter(cmd.ErrOrStderr())
			defer lines.Close(time.Second)
			logger, level, err := service.NewLogger(c.Log, lines)
			if err != nil {
				return err
			}
			logger.Info("starting", zap.String("configuration", c.File))
			ctx, hangUps, stop := serving(cmd.Context())
			defer stop()
			return service.Run(ctx, c, service.Process{
				Version: programVersion(), Commit: programCommit(), Logger: logger, Level: &level, Manager: systemd.Find(),
				Load: func(o config.Options) (*config.Config, error) { return config.Load(file, o) },
			}, hangUps)
		},
	}
	cli.ConfigFlag(cmd, &file)
	return cmd
}

// serving returns a context that the first SIGTERM or interrupt ends. The next one ends the process at once. SIGHUP comes out of hangUps,
// which need not be read: a closed terminal must not cut payments off. Nor must the end of a process that reads the log (SIGPIPE).
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
