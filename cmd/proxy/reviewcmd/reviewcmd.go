// Package reviewcmd is the command that serves the review pages of logs on this machine, for the person who runs it.
package reviewcmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/internal/cli"
	"tollgate/internal/moment"
)

type reviewFlags struct {
	dirs, bundles []string
	index, zone   string
	port          uint16
}

// Command returns the command.
func Command() *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use: "review (--dir DIR | --bundle BUNDLE) ...", Short: "Serve pages on this machine, by which people review audit logs",
		Long: "Serve the review pages of logs, of bundles, or of both on this machine: open the printed address in a browser. It is good once, for\n" +
			"10 minutes; press Enter for another one. No gateway is needed, and one that runs is not disturbed: nothing is written into a log\n" +
			"or a bundle.\n\n" +
			"Pages find calls by an index, which is made first, in a private temporary folder that goes when the command ends. --index FILE\n" +
			"keeps it, and goes on with it the next time. --index auto takes the one that a gateway keeps beside its log: that is quicker, and a process that\n" +
			"may write it can hide calls from these pages.",
		Example: "  tollgate review --dir /var/lib/tollgate/audit --zone Asia/Shanghai\n" +
			"  tollgate review --bundle october.zip --bundle november.zip\n" +
			"  tollgate review --dir D --index ~/review.sqlite --port 8400        # for ssh -L 8400:127.0.0.1:8400",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), endings...)
			defer stop()
			return f.run(ctx, cmd)
		},
	}
	cli.DirsFlag(cmd, &f.dirs, "bundle")
	flags := cmd.Flags()
	flags.StringArrayVar(&f.bundles, "bundle", nil, "`archive` made by audit export, or the folder that it was unpacked into; may be repeated")
	flags.StringVar(&f.index, "index", "", "of one log: a `file` for its index, which stays; or auto (the gateway's own)")
	flags.Uint16Var(&f.port, "port", 0, "`port` on 127.0.0.1 (default: any that is free)")
	cli.ZoneFlag(cmd, &f.zone, "days and times, until a reader chooses another")
	return cmd
}

// endings are the signals that end the command, and its temporary folder with it: the last one comes when its terminal is closed.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

func (f *reviewFlags) check() error {
	n := len(f.dirs) + len(f.bundles)
	switch {
	case n == 0:
		return cli.UsageError("a log is needed: --bundle BUNDLE, %s", cli.DirWays)
	case n > calls.MaxLogs:
		return cli.UsageError("%d logs are named, and at most %d can be reviewed together", n, calls.MaxLogs)
	case f.index != "" && n > 1:
		return cli.UsageError("--index is for one log, and %d are named", n)
	case f.index == autoIndex && len(f.bundles) > 0:
		return cli.UsageError("--index auto is for a log's directory; a bundle has no index")
	}
	for _, dir := range f.dirs {
		if err := cli.CheckDir(dir); err != nil {
			return err
		}
	}
	if f.index == "" || f.index == autoIndex {
		return nil
	}
	return checkIndex(f.index)
}

func (f *reviewFlags) run(ctx context.Context, cmd *cobra.Command) (err error) {
	zone, err := moment.Zone(f.zone)
	if err != nil {
		return cli.FlagError("zone", err)
	}
	if err := f.check(); err != nil {
		return err
	}
	private, err := privateFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	desk := &desk{flags: f, zone: zone, private: private, out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), input: cmd.InOrStdin(), now: time.Now}
	defer func() { err = errors.Join(err, desk.close()) }()
	if err := desk.open(ctx); err != nil {
		return err
	}
	return desk.serve(ctx, "127.0.0.1:"+strconv.Itoa(int(f.port)))
}
