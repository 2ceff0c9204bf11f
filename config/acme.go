package config

import (
	"fmt"
	"strings"

	"tollgate/config/strictyaml"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// acme completes what is needed to get certificates from an authority, and checks it. It connects to nothing.
func (b *builder) acme(path string, a *certs.ACMEConfig) {
	var secrets certs.ACMESecrets
	b.absolute(&a.CA, &a.Dir)
	if r := a.DNS.RFC2136; r != nil {
		secrets.TSIG, _ = b.secret(path+".dns.rfc2136.secret", r.Key)
	}
	if h := a.DNS.Huawei; h != nil {
		secrets.AccessKey, _ = b.secret(path+".dns.huaweicloud.access_key", h.AccessKey)
		secrets.SecretKey, _ = b.secret(path+".dns.huaweicloud.secret_key", h.SecretKey)
	}
	secrets.Binding, _ = b.secret(path+".account_binding.secret", a.Binding.Key)
	b.checkBundle(path+".ca", path, a.CA)
	if b.Has(path+".dns") && a.Challenge != certs.DNS01 && !b.Failed(path) {
		b.problem(path+".dns", "remove it, or set challenge: dns-01", "dns is for the challenge dns-01 only")
	}
	if b.Failed(path) {
		return
	}
	if err := a.Check(secrets); err != nil {
		b.problem(path, "", "%v", err)
	}
}

// httpChallenge checks that the challenges of HTTP-01 are answered if, and only if, there are some.
func (b *builder) httpChallenge(s *HTTPChallenge) {
	listener := b.wantsHTTPChallenge()
	switch {
	case b.Failed("http_challenge"):
	case s == nil && listener != nil:
		b.Add(strictyaml.Position{}, "", `add http_challenge: {address: ":80"}`,
			"http_challenge is missing: a certificate of listener %s has the challenge http-01", listener.Name)
	case s == nil:
	case listener == nil && !b.Failed("listeners"):
		b.problem("http_challenge", "remove it", "no certificate has the challenge http-01")
	case s.Address.Socket != "":
		b.problem("http_challenge.address", `use ":80"`, "an authority does not reach a unix socket")
	default:
		b.config.HTTPChallenge = s
		b.challengeAddressTaken(s.Address)
	}
}

func (b *builder) wantsHTTPChallenge() *Listener {
	for _, l := range b.config.Secured() {
		if l.TLS == nil {
			continue
		}
		for _, c := range l.TLS.Certificates {
			if c.ACME != nil && c.ACME.Challenge == certs.HTTP01 {
				return l
			}
		}
	}
	return nil
}

func (b *builder) challengeAddressTaken(a setting.Address) {
	b.listenerHas("http_challenge.address", a)
	if b.file.Admin != nil && !b.Failed("admin") && a.Overlaps(b.file.Admin.Address) {
		b.problem("http_challenge.address", "", "this is the admin address too")
	}
	if m := b.config.Metrics; m.Listens() && a.Overlaps(m.Address) {
		b.problem("http_challenge.address", "", "this is the address of the metrics listener too")
	}
	if r := b.config.Review; r != nil && a.Overlaps(r.Address) {
		b.problem("http_challenge.address", "", "this is the address of the review pages too")
	}
}

// describeACME describes where certificates come from, without secrets.
func describeACME(a *certs.ACMEConfig) string {
	how := string(a.Challenge)
	switch {
	case a.DNS.RFC2136 != nil:
		how += " through " + a.DNS.RFC2136.Server
	case a.DNS.Huawei != nil:
		how += " through Huawei Cloud in " + a.DNS.Huawei.Region
	}
	return fmt.Sprintf("issued by %s for %s (%s, %s), kept in %s", a.Directory, strings.Join(setting.Texts(a.Hosts), ", "), a.Key, how, a.Dir)
}
