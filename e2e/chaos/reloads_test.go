package chaos

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"tollgate/internal/testpki"
)

func reloadEvents() []event {
	return []event{
		{"a good reload", goodReload}, {"a bad reload", badReload}, {"another good reload", goodReload}, {"another bad reload", badReload},
		{"the gateways' certificate is rotated", rotateCertificate}, {"the authority of client certificates is rotated", rotateClients},
		{"the authority of the provider is rotated", rotateProvider},
	}
}

// reload has the gateway read its configuration, which must be taken as soon as its log takes records: a disk may have been full just now.
func (r *replica) reload() error {
	return await("the gateway reloads", func() error {
		status, body, err := r.act(http.MethodPost, "/v1/reload")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

func goodReload(w *world, random *rand.Rand) error {
	r := w.any(random)
	return r.while(func() error {
		r.settings.Calls, r.settings.Rate, r.settings.Spare = 1000+random.IntN(50), 100_000+random.IntN(1000), random.IntN(2) == 0
		text, err := r.settings.text()
		if err != nil {
			return err
		}
		if err := w.write(r.name+".yaml", text); err != nil {
			return err
		}
		w.happened("  %s has a good configuration", r.name)
		return r.reload()
	})
}

// spoilt are ways to make a configuration wrong.
var spoilt = []struct{ from, to string }{
	{"\ncallers:", "\ncalers:"},
	{"credential: c17}", "credential: missing}"},
	{"audit: {dir: ", "audit: {dir: elsewhere-"}, // needs a restart
	{"{files: {cert: ", "{files: {cert: missing-"},
	{"\nlimits:", "\nlimits: ]"},
	{"tls: {ca: provider.pem}", "tls: {ca: missing.pem}"},
}

// badReload has a gateway refuse a configuration, and go on as before.
func badReload(w *world, random *rand.Rand) error {
	r, way := w.any(random), spoilt[random.IntN(len(spoilt))]
	return r.while(func() error {
		text, err := r.settings.text()
		if err != nil {
			return err
		}
		before, err := r.plan()
		if err != nil {
			return err
		}
		w.happened("  %s has a bad configuration: %q", r.name, way.to)
		status, body, failed := r.tryReload(strings.Replace(text, way.from, way.to, 1), text)
		after, err := r.plan()
		if failed != nil || err != nil || status == http.StatusOK || before != after {
			return fmt.Errorf("a bad configuration (%q) is answered %d %s %v; the plan was %s and is %s %v", way.to, status, body, failed, before, after, err)
		}
		return nil
	})
}

// tryReload asks for a reload with a configuration, and puts another one in its place.
func (r *replica) tryReload(text, behind string) (status int, body []byte, err error) {
	if err := r.w.write(r.name+".yaml", text); err != nil {
		return 0, nil, err
	}
	status, body, err = r.act(http.MethodPost, "/v1/reload")
	return status, body, errors.Join(err, r.w.write(r.name+".yaml", behind))
}

// rotateCertificate waits until all gateways show the new certificate.
func rotateCertificate(w *world, _ *rand.Rand) error {
	if err := w.writeGatewayCertificate(); err != nil {
		return err
	}
	written, err := tls.LoadX509KeyPair(w.file("gateway.crt"), w.file("gateway.key"))
	if err != nil {
		return err
	}
	return w.onEach(func(r *replica) error {
		if err := r.reload(); err != nil {
			return err
		}
		connection, err := tls.Dial("tcp", r.current().address("https"), &tls.Config{RootCAs: w.gateways.Pool(), ServerName: gatewayName})
		if err != nil {
			return err
		}
		defer connection.Close()
		if shown := connection.ConnectionState().PeerCertificates[0]; !shown.Equal(written.Leaf) {
			return fmt.Errorf("it shows the certificate %v, not %v", shown.SerialNumber, written.Leaf.SerialNumber)
		}
		return nil
	})
}

// rotateClients has the gateways trust a second authority, the caller use a certificate of it, and the gateways trust the first no more.
func rotateClients(w *world, _ *rand.Rand) error {
	old, next := w.callers.authority, testpki.Must(testpki.New())
	if err := w.trust("clients.pem", old, next); err != nil {
		return err
	}
	identity, err := w.callers.certified(next)
	if err != nil {
		return err
	}
	w.callers.replace(identity)
	w.callers.authority = next
	return w.trust("clients.pem", next)
}

// rotateProvider has the gateways trust a second authority, the provider show a certificate of it, and the gateways trust the first no more.
func rotateProvider(w *world, _ *rand.Rand) error {
	old, next := w.provider.authority, testpki.Must(testpki.New())
	if err := w.trust("provider.pem", old, next); err != nil {
		return err
	}
	if err := w.provider.renew(next); err != nil {
		return err
	}
	return w.trust("provider.pem", next)
}

// trust has all gateways trust these authorities, and no others.
func (w *world) trust(name string, all ...*testpki.CA) error {
	if err := w.writeAuthorities(name, all...); err != nil {
		return err
	}
	return w.onEach((*replica).reload)
}
