package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

func (b *builder) buildListenerTLS(path string, l *Listener, s *listenerTLSConfig) *ListenerTLS {
	return &ListenerTLS{
		Policy:            b.policy(path+".policy", s.Policy),
		Certificates:      b.certificates(path, s),
		Clients:           b.clients(path, l, s),
		RequireClientCert: s.ClientCertificate == "required",
	}
}

// certificates are those of `certificate`, or of `certificates`.
func (b *builder) certificates(path string, s *listenerTLSConfig) []Certificate {
	var all []Certificate
	switch {
	case b.Failed(path+".certificate") || b.Failed(path+".certificates"):
	case s.Certificate != nil && s.Certificates != nil:
		b.problem(path+".certificates", "move it into certificates", "there is a certificate beside certificates: give one of the two")
	case s.Certificate != nil:
		all = append(all, b.certificate(path+".certificate", s.Certificate))
	case len(s.Certificates) == 0:
		b.problem(path, "certificate: {files: {cert: tls.crt, key: tls.key}}", "certificate is missing in %s", path)
	}
	for i := range s.Certificates {
		at := fmt.Sprintf("%s.certificates[%d]", path, i)
		if b.Failed(at) {
			continue
		}
		if slices.ContainsFunc(all, func(c Certificate) bool { return c.CertFile != "" && c == b.files(s.Certificates[i].Files) }) {
			b.problem(at, "", "this certificate is listed twice")
		}
		all = append(all, b.certificate(at, &s.Certificates[i]))
	}
	return all
}

func (b *builder) files(s *certificateFilesConfig) Certificate {
	if s == nil {
		return Certificate{}
	}
	return Certificate{CertFile: setting.Resolve(b.dir, s.Cert), KeyFile: setting.Resolve(b.dir, s.Key)}
}

func (b *builder) certificate(path string, s *certificateConfig) Certificate {
	switch {
	case s.ACME != nil:
		return Certificate{ACME: b.acme(path+".acme", s.ACME)}
	case s.Internal != nil:
		return Certificate{Internal: &certs.InternalConfig{
			Dir: setting.Resolve(b.dir, s.Internal.Dir), Lifetime: time.Duration(s.Internal.Lifetime), Hosts: certificateHosts(s.Internal.Hosts),
		}}
	}
	c := b.files(s.Files)
	b.private(path+".files.key", c.KeyFile)
	b.chains[c] = b.checkPair(path, c.CertFile, c.KeyFile)
	return c
}

func certificateHosts(hosts []setting.CertificateHost) (names []string) {
	for _, h := range hosts {
		names = append(names, string(h))
	}
	return names
}

// checkPair reads a certificate and its key, if files are to be read, and returns the certificate.
func (b *builder) checkPair(path string, cert, key string) *tls.Certificate {
	if !b.options.Secrets || b.Failed(path) {
		return nil
	}
	files, err := certs.Load(cert, key)
	if err != nil {
		b.problem(path, "", "%v", err)
		return nil
	}
	return files.Current()[0]
}

// clients says which client certificates count, and reads the files that tell it.
func (b *builder) clients(path string, l *Listener, s *listenerTLSConfig) certs.ClientsConfig {
	if s.ClientCA == "" {
		b.needCA(path, s)
		return certs.ClientsConfig{}
	}
	if s.ClientCRLMissing != "" && len(s.ClientCRL) == 0 && !b.Failed(path+".client_crl") {
		b.problem(path+".client_crl_missing", "add client_crl, or remove it", "client_crl_missing says nothing without client_crl")
	}
	c := certs.ClientsConfig{CA: setting.Resolve(b.dir, s.ClientCA), Deny: setting.Resolve(b.dir, s.ClientDeny), Lenient: s.ClientCRLMissing == "allow"}
	if !b.checkClients(path+".client_ca", l, certs.ClientsConfig{CA: c.CA}) {
		return c
	}
	if c.Deny != "" {
		b.checkClients(path+".client_deny", l, certs.ClientsConfig{CA: c.CA, Deny: c.Deny})
	}
	for i, file := range s.ClientCRL {
		at := fmt.Sprintf("%s.client_crl[%d]", path, i)
		if slices.Contains(s.ClientCRL[:i], file) && file != "" {
			b.problem(at, "", "this file is listed twice")
		}
		file = setting.Resolve(b.dir, file)
		c.CRLs = append(c.CRLs, file)
		b.checkClients(at, l, certs.ClientsConfig{CA: c.CA, CRLs: []string{file}})
	}
	return c
}

