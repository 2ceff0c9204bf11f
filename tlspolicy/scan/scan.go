package scan

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says what is scanned. The zero values of Timeout and Dial have meanings.
type Config struct {
	Address    string         // HOST:PORT
	ServerName string         // for SNI and the certificate; empty: the host of Address
	Roots      *x509.CertPool // whom to trust; nil: the system's
	Timeout    time.Duration  // of each connection; 0: 5 seconds
	// Dial makes connections; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// versions are what is asked for, oldest first. SSL 2.0 has another hello, and no library of today serves it.
var versions = []uint16{ssl30, tls10, tls11, tls12, tls13}

// Found is what a server accepts in one protocol version.
type Found struct {
	Version uint16
	Suites  []Choice // in the order in which the server chose them
	Groups  []uint16 // in the order in which the server chose them
}

// Choice is a suite with what the server used it with.
type Choice struct {
	Suite  uint16
	Group  uint16 // 0: none was named
	DHBits int    // of a finite-field group that has no name
}

// Result is what a scan found.
type Result struct {
	Address, ServerName string
	Found               []Found               // one for each version that is accepted, oldest first
	Chains              [][]*x509.Certificate // as sent, the leaf first; one for each leaf
	Untrusted           error                 // why the first chain is not trusted for the name; nil when it is
}

// Scan asks a server. It ends with an error when the server cannot be reached, does not speak TLS, or is silent: nothing
// is concluded from what was not answered.
func Scan(ctx context.Context, c Config) (*Result, error) {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("%q is not HOST:PORT: %w", c.Address, err)
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	s := scanner{Config: c}
	return s.run(ctx)
}

type scanner struct {
	Config
	mu     sync.Mutex
	chains [][]*x509.Certificate
}

func (s *scanner) run(ctx context.Context) (*Result, error) {
	found := make([]Found, len(versions))
	problems := make([]error, len(versions))
	var working sync.WaitGroup
	for i, version := range versions {
		working.Go(func() { found[i], problems[i] = s.version(ctx, version) })
	}
	working.Wait()
	for _, err := range problems {
		if err != nil { // one says enough: they are mostly the same
			return nil, err
		}
	}
	r := &Result{Address: s.Address, ServerName: s.ServerName}
	for _, f := range found {
		if len(f.Suites) > 0 {
			r.Found = append(r.Found, f)
		}
	}
	if len(r.Found) == 0 {
		return nil, fmt.Errorf("%s accepted no TLS version at all: is it a TLS server, and is %q a name that it serves?", s.Address, s.ServerName)
	}
	if err := s.complete(ctx, r); err != nil {
		return nil, err
	}
	r.Chains = s.chains
	if len(r.Chains) > 0 {
		r.Untrusted = s.verify(r.Chains[0])
	}
	return r, nil
}

// version finds the suites and the groups of one version.
func (s *scanner) version(ctx context.Context, version uint16) (Found, error) {
	f := Found{Version: version}
	err := s.suites(ctx, &f)
	if err == nil && len(f.Suites) > 0 && version != ssl30 {
		err = s.groups(ctx, &f)
	}
	if err != nil {
		return f, fmt.Errorf("%s, %s: %w", s.Address, versionName(version), err)
	}
	return f, nil
}

// suites offers all suites, then all but the chosen one, until the server refuses.
func (s *scanner) suites(ctx context.Context, f *Found) error {
	left := suitesFor(f.Version)
	for len(left) > 0 {
		a, err := s.ask(ctx, offer{version: f.Version, suites: left, groups: groupIDs(), name: s.ServerName})
		if a == nil || err != nil {
			return err
		}
		i := slices.Index(left, a.suite)
		if i < 0 {
			return fmt.Errorf("the server chose %s, which was not offered", SuiteName(a.suite))
		}
		left = slices.Delete(left, i, i+1)
		f.Suites = append(f.Suites, Choice{a.suite, a.group, a.dhBits})
	}
	return nil
}

// groups does the same with the groups, over the suites that use them.
func (s *scanner) groups(ctx context.Context, f *Found) error {
	var codes []uint16
	for _, c := range f.Suites {
		codes = append(codes, c.Suite)
	}
	codes = withGroups(f.Version, codes)
	left := groupIDs()
	for len(codes) > 0 && len(left) > 0 {
		a, err := s.ask(ctx, offer{version: f.Version, suites: codes, groups: left, name: s.ServerName})
		if a == nil || err != nil {
			return err
		}
		i := slices.Index(left, a.group)
		if i < 0 { // a server that does not heed the offer, or names no group: its choice stands with the suite
			return nil
		}
		left = slices.Delete(left, i, i+1)
		f.Groups = append(f.Groups, a.group)
	}
	return nil
}

// ask returns no answer when the server refuses the offer, or wants another version. A connection that ends without an
// alert may have met a server that was busy: it is made once more.
func (s *scanner) ask(ctx context.Context, o offer) (*serverChoice, error) {
	a, err := s.try(ctx, o)
	var refused *refusal
	if errors.As(err, &refused) && !refused.alert {
		a, err = s.try(ctx, o)
	}
	if errors.As(err, &refused) || err == nil && a.version != o.version {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.keep(a.chain)
	return a, nil
}

func (s *scanner) try(ctx context.Context, o offer) (*serverChoice, error) {
	hello, err := o.hello()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	conn, err := s.Dial(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(hello); err != nil {
		return nil, err
	}
	return readAnswer(conn, o.version)
}

// keep remembers each leaf once.
func (s *scanner) keep(chain []*x509.Certificate) {
	if len(chain) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := func(other []*x509.Certificate) bool { return bytes.Equal(other[0].Raw, chain[0].Raw) }
	if !slices.ContainsFunc(s.chains, known) {
		s.chains = append(s.chains, chain)
	}
}

// complete makes one handshake of TLS 1.3, where the certificate is encrypted. A server that crypto/tls has nothing in
// common with, or that wants a client certificate, may have shown its certificate all the same.
func (s *scanner) complete(ctx context.Context, r *Result) error {
	if r.Found[len(r.Found)-1].Version != tls13 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	conn, err := s.Dial(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{
		ServerName: s.ServerName, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, // what it says is reported, whichever authority signed it; nothing is sent
		VerifyConnection: func(cs tls.ConnectionState) error {
			s.keep(cs.PeerCertificates)
			return nil
		},
	})
	_ = client.HandshakeContext(ctx) // its end is of no interest
	return nil
}

func (s *scanner) verify(chain []*x509.Certificate) error {
	rest := x509.NewCertPool()
	for _, c := range chain[1:] {
		rest.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: s.Roots, Intermediates: rest})
	return err
}

func versionName(version uint16) string {
	if version == ssl30 {
		return "SSL 3.0"
	}
	return tls.VersionName(version)
}
