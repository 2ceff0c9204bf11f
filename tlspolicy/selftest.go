package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// selfTestTimeout bounds one exchange. It takes about a millisecond.
const selfTestTimeout = 10 * time.Second

// selfTest proves every use once per policy and role.
func (p Plan) selfTest() error {
	certificate, err := selfTestCertificate()
	if err != nil {
		return fmt.Errorf("TLS self-test: %w", err)
	}
	type test struct {
		policy *Policy
		role   Role
	}
	proved := map[test]bool{}
	for _, use := range p.uses {
		if proved[test{use.Policy, use.Role}] {
			continue
		}
		proved[test{use.Policy, use.Role}] = true
		prove := use.Policy.proveClient
		if use.Role == RoleServer {
			prove = func() error { return use.Policy.proveServer(certificate) }
		}
		if err := prove(); err != nil {
			return fmt.Errorf("TLS self-test of %s (policy %q): %w", use.Where, use.Policy.name, err)
		}
	}
	return nil
}

// offers returns the combinations of Go's TLS 1.3 suites by which a server is proved: all of them, in both of Go's orders, or one where
// whatever Go chooses is allowed.
func (p *Policy) offers() [][]uint16 {
	allowed := p.offered(tls.VersionTLS13)
	if !slices.ContainsFunc(goSuites13(), func(suite uint16) bool { return !slices.Contains(allowed, suite) }) {
		return [][]uint16{goSuites13()}
	}
	return append(subsets(goSuites13()), subsets(goSuites13NoAES())...)
}

// proveServer sends ClientHellos with combinations of TLS 1.3 suites.
func (p *Policy) proveServer(certificate *tls.Certificate) error {
	if !p.allowsVersion(tls.VersionTLS13) {
		return nil // TLS 1.2 is ruled by tls.Config alone
	}
	config := p.Server(Server{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil }})
	record, err := captureHello(&tls.Config{
		ServerName: "selftest.invalid", MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13, CurvePreferences: p.groups,
	})
	if err != nil {
		return err
	}
	for _, offer := range p.offers() {
		if err := p.proveAnswer(config, record, offer); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) proveAnswer(config *tls.Config, record []byte, offer []uint16) error {
	hello, err := withSuites(record, offer)
	if err != nil {
		return err
	}
	chosen, err := answer(config, hello)
	if err != nil {
		return fmt.Errorf("offering %s: %w", suiteNames(offer), err)
	}
	allowed := p.offered(tls.VersionTLS13)
	switch {
	case intersect(offer, allowed) && !slices.Contains(allowed, chosen):
		return fmt.Errorf("a peer that offers %s gets %s", suiteNames(offer), answerName(chosen))
	case !intersect(offer, allowed) && chosen != 0:
		return fmt.Errorf("a peer that offers %s is not refused, but gets %s", suiteNames(offer), answerName(chosen))
	}
	return nil
}

func answerName(chosen uint16) string {
	if chosen == 0 {
		return "refused"
	}
	return tls.CipherSuiteName(chosen)
}

// proveClient looks at what is offered to an upstream.
func (p *Policy) proveClient() error {
	record, err := captureHello(p.Client(Client{ServerName: "selftest.invalid"}))
	if err != nil {
		return err
	}
	offer, _, err := suitesOf(record)
	if err != nil {
		return err
	}
	allowed := slices.Concat(p.offered(tls.VersionTLS12), p.offered(tls.VersionTLS13))
	for _, code := range offer {
		if !slices.Contains(allowed, code) {
			return fmt.Errorf("%s is offered", tls.CipherSuiteName(code))
		}
	}
	for _, code := range allowed {
		if !slices.Contains(offer, code) {
			return fmt.Errorf("%s is not offered", tls.CipherSuiteName(code))
		}
	}
	return nil
}

// subsets returns every non-empty part of list, in list's order.
func subsets(list []uint16) [][]uint16 {
	var all [][]uint16
	for mask := 1; mask < 1<<len(list); mask++ {
		var part []uint16
		for i, value := range list {
			if mask&(1<<i) != 0 {
				part = append(part, value)
			}
		}
		all = append(all, part)
	}
	return all
}

// captureHello returns the record with the ClientHello that a client sends under config.
func captureHello(config *tls.Config) ([]byte, error) {
	return firstRecord(func(c net.Conn) *tls.Conn { return tls.Client(c, config) }, nil)
}

// answer sends a record with a ClientHello to a server under config, and returns the suite that the server chose, or 0
// if it refused with the alert handshake_failure.
func answer(config *tls.Config, hello []byte) (uint16, error) {
	record, err := firstRecord(func(c net.Conn) *tls.Conn { return tls.Server(c, config) }, hello)
	if err != nil {
		return 0, err
	}
	return chosenSuite(record)
}

// firstRecord makes crypto/tls shake hands over a pipe, sends it a hello unless that is nil, and returns the first record that comes.
func firstRecord(side func(net.Conn) *tls.Conn, hello []byte) (record []byte, err error) {
	ours, theirs := net.Pipe()
	deadline := time.Now().Add(selfTestTimeout)
	if err := errors.Join(ours.SetDeadline(deadline), theirs.SetDeadline(deadline)); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = side(theirs).Handshake() // fails: the pipe is closed after its first record
	}()
	if hello != nil {
		_, err = ours.Write(hello)
	}
	if err == nil {
		record, err = readRecord(ours)
	}
	_ = ours.Close()
	<-done
	_ = theirs.Close()
	return record, err
}

// selfTestCertificate makes a certificate that is not verified: the exchanges end before.
func selfTestCertificate() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"selftest.invalid"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
