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
	Once      bool // end after the tour
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
	if o.Once { // the tour provokes a lost connection; its warning would look like a fault
		c.Log.Level = "error"
	}
	logger, _, err := service.NewLogger(c.Log, o.Logs)
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
	showLines(setup, o.Out)
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
	fmt.Fprintf(out, "Tollgate %s: a simulated billing API on https://%s, the gateway in front of it.\n\nThe tour:\n", o.Version, setup.values.Upstream)
	problems, err := newRunner(setup, out).run(ctx, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWhat the audit log says (%s):\n", setup.file("audit"))
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

// showLines prints what a visitor can paste into another terminal.
func showLines(d *world, out io.Writer) {
	v := d.values
	fmt.Fprintf(out, `
The gateway stays up until Ctrl-C. Paste into another terminal:

  # as the caller "report", over the loopback port; no keys needed
  curl -s http://%[1]s/v2/systems/configs/provinces
  curl -s -X POST http://%[1]s/v2/partners/sub-customers/query --json '{"limit":10}'
  curl -s -X POST http://%[1]s/v3/orders/customer-orders/pay --json '{"order_id":"CS-2001"}'   # refused: no grant

  # the audit log: verified, listed, summed up
  tollgate audit verify --dir %[3]s
  tollgate audit list --effect spend --dir %[3]s
  tollgate audit report --by operation --dir %[3]s

  # metrics, readiness, the log's own lines, the configuration
  curl -s http://%[2]s/readyz
  curl -s http://%[2]s/metrics | grep tollgate_
  less %[3]s/*.jsonl
  cat %[4]s

The provider's Go SDK, unmodified, as the caller "shop" (endpoint and keys are all that changes; the CA is the demo's):

  auth, _ := global.NewCredentialsBuilder().WithAk("%[5]s").WithSk("%[6]s").WithDomainId("c-17").SafeBuild()
  pool := x509.NewCertPool(); pem, _ := os.ReadFile("%[7]s"); pool.AppendCertsFromPEM(pem)
  hc, _ := bss.BssClientBuilder().WithEndpoints([]string{"https://%[8]s"}).WithCredential(auth).
      WithHttpConfig(config.DefaultHttpConfig().WithHttpTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})).SafeBuild()
  answer, err := bss.NewBssClient(hc).ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
`, v.Plain, v.Admin, d.file("audit"), d.file("tollgate.yaml"), shopKey, shopSecret, d.file("ca.pem"), v.HTTPS)
}
