package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/cli"
	"tollgate/internal/nearest"
	"tollgate/internal/sdkconfig"
	"tollgate/internal/setting"
	"tollgate/service"
	"tollgate/upstream"
)

type sdkConfigFlags struct{ file, caller, language, listener, host, ca string }

func sdkConfigCommand() *cobra.Command {
	var f sdkConfigFlags
	cmd := &cobra.Command{
		Use: "sdk-config --caller NAME --lang LANGUAGE --config FILE", Short: "Print the lines by which an application calls through the gateway",
		Long: "Print the lines by which an application calls through the gateway: for the provider's SDKs (go, python, java, node, php)\n" +
			"and terraform, which sign with a virtual key, and for curl, which cannot: it goes through a listener whose fixed caller it is, or\n" +
			"shows a client certificate. The lines say where the secret is, and never show it. The call in them is one that the caller may make.",
		Example: "  tollgate sdk-config --caller billing-app --lang go --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := f.lines(time.Now())
			if err == nil {
				_, err = io.WriteString(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	cli.ConfigFlag(cmd, &f.file)
	flags := cmd.Flags()
	flags.StringVar(&f.caller, "caller", "", "`name` of the caller (required)")
	flags.StringVar(&f.language, "lang", "", strings.Join(sdkconfig.Languages(), ", ")+" (required)")
	flags.StringVar(&f.listener, "listener", "", "`name` of the listener (default: the first that fits, one with TLS before others)")
	flags.StringVar(&f.host, "host", "", "`name` by which applications reach the gateway (default: the first of the listener's hosts)")
	flags.StringVar(&f.ca, "ca", "", "`file` of the authorities by which applications know the gateway's certificate")
	return cmd
}

func (f *sdkConfigFlags) lines(now time.Time) (string, error) {
	if all := sdkconfig.Languages(); f.language == "" {
		return "", cli.UsageError("--lang is needed: one of %s", strings.Join(all, ", "))
	} else if !slices.Contains(all, f.language) {
		return "", cli.UsageError("--lang %q: choose from %s%s", f.language, strings.Join(all, ", "), hint(nearest.Words(f.language, all)))
	}
	var host setting.Host
	if f.host != "" && host.UnmarshalText([]byte(f.host)) != nil {
		return "", cli.UsageError("--host %q: want a name or an IP address", f.host)
	}
	c, err := cli.LoadConfig(f.file, false)
	if err != nil {
		return "", err
	}
	if err := checkCaller(c, f.caller); err != nil {
		return "", err
	}
	auth := c.Callers[slices.IndexFunc(c.Callers, func(one caller.Config) bool { return one.Name == f.caller })].Auth
	s := sdkconfig.Settings{Caller: f.caller, CA: f.ca}
	l, err := f.chooseListener(c, auth)
	if err == nil && f.language != "curl" {
		err = addKey(&s, c, auth, now)
	}
	if err != nil {
		return "", err
	}
	s.TLS, s.Certificate, s.Socket = l.TLS != nil, l.Caller == "", l.Address.Socket
	if err := f.addCall(&s, c, l); err != nil {
		return "", err
	}
	return sdkconfig.Lines(f.language, s)
}

// chooseListener returns a listener through which the caller can call in the language.
func (f *sdkConfigFlags) chooseListener(c *config.Config, auth []caller.Auth) (*config.Listener, error) {
	certified := slices.ContainsFunc(auth, func(a caller.Auth) bool { return a.Certificate != nil })
	var fitting []*config.Listener
	var names []string
	for _, l := range c.Listeners {
		names = append(names, l.Name)
		fits := l.Caller == f.caller
		if f.language == "curl" {
			fits = fits || certified && l.TLS != nil && l.TLS.ClientCA != ""
		} else {
			fits = (fits || l.Caller == "") && l.Address.Socket == ""
		}
		if fits && (f.listener == "" || f.listener == l.Name) {
			fitting = append(fitting, l)
		}
	}
	switch {
	case f.listener != "" && !slices.Contains(names, f.listener):
		return nil, cli.UsageError("unknown listener %q; %s", f.listener, nearest.Suggest(f.listener, names))
	case len(fitting) > 0:
		slices.SortStableFunc(fitting, func(a, b *config.Listener) int { return cmp.Compare(rank(a), rank(b)) })
		return fitting[0], nil
	case f.language == "curl":
		return nil, errors.New("curl cannot sign calls as the provider's SDKs do: the caller needs a plain listener on this machine (caller: " + f.caller +
			"), or a client certificate (auth: [{certificate: ...}]) and a listener with tls.client_ca")
	}
	return nil, errors.New("the caller can reach no listener over TCP; the SDKs use no unix sockets")
}

// rank orders listeners: applications elsewhere can reach those with TLS only.
func rank(l *config.Listener) int {
	if l.TLS != nil {
		return 0
	}
	return 1
}

// addKey adds the key of the caller that lasts longest.
func addKey(s *sdkconfig.Settings, c *config.Config, auth []caller.Auth, now time.Time) error {
	var best *caller.VirtualKey
	last := func(k *caller.VirtualKey) setting.NotAfter { return cmp.Or(k.NotAfter, math.MaxInt64) }
	for _, a := range auth {
		if k := a.AccessKey; k != nil && !k.NotAfter.Passed(now) && (best == nil || last(k) > last(best)) {
			best = k
		}
	}
	if best == nil {
		return fmt.Errorf("caller %s has no virtual key that has not ended: make one with tollgate key new --caller %s", s.Caller, s.Caller)
	}
	s.AccessKey, s.Until = best.ID, best.NotAfter.String()
	s.SecretIn = "the environment variable " + best.Secret.Env + " of the gateway"
	if best.Secret.File != "" {
		s.SecretFile = setting.Resolve(c.Dir, best.Secret.File)
		s.SecretIn = s.SecretFile
	}
	return nil
}

// examples are operations that need no parameters, by which a new set-up is tried.
var examples = []string{"ShowCustomerAccountBalances", "ListProvinces", "ListMeasureUnits", "ListServiceTypes", "ListResourceTypes"}

// addCall adds where calls go, and one that the caller may make.
func (f *sdkConfigFlags) addCall(s *sdkconfig.Settings, c *config.Config, l *config.Listener) error {
	plan, err := service.Plan(c)
	if err != nil {
		return err
	}
	var with *upstream.Config // a catalog
	for _, name := range l.Upstreams {
		if u := c.Upstream(name); u.Catalog != "" && with == nil {
			with = u
		}
	}
	if with == nil {
		return fmt.Errorf("listener %s serves no operations of the provider", l.Name)
	}
	s.Site, s.DomainID, s.Endpoint = with.Catalog, "unknown", f.endpoint(l, with)
	for _, name := range examples {
		for _, o := range catalog.Operations(with.Catalog) {
			if o.Name == name && !o.Deprecated && f.allows(plan, l.Name, with.Name, o, s) {
				s.Operation, s.Path = o.Name, o.Path
				return nil
			}
		}
	}
	return nil
}

// allows reports whether the caller may make the call, and if so adds the account of the credential.
func (f *sdkConfigFlags) allows(plan *gateway.Plan, listener, upstream string, o *catalog.Operation, s *sdkconfig.Settings) bool {
	ruling, err := plan.Explain(&gateway.Question{
		Caller: f.caller, HasKey: s.AccessKey != "", Listener: listener, Upstream: upstream, Method: o.Method, Target: o.Path, Header: http.Header{},
	})
	if err != nil || ruling.Refusal != nil {
		return false
	}
	if k := ruling.Decision.Credential; k != nil && k.DomainID != "" {
		s.DomainID = string(k.DomainID)
	}
	return true
}

// endpoint returns where an application reaches an upstream through a listener.
func (f *sdkConfigFlags) endpoint(l *config.Listener, u *upstream.Config) string {
	scheme, host := "http", l.Address.IP.String()
	switch {
	case f.host != "":
		host = f.host
	case len(u.Hosts) > 0:
		host = string(u.Hosts[0])
	case (l.TLS != nil || !l.Address.IP.IsValid() || l.Address.IP.IsUnspecified()) && len(l.Hosts) > 0:
		host = string(l.Hosts[0])
	case l.Address.Socket != "":
		host = "localhost"
	}
	if l.TLS != nil {
		scheme = "https"
	}
	if l.Address.Socket != "" {
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(l.Address.Port)))
}
