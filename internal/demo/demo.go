// Package demo shows the gateway at work: it drives a tour of calls through a gateway in front of the simulated billing API.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tollgate/audit"
	"tollgate/audit/verify"
	"tollgate/config"
	"tollgate/service"
)

// Options are what a demo needs from the program that it is part of.
type Options struct {
	Version   string
	Command   string // by which the program is called, for lines to paste
	Once      bool   // end after the tour
	Out, Logs io.Writer
	// List prints the calls of the audit log in dir.
	List func(ctx context.Context, w io.Writer, dir string) error
}

// Run starts the simulator and a gateway, and makes the calls of the tour. It returns an error if one did not do what the tour
// says. Unless Once is set, the gateway then runs until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	setup, err := newWorld()
	if err != nil {
		return err
	}
	defer setup.close()
	text, err := setup.text()
	if err != nil {
		return err
	}
	c, err := config.Parse(setup.file("tollgate.yaml"), text, setup.dir, config.Options{Secrets: true, LookupEnv: setup.secrets})
	if err != nil {
		return err
	}
	afterwards := c.Log.Level
	c.Log.Level = "error" // the tour provokes a lost connection, whose warning would look like a fault
	logger, level, err := service.NewLogger(c.Log, o.Logs)
	if err != nil {
		return err
	}
	defer service.RedirectStandardLog(logger)()
	s, err := service.Start(ctx, c, service.Process{Version: o.Version, Logger: logger, LookupEnv: setup.secrets})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Drain()) }()
	if err := o.showTour(ctx, setup, s.AuditLog()); err != nil || o.Once {
		return err
	}
	if err := level.UnmarshalText([]byte(afterwards)); err != nil {
		return err
	}
	if err := showLines(setup, o.Command, o.Out); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(o.Out, "\nstopping")
		return nil
	case err := <-s.Failure():
		return err
	}
}

func (o *Options) showTour(ctx context.Context, setup *world, log *audit.Log) error {
	out := o.Out
	fmt.Fprintf(out, "Tollgate %s: a simulated billing API on https://%s, the gateway in front of it.\nFiles: %s\n\nThe tour:\n",
		o.Version, setup.values.Upstream, setup.dir)
	problems, err := newRunner(setup, out).run(ctx, log)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nWhat the audit log says:")
	if err := settled(ctx, log); err != nil {
		return err
	}
	if err := o.List(ctx, out, setup.file("audit")); err != nil {
		return err
	}
	if err := showEvidence(ctx, log, setup.file("audit"), out); err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("the tour did not go as planned:\n  %s", strings.Join(problems, "\n  "))
	}
	fmt.Fprintln(out, "\nEvery call did what the tour says.")
	return nil
}

// showEvidence recomputes the log, as a reviewer would.
func showEvidence(ctx context.Context, log *audit.Log, dir string, out io.Writer) error {
	if err := signed(ctx, log); err != nil {
		return err
	}
	report, err := verify.Verify(ctx, os.DirFS(dir), verify.Options{InUse: func() (bool, error) { return audit.InUse(dir) }})
	if err != nil {
		return fmt.Errorf("verifying the audit log: %w", err)
	}
	if !report.Whole() {
		return fmt.Errorf("the audit log is not whole: %s", report.Faults[0].Text)
	}
	_, err = fmt.Fprintf(out, "\nRecomputed from its files (tollgate audit verify), the log is whole: %d records, signed by\n%s.\n"+
		"tollgate audit prove and tollgate audit export take it to others.\n", report.Records, report.Signers[0].Key)
	return err
}
