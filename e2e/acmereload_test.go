package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
)

// TestReloadACME: a listener whose certificate an authority issues comes, changes and goes while the gateway runs. It is asked for once, and
// what was issued is shown again without the authority.
func TestReloadACME(t *testing.T) {
	t.Parallel()
	w, a := newWorld(t, bsssim.Config{}), newAuthority(t, authorityOptions{})
	w.trustDirectory(a)
	central := central + hardened // its folder of certificates comes with a reload
	with := replaceOnce(t, central, "\nupstreams:", `
  - {name: asked, address: "127.0.0.1:0", hosts: [gateway.example], tls: {certificate: `+a.certificate()+`}}
upstreams:`)
	w.configure(central)
	p := a.launched(w, nil, "")
	follow := func(text string) {
		t.Helper()
		w.configure(text)
		p.reload("the configuration was reloaded")
	}
	follow(with)
	if status, body := p.readyz(); status != http.StatusOK || !strings.Contains(body, "listener asked: no certificate for gateway.example yet") {
		t.Errorf("the gateway is not ready, or does not warn: %d %s", status, body)
	}
	a.forward(a.tls, p.address("asked"))
	eventually(t, "the certificate is issued", func() bool {
		_, body := p.readyz()
		return !strings.Contains(body, "no certificate for")
	})
	first := w.shown(p.address("asked"))
	a.down.Store(true)
	for _, text := range []string{with + "bounds: {idle_timeout: 33s}\n", central, with} {
		follow(text)
		if strings.Contains(text, "name: asked") {
			if w.shown(p.address("asked")).Cmp(first) != 0 {
				t.Errorf("another certificate with\n%s", text)
			}
		} else if c, err := net.Dial("tcp", p.address("asked")); err == nil {
			t.Errorf("the listener takes connections still: %v", c.Close())
		}
	}
	if got := a.orders.Load(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
	p.stop()
}

// TestReloadToACME: a server that is there answers challenges once its listener's certificates are to come from an authority, and shows those of
// its files until it has one.
func TestReloadToACME(t *testing.T) {
	t.Parallel()
	w, a := newWorld(t, bsssim.Config{}), newAuthority(t, authorityOptions{})
	w.trustDirectory(a)
	w.issuer = w.issuer.Clone()
	w.issuer.AppendCertsFromPEM(w.ca.CertPEM())
	central := central + hardened
	w.configure(central)
	p := a.launched(w, a.tls, "https")
	before := w.shown(p.address("https"))
	w.configure(replaceOnce(t, central, "certificate: {files: {cert: gateway.crt, key: gateway.key}}",
		"certificates: ["+a.certificate()+", {files: {cert: gateway.crt, key: gateway.key}}]"))
	p.reload("the configuration was reloaded")
	eventually(t, "the certificate of the authority is shown", func() bool { return w.shown(p.address("https")).Cmp(before) != 0 })
	p.stop()
}

// certificate has the authority issue the certificate of a listener.
func (a *authority) certificate() string {
	return "{acme: {directory: " + a.server.URL + "/dir, hosts: [gateway.example], ca: directory.pem, dir: acme, challenge: tls-alpn-01}}"
}
