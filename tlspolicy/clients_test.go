package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// trusting is a listener whose client authorities and last word a test sets.
type trusting struct {
	cas   atomic.Pointer[x509.CertPool]
	check atomic.Pointer[func([][]*x509.Certificate) error]
}

func newTrusting(cas *x509.CertPool) *trusting {
	l := new(trusting)
	l.cas.Store(cas)
	l.set(func([][]*x509.Certificate) error { return nil })
	return l
}

func (l *trusting) set(check func([][]*x509.Certificate) error) { l.check.Store(&check) }

func (l *trusting) server(t *testing.T, required bool, k *tickets) *tls.Config {
	return mustNamed(t, Default).server(Server{
		GetCertificate: pki().both, CurrentClientCAs: l.cas.Load, RequireClientCert: required,
		CheckClient: func(chains [][]*x509.Certificate) error { return (*l.check.Load())(chains) },
	}, k)
}

// certified is a peer of one version with a certificate and a cache of sessions.
func certified(version uint16, c *tls.Certificate) *tls.Config {
	config := ticketClient(version)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if c == nil {
			return new(tls.Certificate), nil
		}
		return c, nil
	}
	return config
}

// TestClientCAsChange: the next handshake is under the new authorities, and sessions of the old ones are not resumed, even
// if both trust the client.
func TestClientCAsChange(t *testing.T) {
	other := testpki.Must(testpki.New())
	newcomer := testpki.Must(other.Client("newcomer"))
	both := pki().pool()
	both.AddCert(other.Certificate())
	for _, version := range bothVersions() {
		for _, required := range []bool{true, false} {
			l := newTrusting(pki().pool())
			server := l.server(t, required, &tickets{now: time.Now})
			old, late := certified(version, &pki().client), certified(version, &newcomer)
			wantResumed(t, server, old, false)
			wantResumed(t, server, old, true)
			wantRefused(t, server, late, KindAuthority)
			l.cas.Store(both)
			wantResumed(t, server, late, false)
			wantResumed(t, server, old, false) // the session was begun under others
			wantResumed(t, server, old, true)
			l.cas.Store(other.Pool())
			wantRefused(t, server, old, KindAuthority)
			wantResumed(t, server, late, false)
			wantResumed(t, server, late, true)
			if anonymous := certified(version, nil); required {
				wantRefused(t, server, anonymous, "")
			} else {
				wantResumed(t, server, anonymous, false)
				wantResumed(t, server, anonymous, true)
			}
			l.cas.Store(x509.NewCertPool())
			wantRefused(t, server, late, KindAuthority)
		}
	}
}

// wantRefused makes a connection on which the server must read nothing. kind "" is any.
func wantRefused(t *testing.T, server, client *tls.Config, kind Kind) {
	t.Helper()
	o := connect(t, server, client)
	if o.served || o.answered || o.serverErr == nil || kind != "" && KindOf(o.serverErr) != kind {
		t.Errorf("%s: served %t, answered %t: %v, want %q", tls.VersionName(client.MinVersion), o.served, o.answered, o.serverErr, kind)
	}
}

// TestCheckClientOfResumed: the last word is asked for on every connection, with the chains; peers without a certificate
// are not its business.
func TestCheckClientOfResumed(t *testing.T) {
	for _, version := range bothVersions() {
		l := newTrusting(pki().pool())
		server := l.server(t, false, &tickets{now: time.Now})
		client, anonymous := certified(version, &pki().client), certified(version, nil)
		var asked atomic.Int64
		count := func(chains [][]*x509.Certificate) error {
			if len(chains) != 1 || !chains[0][0].Equal(pki().client.Leaf) || !chains[0][1].Equal(pki().ca.Certificate()) {
				t.Errorf("asked about %v", chains)
			}
			asked.Add(1)
			return nil
		}
		l.set(count)
		wantResumed(t, server, client, false)
		wantResumed(t, server, client, true)
		wantResumed(t, server, anonymous, false)
		if asked.Load() != 2 {
			t.Errorf("asked %d times", asked.Load())
		}
		l.set(func([][]*x509.Certificate) error { return &NotAllowed{Kind: KindRevoked, Why: "test"} })
		wantRefused(t, server, client, KindRevoked) // resumed
		wantRefused(t, server, certified(version, &pki().client), KindRevoked)
		wantResumed(t, server, anonymous, true)
		l.set(count)
		wantResumed(t, server, certified(version, &pki().client), false)
	}
}

// TestTicketsOfAGenerationChange: keys of a generation change with the hours like all.
func TestTicketsOfAGenerationChange(t *testing.T) {
	for _, version := range bothVersions() {
		c := new(clock)
		server := newTrusting(pki().pool()).server(t, true, &tickets{now: c.now})
		client := certified(version, &pki().client)
		wantResumed(t, server, client, false)
		c.set(time.Hour)
		wantResumed(t, server, client, true)
		c.set(4 * time.Hour)
		wantResumed(t, server, client, false)
	}
}

// TestClientCAsChangeUnderLoad: while authorities are added and taken away, a client that all of them know is never
// refused, and one that none knows always.
func TestClientCAsChangeUnderLoad(t *testing.T) {
	unknown := testpki.Must(testpki.Must(testpki.New()).Client("unknown"))
	l := newTrusting(pki().pool())
	server := l.server(t, true, &tickets{now: time.Now})
	stop, changing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changing)
		for {
			select {
			case <-stop:
				return
			default:
				next := pki().pool()
				next.AddCert(pki().client.Leaf)
				l.cas.Store(next)
				l.cas.Store(pki().pool())
			}
		}
	}()
	var peers sync.WaitGroup
	for _, version := range bothVersions() {
		peers.Go(func() {
			client := certified(version, &pki().client)
			for range 40 {
				if o := connect(t, server, client); !o.answered {
					t.Errorf("refused: %v, %v", o.clientErr, o.serverErr)
				}
				wantRefused(t, server, certified(version, &unknown), KindAuthority)
			}
		})
	}
	peers.Wait()
	close(stop)
	<-changing
}
