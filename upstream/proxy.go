package upstream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tollgate/http1"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// Proxy is where an HTTP proxy is: "http://proxy.corp.example:3128". What goes through it is protected by TLS from end to end, so the way
// to it needs none.
type Proxy struct{ Host string } // with its port; empty: there is none

// UnmarshalText implements [encoding.TextUnmarshaler]. Its errors do not repeat the text, which may hold a password.
func (p *Proxy) UnmarshalText(b []byte) error {
	u, err := url.Parse(string(b))
	switch {
	case err != nil || u.Scheme != "http" || u.Host == "":
		return errors.New(`want "http://host:port"`)
	case u.User != nil:
		return errors.New("a proxy's url takes no user name or password: set them in proxy_auth")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(string(b), "#"):
		return errors.New("a proxy's url has neither path nor query")
	}
	var host setting.Host
	if err := host.UnmarshalText([]byte(u.Hostname())); err != nil {
		return errors.New("the host must be a name of letters, digits, \"-\" and \".\", or an IP address")
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return errors.New(`a proxy's url needs a port: "http://host:3128"`)
	}
	p.Host = net.JoinHostPort(string(host), u.Port())
	return nil
}

// Pattern implements strictyaml.Scalar.
func (p Proxy) Pattern() string { return `^http://[^/?#@ ]+:[0-9]{1,5}/?$` }

// Kind implements strictyaml.Scalar.
func (p Proxy) Kind() string { return "url of a proxy" }

// String returns the proxy as it would stand in a file; "" for the zero value.
func (p Proxy) String() string {
	if p.Host == "" {
		return ""
	}
	return "http://" + p.Host
}

// CheckLogin reports what is no login for a proxy.
func CheckLogin(login secret.String) error {
	if name, _, found := strings.Cut(login.Reveal(), ":"); !found || name == "" {
		return errors.New("what it refers to is not a login: want user:password")
	}
	return nil
}

// ProxyError is the cause of an [Error] where there was no way to the upstream through its proxy, which has seen nothing of the call.
type ProxyError struct{ Err error }

func (e *ProxyError) Error() string { return "proxy: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// maxProxyAnswer bounds what a proxy may say before it lets the upstream speak.
const maxProxyAnswer = 16 << 10

// tunnel asks the proxy at the far end of a connection for a way to the upstream (RFC 9110 section 9.3.6), and closes the connection if it
// makes none. Otherwise the end of ctx has no hold on the connection any more.
func (w *way) tunnel(ctx context.Context, proxy net.Conn) error {
	release := context.AfterFunc(ctx, func() { _ = proxy.SetDeadline(past) })
	err := w.askProxy(proxy)
	if !release() {
		err = causeOf(ctx, err)
	}
	if err != nil {
		_ = proxy.Close()
	}
	return err
}

func (w *way) askProxy(proxy net.Conn) error {
	target := w.config.URL.HostPort()
	request := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if w.login != nil {
		login := w.login()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(login.Reveal())) + "\r\n"
	}
	if _, err := io.WriteString(proxy, request+"\r\n"); err != nil {
		return err
	}
	return readProxyAnswer(proxy)
}

// proxyLimits bound the head of a proxy's answer.
var proxyLimits = http1.Limits{Line: 1 << 10, Head: maxProxyAnswer, Fields: 100}

// readProxyAnswer reads what a proxy answers to CONNECT. The upstream is silent until the handshake has begun, so nothing may follow.
func readProxyAnswer(proxy io.Reader) error {
	var reader http1.Reader
	var head http1.ResponseHead
	reader.Reset(proxy, proxyLimits)
	reader.Lend(make([]byte, bufferSize))
	switch err := reader.ReadResponseHead(&head, http.MethodConnect); {
	case errors.Is(err, http1.HeadTooLarge), errors.Is(err, http1.LineTooLong), errors.Is(err, http1.TooManyFields), errors.Is(err, http1.TooManyInterim):
		return fmt.Errorf("its answer is longer than %d bytes, or has too many parts", maxProxyAnswer)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it hung up")
	case errors.Is(err, http1.Switched):
		return errors.New("it answered with status 101")
	case err != nil && isTimeout(err):
		return err
	case err != nil:
		return errors.New("its answer is not HTTP") // the error may quote an address
	case head.Status == http.StatusProxyAuthRequired:
		return errors.New("it refuses the login of proxy_auth, or there is none: it answered with status 407")
	case head.Status >= 300:
		return fmt.Errorf("it makes no way to the upstream: it answered with status %d %s", head.Status, http.StatusText(head.Status))
	case reader.Buffered() > 0:
		return errors.New("it sent something behind its answer before the upstream was spoken to")
	}
	return nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
