package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
)

type simulateFlags struct {
	listen, control, site, cert, key string
	unthrottled                      bool
}

func simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use: "simulate --listen ADDR", Short: "Run the BSS simulator alone, to develop against",
		Long: "Run an honest stand-in for the billing API: it verifies signatures, knows partner and customer credentials, and holds toy\n" +
			"accounts, orders and coupons that move. Its keys are made up and printed at the start. It serves plain HTTP unless --cert\n" +
			"and --key are given, and belongs on loopback.\n\n" +
			"Faults: slow, drop, drop-before-read, close-after-read, truncate, 5xx, bad-gateway, partial, signature; with \"times\" (default 1,\n" +
			"-1: until reset) and \"delay\" (\"2s\").",
		Example: "  tollgate simulate --listen 127.0.0.1:8600 --control 127.0.0.1:8601\n" +
			"  curl -X POST http://127.0.0.1:8601/faults -d '{\"operation\":\"PayOrders\",\"kind\":\"drop\"}'",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, _, stop := serving(cmd.Context())
			defer stop()
			return simulate(ctx, cmd.OutOrStdout(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "`address` to serve the API on (required)")
	flags.StringVar(&f.control, "control", "", "`address` of the control pages: /state, /calls, /faults, /reset; loopback only (default: none)")
	flags.StringVar(&f.site, "site", "cn", "the site: "+strings.Join(catalog.Sites(), " or "))
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with the certificate, to serve HTTPS")
	flags.StringVar(&f.key, "key", "", "PEM `file` with the certificate's key")
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

func simulate(ctx context.Context, out io.Writer, f *simulateFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	simulator := bsssim.New(bsssim.Config{Site: f.site, Unthrottled: f.unthrottled})
	listener, err := f.open(ctx)
	if err != nil {
		return err
	}
	servers := []*http.Server{bsssim.Serve(listener, simulator)}
	fmt.Fprintf(out, "BSS simulator (%s) on %s\n", f.site, listener.Addr())
	if f.control != "" {
		control, err := accept.Listen(ctx, "tcp", f.control)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		if !source.OfPeer(control.Addr()).IsLocal() {
			return errors.Join(cli.UsageError("--control must be a loopback address: it asks nobody who they are"), control.Close(), listener.Close())
		}
		servers = append(servers, bsssim.Serve(control, simulator.Control()))
		fmt.Fprintf(out, "control pages on http://%s/state\n", control.Addr())
	}
	for _, account := range bsssim.DefaultAccounts() {
		fmt.Fprintf(out, "%-9s AK %s  SK %s  domain id %s\n", account.Class, account.AccessKey, account.SecretKey, account.DomainID)
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ctx))
	}
	return err
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