// needCA reports what means nothing without client_ca.
func (b *builder) needCA(path string, s *listenerTLSConfig) {
	if b.Failed(path + ".client_ca") {
		return
	}
	for _, key := range []struct {
		name  string
		given bool
	}{
		{"client_certificate", s.ClientCertificate != ""}, {"client_crl", len(s.ClientCRL) > 0},
		{"client_crl_missing", s.ClientCRLMissing != ""}, {"client_deny", s.ClientDeny != ""},
	} {
		if key.given {
			b.problem(path+"."+key.name, "add client_ca", "%s needs a client_ca to check certificates with", key.name)
		}
	}
}

// checkClients reads files that tell which client certificates count, and says whether they are good.
func (b *builder) checkClients(path string, l *Listener, c certs.ClientsConfig) bool {
	if b.Failed(path) {
		return false
	}
	if !b.options.Secrets {
		return true
	}
	clients, err := certs.LoadClients(c)
	if err != nil {
		b.problem(path, "", "%v", err)
		return false
	}
	if len(c.CRLs) == 0 && c.Deny == "" {
		b.noteExpiry("listener "+l.Name, clients.Authorities().Warning(time.Now()))
	}
	for _, list := range clients.RevocationLists() {
		if text := list.Expiry().Warning(time.Now()); text != "" {
			b.note("listener %s: the revocation list %s of %s %s", l.Name, list.Path, list.Issuer, text)
		}
	}
	return true
}

// noteCertificates looks at the certificates of a listener: whether they hold, and for the names under which it is reached.
func (b *builder) noteCertificates(l *Listener) {
	if l.TLS == nil {
		return
	}
	var known []*x509.Certificate
	for _, c := range l.TLS.Certificates {
		var leaf *x509.Certificate
		switch read := b.chains[c]; {
		case c.Internal != nil:
			leaf = named(c.Internal.Hosts)
		case c.ACME != nil:
			leaf = named(c.ACME.Hosts)
		case read != nil:
			leaf = read.Leaf
			b.noteChain("listener "+l.Name, read)
		}
		if leaf == nil {
			return // it was not read
		}
		known = append(known, leaf)
	}
	covered := func(host string) bool {
		return slices.ContainsFunc(known, func(c *x509.Certificate) bool { return c.VerifyHostname(host) == nil })
	}
	for _, host := range l.Hosts {
		if !covered(host) && !(l.Loopback && ownHost(host)) {
			b.note("listener %s is reached as %s, for which it has no certificate", l.Name, host)
		}
	}
}

// noteChain notes that a certificate, or one of its chain, has expired or will soon. One that was not read is nil.
func (b *builder) noteChain(where string, c *tls.Certificate) {
	if c != nil {
		b.noteExpiry(where, certs.ChainWarning(c, time.Now()))
	}
}

// noteExpiry notes what there is to say of an expiry, if anything.
func (b *builder) noteExpiry(where, warning string) {
	if warning != "" {
		b.note("%s: %s", where, warning)
	}
}

// named is a certificate of these names, for [x509.Certificate.VerifyHostname].
func named(hosts []string) *x509.Certificate {
	c := &x509.Certificate{}
	for _, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			c.IPAddresses = append(c.IPAddresses, ip.AsSlice())
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	return c
}

// ownHost tells the names that a machine has for itself.
func ownHost(host string) bool { return host == "localhost" || setting.IsLoopback(host) }

// describe says where a certificate comes from.
func (c Certificate) describe() string {
	switch {
	case c.ACME != nil:
		return describeACME(c.ACME)
	case c.Internal == nil:
		return "files " + c.CertFile + ", " + c.KeyFile
	}
	return fmt.Sprintf("issued by the authority in %s for %s, for %v", c.Internal.Dir, strings.Join(c.Internal.Hosts, ", "), setting.Duration(c.Internal.Lifetime))
}

// describeClients says by what client certificates are checked.
func (t *ListenerTLS) describeClients() []string {
	c := t.Clients
	if c.CA == "" {
		return nil
	}
	lines := []string{"client certificates of " + c.CA}
	if len(c.CRLs) > 0 {
		missing := "refused"
		if c.Lenient {
			missing = "allowed"
		}
		lines = append(lines, fmt.Sprintf("revoked ones: %s; without a list of now: %s", strings.Join(c.CRLs, ", "), missing))
	}
	if c.Deny != "" {
		lines = append(lines, "denied ones: "+c.Deny)
	}
	return lines
}
