package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/accept"
	"tollgate/catalog"
	"tollgate/internal/bsssim"
	"tollgate/internal/certs"
	"tollgate/internal/cli"
	"tollgate/internal/nearest"
	"tollgate/internal/source"
	"tollgate/internal/starter"
	"tollgate/internal/text"
)

type simulateFlags struct {
	listen, control, site, cert, key string
	seed, configDir                  string
	unthrottled, printSeed           bool
}

func simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use: "simulate --listen ADDR", Short: "Run the BSS simulator alone, to develop against",
		Long: "Run an honest stand-in for the billing API: it verifies signatures, knows partner and customer credentials, and holds toy\n" +
			"accounts, orders and coupons that move. Its keys are made up and printed at the start. It serves plain HTTP unless --cert\n" +
			"and --key are given, and belongs on loopback.\n\n" +
			"What it holds at the start: partner p-1 (10000.00) with customers c-17 (500.00, orders CS-1001 to CS-1003) and c-18, distributor\n" +
			"p-9 with resellers, and enterprise master c-30 with members. --print-seed prints all of it, as a file that can be changed\n" +
			"and used with --seed. When the last order that a customer can pay was paid or cancelled there is another one.\n" +
			"Messages are Chinese, or English with the header X-Language: en_US, as the provider's are.\n\n" +
			"--write-config DIR writes a sidecar configuration for a gateway in front of it, with secrets that fit.\n\n" +
			"Faults: slow, drop, drop-before-read, close-after-read, truncate, 5xx, bad-gateway, partial, signature; with \"times\" (default 1,\n" +
			"-1: until reset) and \"delay\" (\"2s\").",
		Example: "  tollgate simulate --listen 127.0.0.1:8600 --write-config first\n" +
			"  tollgate simulate --print-seed > seed.yaml\n" +
			"  tollgate simulate --listen 127.0.0.1:8600 --control 127.0.0.1:8601 --seed seed.yaml\n" +
			"  curl -X POST http://127.0.0.1:8601/faults -d '{\"operation\":\"PayOrders\",\"kind\":\"drop\"}'",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.printSeed {
				_, err := cmd.OutOrStdout().Write(bsssim.SeedYAML)
				return err
			}
			ctx, _, stop := serving(cmd.Context())
			defer stop()
			return simulate(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "`address` to serve the API on (required)")
	flags.StringVar(&f.control, "control", "", "`address` of the control pages: /state, /calls, /faults, /reset; loopback only (default: none)")
	flags.StringVar(&f.site, "site", "cn", "the site: "+strings.Join(catalog.Sites(), " or "))
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with the certificate, to serve HTTPS")
	flags.StringVar(&f.key, "key", "", "PEM `file` with the certificate's key")
	flags.StringVar(&f.seed, "seed", "", "YAML or JSON `file` with what it holds at the start")
	flags.BoolVar(&f.printSeed, "print-seed", false, "print what is built in, in the form of --seed, and exit")
	flags.StringVar(&f.configDir, "write-config", "", "`directory` to write a sidecar configuration and its secrets to; nothing in it is overwritten")
	flags.BoolVar(&f.unthrottled, "unthrottled", false, "do not enforce the published quotas")
	return cmd
}

func (f *simulateFlags) check() error {
	switch {
	case f.listen == "":
		return cli.UsageError("--listen is needed, for example --listen 127.0.0.1:8600")
	case !slices.Contains(catalog.Sites(), f.site):
		return cli.UsageError("unknown site %q; choose from %s%s", f.site, strings.Join(catalog.Sites(), ", "), hint(nearest.Words(f.site, catalog.Sites())))
	case (f.cert == "") != (f.key == ""):
		return cli.UsageError("--cert and --key go together")
	}
	return nil
}

func hint(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(words, " or ") + "?"
}

func simulate(ctx context.Context, out, warnings io.Writer, f *simulateFlags) error {
	simulator, err := f.simulator()
	if err != nil {
		return err
	}
	servers, err := f.serve(ctx, out, warnings, simulator)
	if err != nil {
		return err
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ctx))
	}
	return err
}

