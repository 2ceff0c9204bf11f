package main

import (
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/cli"
	"tollgate/internal/nearest"
)

// question reads the flags as a call.
func (f *explainFlags) question(c *config.Config, method, target string, stdin io.Reader) (*gateway.Question, error) {
	if err := f.check(c); err != nil {
		return nil, err
	}
	body, err := readBodyFlag(f.body, stdin, int64(c.Bounds.Body))
	if err != nil {
		return nil, err
	}
	if method == "" || method != strings.ToUpper(method) {
		return nil, cli.UsageError("METHOD %q: methods are upper case, such as GET or POST", method)
	}
	header, err := readHeaderFlags(f.headers)
	if err != nil {
		return nil, err
	}
	if f.credential != "" {
		header.Add("Tollgate-Credential", f.credential)
	}
	hasKey := false
	for _, known := range c.Callers {
		for _, way := range known.Auth {
			hasKey = hasKey || known.Name == f.caller && way.AccessKey != nil
		}
	}
	return &gateway.Question{
		Caller: f.caller, HasKey: hasKey, Listener: f.listener, Upstream: f.upstream, Method: method, Target: target, Header: header, Body: body,
	}, nil
}

// readHeaderFlags reads headers as a request would bring them.
func readHeaderFlags(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found || !httpguts.ValidHeaderFieldName(name) {
			return nil, cli.UsageError("--header %q: want 'Name: value'", line)
		}
		header.Add(name, textproto.TrimString(value))
	}
	return header, nil
}

// check refuses names that the configuration does not have.
func (f *explainFlags) check(c *config.Config) error {
	var callers, listeners, upstreams, credentials []string
	for _, known := range c.Callers {
		callers = append(callers, known.Name)
	}
	for _, l := range c.Listeners {
		listeners = append(listeners, l.Name)
	}
	for _, u := range c.Upstreams {
		upstreams = append(upstreams, u.Name)
	}
	for _, k := range c.Credentials {
		credentials = append(credentials, k.Name)
	}
	if f.caller == "" {
		return cli.UsageError("--caller is needed; the configuration has: %s", strings.Join(callers, ", "))
	}
	for _, flag := range []struct {
		name, value string
		known       []string
	}{{"caller", f.caller, callers}, {"listener", f.listener, listeners}, {"upstream", f.upstream, upstreams}, {"credential", f.credential, credentials}} {
		if flag.value == "" || slices.Contains(flag.known, flag.value) {
			continue
		}
		hint := "the configuration has: " + strings.Join(flag.known, ", ")
		if near := nearest.Words(flag.value, flag.known); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return cli.UsageError("unknown %s %q; %s", flag.name, flag.value, hint)
	}
	return nil
}

func readBodyFlag(name string, stdin io.Reader, bound int64) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		stdin = file
	}
	body, err := io.ReadAll(io.LimitReader(stdin, bound+1))
	if err == nil && int64(len(body)) > bound {
		err = fmt.Errorf("the body is larger than bounds.body (%d bytes)", bound)
	}
	return body, err
}
