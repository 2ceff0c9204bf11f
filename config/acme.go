package config

import (
	"fmt"
	"strings"

	"tollgate/config/strictyaml"
	"tollgate/internal/certs/acme"
	"tollgate/internal/setting"
)

// acme makes what is needed to get certificates from an authority. It asks nobody.
func (b *builder) acme(path string, s *acmeConfig) *ACME {
	a := &ACME{CAFile: setting.Resolve(b.dir, s.CA), Config: acme.Config{
		Directory: s.Directory, Hosts: certificateHosts(s.Hosts), Email: s.Email,
		Binding: b.accountBinding(path+".account_binding", s.AccountBinding),
		Dir:     setting.Resolve(b.dir, s.Dir), Key: acme.Key(s.Key), Challenge: acme.Challenge(s.Challenge),
		DNS: b.acmeDNS(path+".dns", s.DNS),
	}}
	b.checkBundle(path+".ca", path, a.CAFile)
	if s.DNS != nil && a.Challenge != acme.DNS01 && !b.Failed(path) {
		b.problem(path+".dns", "remove it, or set challenge: dns-01", "dns is for the challenge dns-01 only")
	}
	if b.Failed(path) {
		return a
	}
	if err := a.Check(); err != nil {
		b.problem(path, "", "%v", err)
	}
	return a
}

func (b *builder) accountBinding(path string, s *accountBindingConfig) acme.Binding {
	if s == nil {
		return acme.Binding{}
	}
	key, _ := b.secret(path+".secret", s.Secret)
	return acme.Binding{KeyID: s.KeyID, Key: key}
}

func (b *builder) acmeDNS(path string, s *acmeDNSConfig) acme.DNS {
	if s == nil {
		return acme.DNS{}
	}
	dns := acme.DNS{Resolvers: s.Resolvers}
	if r := s.RFC2136; r != nil {
		key, _ := b.secret(path+".rfc2136.secret", r.Secret)
		dns.RFC2136 = &acme.RFC2136{Server: r.Server, KeyName: r.KeyName, Algorithm: r.Algorithm, Key: key}
	}
	if h := s.HuaweiCloud; h != nil {
		accessKey, _ := b.secret(path+".huaweicloud.access_key", h.AccessKey)
		secretKey, _ := b.secret(path+".huaweicloud.secret_key", h.SecretKey)
		dns.Huawei = &acme.Huawei{AccessKey: accessKey, SecretKey: secretKey, Region: h.Region}
	}
	return dns
}

// httpChallenge checks that the challenges of HTTP-01 are answered if, and only if, there are some.
func (b *builder) httpChallenge(s *httpChallengeConfig) {
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
		b.config.HTTPChallenge = s.Address.Listen(b.dir)
		b.challengeAddressTaken(s.Address)
	}
}

func (b *builder) wantsHTTPChallenge() *Listener {
	for _, l := range b.config.Listeners {
		if l.TLS == nil {
			continue
		}
		for _, c := range l.TLS.Certificates {
			if c.ACME != nil && c.ACME.Challenge == acme.HTTP01 {
				return l
			}
		}
	}
	return nil
}

func (b *builder) challengeAddressTaken(a setting.Address) {
	for i, l := range b.file.Listeners {
		if !b.Failed(listenerPath(i)) && a.Overlaps(l.Address) {
			b.problem("http_challenge.address", "", "this is the address of listener %s too", b.listenerName(i))
		}
	}
	if b.file.Admin != nil && !b.Failed("admin") && a.Overlaps(b.file.Admin.Address) {
		b.problem("http_challenge.address", "", "this is the address of the admin listener too")
	}
}

// describe says where certificates come from, without secrets.
func (a *ACME) describe() string {
	how := string(a.Challenge)
	switch {
	case a.DNS.RFC2136 != nil:
		how += " through " + a.DNS.RFC2136.Server
	case a.DNS.Huawei != nil:
		how += " through Huawei Cloud in " + a.DNS.Huawei.Region
	}
	return fmt.Sprintf("issued by %s for %s (%s, %s), kept in %s", a.Directory, strings.Join(a.Hosts, ", "), a.Key, how, a.Dir)
}
