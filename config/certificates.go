package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// certificates completes those of `certificate`, or of `certificates`; they are in Certificates then.
func (b *builder) certificates(path string, t *certs.ListenerTLS) {
	var all []certs.Certificate
	switch {
	case b.Failed(path+".certificate") || b.Failed(path+".certificates"):
	case t.Certificate != nil && t.Certificates != nil:
		b.problem(path+".certificates", "move it into certificates", "there is a certificate beside certificates: give one of the two")
	case t.Certificate != nil:
		b.certificate(path+".certificate", t.Certificate)
		all = append(all, *t.Certificate)
	case len(t.Certificates) == 0:
		b.problem(path, "certificate: {files: {cert: tls.crt, key: tls.key}}", "certificate is missing in %s", path)
	}
	for i, c := range t.Certificates {
		at := fmt.Sprintf("%s.certificates[%d]", path, i)
		if b.Failed(at) {
			continue
		}
		b.certificate(at, &c, all...)
		all = append(all, c)
	}
	t.Certificate, t.Certificates = nil, all
}

// certificate completes one certificate and checks it, if it is not among the earlier ones already.
func (b *builder) certificate(path string, c *certs.Certificate, earlier ...certs.Certificate) {
	switch {
	case c.ACME != nil:
		b.acme(path+".acme", c.ACME)
	case c.Internal != nil:
		b.absolute(&c.Internal.Dir)
	case c.Files != nil:
		b.absolute(&c.Files.Cert, &c.Files.Key)
		if slices.ContainsFunc(earlier, func(e certs.Certificate) bool { return e.Files != nil && *e.Files == *c.Files }) {
			b.problem(path, "", "this certificate is listed twice")
		}
		b.keepPrivate(path+".files.key", c.Files.Key)
		b.chains[*c.Files] = b.checkPair(path, c.Files)
	}
}

// checkPair reads a certificate and its key, if files are to be read, and returns the certificate.
func (b *builder) checkPair(path string, files *certs.CertificateFiles) *tls.Certificate {
	if !b.options.Secrets || b.Failed(path) {
		return nil
	}
	read, err := certs.Load(files.Cert, files.Key)
	if err != nil {
		b.problem(path, "", "%v", err)
		return nil
	}
	return read.Current()[0]
}

// clients reads the files that say which client certificates count.
func (b *builder) clients(path string, l *Listener) {
	t := l.TLS
	if t.ClientCA == "" {
		b.needCA(path, t)
		return
	}
	if t.ClientCRLMissing != "" && len(t.ClientCRL) == 0 && !b.Failed(path+".client_crl") {
		b.problem(path+".client_crl_missing", "add client_crl, or remove it", "client_crl_missing says nothing without client_crl")
	}
	b.absolute(&t.ClientCA, &t.ClientDeny)
	if !b.checkClients(path+".client_ca", l, certs.ListenerTLS{ClientCA: t.ClientCA}) {
		return
	}
	if t.ClientDeny != "" {
		b.checkClients(path+".client_deny", l, certs.ListenerTLS{ClientCA: t.ClientCA, ClientDeny: t.ClientDeny})
	}
	written := slices.Clone(t.ClientCRL)
	for i, file := range written {
		at := fmt.Sprintf("%s.client_crl[%d]", path, i)
		if slices.Contains(written[:i], file) && file != "" {
			b.problem(at, "", "this file is listed twice")
		}
		b.absolute(&t.ClientCRL[i])
		b.checkClients(at, l, certs.ListenerTLS{ClientCA: t.ClientCA, ClientCRL: t.ClientCRL[i : i+1]})
	}
}

// needCA reports what means nothing without client_ca.
func (b *builder) needCA(path string, t *certs.ListenerTLS) {
	if b.Failed(path + ".client_ca") {
		return
	}
	for _, key := range []struct {
		name  string
		given bool
	}{
		{"client_certificate", t.ClientCertificate != ""}, {"client_crl", len(t.ClientCRL) > 0},
		{"client_crl_missing", t.ClientCRLMissing != ""}, {"client_deny", t.ClientDeny != ""},
	} {
		if key.given {
			b.problem(path+"."+key.name, "add client_ca", "%s needs a client_ca to check certificates with", key.name)
		}
	}
}

// checkClients reads files that decide which client certificates count, and reports whether they are good.
func (b *builder) checkClients(path string, l *Listener, t certs.ListenerTLS) bool {
	if b.Failed(path) {
		return false
	}
	if !b.options.Secrets {
		return true
	}
	clients, err := certs.LoadClients(&t)
	if err != nil {
		b.problem(path, "", "%v", err)
		return false
	}
	if len(t.ClientCRL) == 0 && t.ClientDeny == "" {
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
		switch {
		case c.Internal != nil:
			leaf = certs.Named(c.Internal.Hosts)
		case c.ACME != nil:
			leaf = certs.Named(c.ACME.Hosts)
		case b.chains[*c.Files] != nil:
			leaf = b.chains[*c.Files].Leaf
			b.noteChain("listener "+l.Name, b.chains[*c.Files])
		}
		if leaf == nil {
			return // it was not read
		}
		known = append(known, leaf)
	}
	covered := func(host string) bool {
		return slices.ContainsFunc(known, func(c *x509.Certificate) bool { return c.VerifyHostname(host) == nil })
	}
	for _, host := range setting.Texts(l.Hosts) {
		if !covered(host) && !(l.Address.Local() && ownHost(host)) {
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

// ownHost reports whether a host is a machine's own name for itself.
func ownHost(host string) bool { return host == "localhost" || setting.IsLoopback(host) }

// describeCertificate describes where a certificate comes from.
func describeCertificate(c certs.Certificate) string {
	switch {
	case c.ACME != nil:
		return describeACME(c.ACME)
	case c.Internal != nil:
		return fmt.Sprintf("issued by the authority in %s for %s, for %v", c.Internal.Dir, strings.Join(setting.Texts(c.Internal.Hosts), ", "), c.Internal.Lifetime)
	}
	return describeFiles(c.Files)
}

func describeFiles(f *certs.CertificateFiles) string { return "files " + f.Cert + ", " + f.Key }

// describeClients describes by what client certificates are checked.
func describeClients(t *certs.ListenerTLS) []string {
	if t.ClientCA == "" {
		return nil
	}
	lines := []string{"client certificates of " + t.ClientCA}
	if len(t.ClientCRL) > 0 {
		missing := "refused"
		if t.ClientCRLMissing == "allow" {
			missing = "allowed"
		}
		lines = append(lines, fmt.Sprintf("revoked ones: %s; without a list of now: %s", strings.Join(t.ClientCRL, ", "), missing))
	}
	if t.ClientDeny != "" {
		lines = append(lines, "denied ones: "+t.ClientDeny)
	}
	return lines
}
