package auditcmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

type tailFlags struct {
	dir             string
	calls           cli.CallFlags
	times           cli.TimeFlags
	follow, records bool
	format          cli.FormatFlags
}

func tailCommand() *cobra.Command {
	var f tailFlags
	cmd := &cobra.Command{
		Use: "tail --dir DIR", Short: "Show the last calls, and with -f each further one as it ends",
		Example: "  tollgate audit tail --dir /var/lib/tollgate/audit -f\n" +
			"  tollgate audit tail --dir D -n 100 --last 24h --outcome unknown\n  tollgate audit tail --dir D -f --records --json   # every record, as it is written",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			ticker := time.NewTicker(tailEvery)
			defer ticker.Stop()
			return f.tail(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), ticker.C)
		},
	}
	cli.DirFlag(cmd, &f.dir)
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on until interrupted")
	cli.LimitFlag(cmd, &f.calls.Filter.Last, 10)
	cmd.Flags().BoolVar(&f.records, "records", false, "records instead of calls")
	f.times.Register(cmd)
	f.calls.Register(cmd)
	f.format.Register(cmd)
	return cmd
}

// tailEvery is how often tail -f looks for further records.
const tailEvery = 500 * time.Millisecond

func (f *tailFlags) parse(cmd *cobra.Command, now time.Time) (err error) {
	if err := cmp.Or(f.times.Parse(now), f.calls.Parse(), f.format.Parse(cmd), cli.CheckLimit(f.calls.Filter.Last)); err != nil {
		return err
	}
	if plain := (calls.Filter{Last: f.calls.Filter.Last}); f.records && f.calls.Filter != plain {
		return cli.UsageError("--records takes no filter of calls; audit records has filters of its own")
	}
	if err := cli.CheckDir(f.dir); err != nil {
		return err
	}
	f.calls.Between(f.times.Since, f.times.Until)
	f.calls.Filter.Call, err = (&place{dir: f.dir}).fullID(f.calls.Filter.Call)
	return err
}

// tail prints what is there, and at each tick what has come since. It reads the log once, with one reader, so that nothing
// is missed or shown twice in between.
func (f *tailFlags) tail(ctx context.Context, w, notes io.Writer, ticks <-chan time.Time) error {
	view := f.calling(w)
	if f.records {
		view = f.recording(w)
	}
	from := &reading{from: cli.LogSource(f.dir, 0), notes: notes}
	log := logfile.NewFollower(f.dir, 1)
	defer log.Close() // opened for reading: nothing can be lost
	read := func() error {
		return log.Read(func(r *logfile.Record, line []byte, _ logfile.Position) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			from.saw(r.Seq)
			return view.add(r, line)
		})
	}
	if err := from.say(errors.Join(read(), view.end(f.follow))); err != nil || !f.follow {
		return quiet(ctx, err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			if err := errors.Join(read(), view.flush()); err != nil {
				return quiet(ctx, err)
			}
		}
	}
}

// quiet makes no failure of an interrupt.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// tailView takes records, holds the last, and prints.
type tailView struct {
	add   func(*logfile.Record, []byte) error
	end   func(follow bool) error // after the records that were there
	flush func() error
}

func (f *tailFlags) recording(w io.Writer) tailView {
	p := newRecordPrinter(w, f.format, f.times.Zone)
	last := &calls.Last[record]{N: f.calls.Filter.Last, Yield: p.print}
	within := logfile.Filter{Since: f.times.Since, Until: f.times.Until}
	return tailView{
		add: func(r *logfile.Record, line []byte) error {
			if !within.Match(r) {
				return nil
			}
			return last.Add(record{r, bytes.Clone(line)})
		},
		end:   func(bool) error { return errors.Join(last.Flush(), p.flush()) },
		flush: p.flush,
	}
}

// calling shows calls as they end, so that open ones are shown only when nothing follows.
func (f *tailFlags) calling(w io.Writer) tailView {
	p := newCallPrinter(w, f.format, f.times.Zone, func() string { return cli.FromLog })
	last := &calls.Last[*calls.Call]{N: f.calls.Filter.Last, Yield: p.print}
	j := calls.NewJoiner(calls.SettlementsIn(f.dir), f.calls.Filter.Passing(last.Add))
	return tailView{
		add: func(r *logfile.Record, _ []byte) error { return j.Add(r) },
		end: func(follow bool) error {
			if !follow {
				if err := j.End(); err != nil {
					return err
				}
			}
			return errors.Join(last.Flush(), p.flush())
		},
		flush: p.flush,
	}
}
