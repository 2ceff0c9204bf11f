package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/global"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"
)

// application is a program that uses the provider's SDK through the gateway.
type application struct {
	endpoint          string
	accessKey, secret string
	domainID          string
	transport         http.RoundTripper
	securityToken     string // its own, if its keys are temporary
}

// shop and office are the two applications, over HTTPS.
func (w *world) shop(p *process) *application {
	return &application{"https://" + gatewayName, shopKey, shopSecret, "c-17", w.transport(p.address("https")), ""}
}

func (w *world) office(p *process) *application {
	return &application{"https://" + gatewayName, officeKey, officeSecret, "p-1", w.transport(p.address("https")), ""}
}

// at moves an application to another listener, without TLS.
func (a *application) at(address string) *application {
	moved := *a
	moved.endpoint, moved.transport = "http://"+address, &http.Transport{}
	return &moved
}

// through puts something between the SDK and the gateway.
func (a *application) through(middle func(*http.Request, http.RoundTripper) (*http.Response, error)) *application {
	moved, next := *a, a.transport
	moved.transport = roundTripper(func(r *http.Request) (*http.Response, error) { return middle(r, next) })
	return &moved
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// transport trusts the world's CA and finds the gateway under any name.
func (w *world) transport(address string, certificates ...tls.Certificate) *http.Transport {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.pool(), Certificates: certificates, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2: true,
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// client builds the SDK's client as its documentation does.
func (a *application) client(t testing.TB, builder *core.HcHttpClientBuilder) *core.HcHttpClient {
	t.Helper()
	credentials, err := global.NewCredentialsBuilder().WithAk(a.accessKey).WithSk(a.secret).WithDomainId(a.domainID).
		WithSecurityToken(a.securityToken).SafeBuild()
	if err != nil {
		t.Fatal(err)
	}
	client, err := builder.WithEndpoints([]string{a.endpoint}).WithCredential(credentials).
		WithHttpConfig(config.DefaultHttpConfig().WithHttpRoundTripper(a.transport).WithTimeout(patience)).SafeBuild()
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (a *application) bss(t testing.TB) *bss.BssClient {
	t.Helper()
	return bss.NewBssClient(a.client(t, bss.BssClientBuilder()))
}

func (a *application) bssintl(t testing.TB) *bssintl.BssintlClient {
	t.Helper()
	return bssintl.NewBssintlClient(a.client(t, bssintl.BssintlClientBuilder()))
}

// refused checks that an SDK call ended in the exception that the SDK's users catch, with this status and code.
func refused(t testing.TB, err error, status int, code string) *sdkerr.ServiceResponseError {
	t.Helper()
	var refusal *sdkerr.ServiceResponseError
	if !errors.As(err, &refusal) {
		t.Fatalf("the SDK says %v, not a ServiceResponseError with %d %s", err, status, code)
	}
	if refusal.StatusCode != status || refusal.ErrorCode != code || refusal.ErrorMessage == "" {
		t.Fatalf("the SDK's exception says %d %q %q, want %d %s and a message", refusal.StatusCode, refusal.ErrorCode, refusal.ErrorMessage, status, code)
	}
	if refusal.RequestId == "" && strings.HasPrefix(code, "TG.") {
		t.Errorf("the SDK's exception with %s shows no request id", code)
	}
	return refusal
}

// tap keeps what passes between the SDK and the gateway.
type tap struct {
	mu       sync.Mutex
	requests []*http.Request
	answers  []*http.Response // without their bodies
}

func (c *tap) pass(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	kept := r.Clone(context.Background())
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		kept.Body = body
	}
	response, err := next.RoundTrip(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, kept)
	if err == nil {
		c.answers = append(c.answers, response)
	}
	return response, err
}

// last is the newest request that passed.
func (c *tap) last() *http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests[len(c.requests)-1]
}

// call is the call id of the newest answer.
func (c *tap) call() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers[len(c.answers)-1].Header.Get("Tollgate-Call-Id")
}

func pointer[T any](v T) *T { return &v }

// signature returns the signature in an Authorization header.
func signature(authorization string) string {
	_, signature, _ := strings.Cut(authorization, "Signature=")
	return signature
}
