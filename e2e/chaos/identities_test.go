package chaos

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	sdkrequest "github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"

	"tollgate/internal/testpki"
)

// The callers: two that sign with virtual keys, and one with a client certificate.
const (
	shop   = "shop"
	till   = "till"
	report = "report"
)

// identity is a proof of a caller, until it is rotated out.
type identity struct {
	caller      string
	key, secret string // by which it signs; empty: it has a certificate
	transport   *http.Transport

	inUse   sync.RWMutex
	retired bool
}

// callers are the identities that are in use, by caller.
type callers struct {
	w         *world
	authority *testpki.CA // of client certificates

	mu         sync.Mutex
	current    map[string]*identity
	generation int
}

// newCallers issues all identities, and writes what gateways need to know them.
func newCallers(w *world) *callers {
	c := &callers{w: w, authority: testpki.Must(testpki.New()), current: map[string]*identity{}}
	if err := w.writeAuthorities("clients.pem", c.authority); err != nil {
		w.t.Fatal(err)
	}
	c.current[report] = testpki.Must(c.certified(c.authority))
	for _, caller := range []string{shop, till} {
		c.current[caller] = c.signing(caller)
		if err := w.issueVirtualKey(c.current[caller]); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

// use returns the identity of a caller, which is not rotated out before release is called.
func (c *callers) use(caller string) (i *identity, release func()) {
	for {
		c.mu.Lock()
		i = c.current[caller]
		c.mu.Unlock()
		i.inUse.RLock()
		if !i.retired {
			return i, i.inUse.RUnlock
		}
		i.inUse.RUnlock()
	}
}

// replace has a caller use another identity, and waits until the old one is not used any more.
func (c *callers) replace(next *identity) (old *identity) {
	c.mu.Lock()
	old = c.current[next.caller]
	c.current[next.caller] = next
	c.mu.Unlock()
	if old == nil {
		return nil
	}
	old.inUse.Lock()
	defer old.inUse.Unlock()
	old.retired = true
	old.transport.CloseIdleConnections()
	return old
}

// close ends all connections.
func (c *callers) close() {
	for _, i := range c.current {
		i.transport.CloseIdleConnections()
	}
}

// transport connects by TLS, by HTTP/2 where there is a certificate, so that both engines have calls.
func (w *world) transport(certificates ...tls.Certificate) *http.Transport {
	t := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: w.gateways.Pool(), ServerName: gatewayName, Certificates: certificates, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 20, ForceAttemptHTTP2: len(certificates) > 0,
	}
	w.t.Cleanup(t.CloseIdleConnections)
	return t
}

// signing returns an identity with a virtual key.
func (c *callers) signing(caller string) *identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	key := fmt.Sprintf("TG%s%d", strings.ToUpper(caller), c.generation)
	return &identity{caller: caller, key: key, secret: "virtual-secret-of-" + key, transport: c.w.transport()}
}

// certified returns an identity with a certificate of an authority.
func (c *callers) certified(authority *testpki.CA) (*identity, error) {
	certificate, err := authority.Issue(testpki.Leaf{URIs: []string{"spiffe://corp.example/" + report}})
	if err != nil {
		return nil, err
	}
	return &identity{caller: report, transport: c.w.transport(certificate)}, nil
}

// sending is a request that can be sent more than once.
type sending struct {
	identity     *identity
	method, path string
	header       http.Header
	body         []byte
}

// prepare signs a request if the identity signs.
func (i *identity) prepare(k *kind, act string, attempt int) (*sending, error) {
	s := &sending{i, k.method, k.target(act), http.Header{}, []byte(k.bodyOf(act, attempt))}
	if k.body != "" {
		s.header.Set("Content-Type", "application/json")
	}
	if i.key == "" {
		return s, nil
	}
	return s, s.sign()
}

// sign has the provider's SDK sign.
func (s *sending) sign() error {
	path, query, _ := strings.Cut(s.path, "?")
	b := sdkrequest.NewHttpRequestBuilder().WithEndpoint("https://" + gatewayName).WithMethod(s.method).WithPath(path)
	if len(s.body) > 0 {
		b.WithBody("", string(s.body)).AddHeaderParam("Content-Type", "application/json")
	}
	if name, value, found := strings.Cut(query, "="); found {
		b.AddQueryParam(name, reflect.ValueOf([]string{value}))
	}
	signed := b.Build()
	authorization, err := signer.Sign(signed, s.identity.key, s.identity.secret)
	if err != nil {
		return err
	}
	for _, headers := range []map[string]string{signed.GetHeaderParams(), authorization} {
		for name, value := range headers {
			s.header.Set(name, value)
		}
	}
	return nil
}

// request is one to a gateway's address. A body cannot be sent twice by net/http itself.
func (s *sending) request(address string) (*http.Request, error) {
	r, err := http.NewRequest(s.method, "https://"+address+s.path, nil)
	if err != nil {
		return nil, err
	}
	r.Host, r.Header = gatewayName, s.header.Clone()
	if len(s.body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(s.body)), int64(len(s.body))
	}
	return r, nil
}