// serve starts to listen, writes the configuration and says how the simulator is reached. Where one of these fails nothing is served, and
// the configuration is the last that can fail, so that none is left behind.
func (f *simulateFlags) serve(ctx context.Context, out, warnings io.Writer, simulator *bsssim.Server) ([]*http.Server, error) {
	listener, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	control, err := f.openControl(ctx)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	written, err := f.writeConfig(simulator, listener.Addr())
	if err != nil {
		if control != nil {
			err = errors.Join(err, control.Close())
		}
		return nil, errors.Join(err, listener.Close())
	}
	servers := []*http.Server{bsssim.Serve(listener, simulator)}
	fmt.Fprintf(out, "BSS simulator (%s) on %s\n", f.site, listener.Addr())
	if control != nil {
		servers = append(servers, bsssim.Serve(control, simulator.Control()))
		fmt.Fprintf(out, "control pages on http://%s/state\n", control.Addr())
	}
	warnBeyondLoopback(warnings, listener.Addr())
	showAccounts(out, simulator)
	showNext(out, written)
	return servers, nil
}

func showAccounts(out io.Writer, simulator *bsssim.Server) {
	for _, account := range simulator.Accounts() {
		fmt.Fprintf(out, "%-9s AK %s  SK %s  domain id %s\n", account.Class, account.AccessKey, account.SecretKey, account.DomainID)
	}
}

func (f *simulateFlags) simulator() (*bsssim.Server, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	config := bsssim.Config{Site: f.site, Unthrottled: f.unthrottled}
	if f.seed != "" {
		seed, err := loadSeed(f.seed)
		if err != nil {
			return nil, err
		}
		config.Seed = seed
	}
	return bsssim.New(config), nil
}

func loadSeed(name string) (*bsssim.Seed, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, bsssim.MaxSeed+1))
	if err != nil {
		return nil, err
	}
	return bsssim.ParseSeed(name, content)
}

func (f *simulateFlags) open(ctx context.Context) (net.Listener, error) {
	listener, err := accept.Listen(ctx, "tcp", f.listen)
	if err != nil || f.cert == "" {
		return listener, err
	}
	files, err := certs.Load(f.cert, f.key)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return tls.NewListener(listener, &tls.Config{GetCertificate: files.GetCertificate, MinVersion: tls.VersionTLS12}), nil
}

// openControl returns nil if no control pages are asked for.
func (f *simulateFlags) openControl(ctx context.Context) (net.Listener, error) {
	if f.control == "" {
		return nil, nil
	}
	control, err := accept.Listen(ctx, "tcp", f.control)
	if err != nil {
		return nil, err
	}
	if !source.OfPeer(control.Addr()).IsLocal() {
		return nil, errors.Join(cli.UsageError("--control must be a loopback address: the pages ask for no credentials"), control.Close())
	}
	return control, nil
}

// warnBeyondLoopback says that others than this machine reach the simulator, whose keys everybody knows.
func warnBeyondLoopback(warnings io.Writer, address net.Addr) {
	if !source.OfPeer(address).IsLocal() {
		fmt.Fprintf(warnings, "warning: %s is reachable from other machines, and the simulator's keys are public: anyone there can call it\n", address)
	}
}

// writeConfig writes a configuration for a gateway in front of the simulator, if one is asked for. It returns nil if not.
func (f *simulateFlags) writeConfig(simulator *bsssim.Server, address net.Addr) (*starter.Written, error) {
	if f.configDir == "" {
		return nil, nil
	}
	s := starter.Settings{Dir: f.configDir, Site: f.site, Accounts: simulator.Accounts()}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
	} else if !ip.IsLoopback() && f.cert == "" {
		return nil, cli.UsageError("--write-config: a gateway sends plain HTTP to loopback only: listen on loopback, or serve HTTPS with --cert and --key")
	}
	s.Upstream = "http://" + net.JoinHostPort(host, port)
	if f.cert != "" {
		if s.Certificate, err = os.ReadFile(f.cert); err != nil {
			return nil, err
		}
		s.Upstream = "https://" + net.JoinHostPort(host, port)
	}
	return starter.Write(s)
}

// showNext prints the commands by which a written configuration is tried.
func showNext(out io.Writer, written *starter.Written) {
	if written == nil {
		return
	}
	program, file := invocation(), text.ShellWord(written.Config)
	fmt.Fprintf(out, `
A sidecar in front of it is configured in %[2]s. In other terminals, from this folder:

  %[1]s check --config %[2]s
  %[1]s run --config %[2]s
  curl 'http://%[3]s/v2/orders/customer-orders?status=6'

`, program, file, written.Listener)
}
