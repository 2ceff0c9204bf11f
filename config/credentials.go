package config

import (
	"fmt"
	"slices"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/nearest"
)

// buildCredentials takes the credentials whose upstream is known, also those whose secrets cannot be read: the grants that name them
// can still be checked.
func (b *builder) buildCredentials() {
	byKey := map[string]string{}
	for _, name := range sortedNames(b.file.Credentials) {
		written := b.file.Credentials[name]
		c, accessKey := b.buildCredential("credentials."+name, name, &written)
		if c == nil {
			continue
		}
		b.credentials[name] = c
		b.config.Credentials = append(b.config.Credentials, c)
		if other, twice := byKey[accessKey]; twice && b.options.Secrets {
			b.note("credentials %s and %s have the same access key: the provider locks it for both, but each is paused alone", other, name)
		}
		byKey[accessKey] = name
	}
}

func (b *builder) buildCredential(path, name string, s *credentialConfig) (c *Credential, accessKey string) {
	class, err := catalog.ParseClass(s.Class)
	upstream, ok := b.credentialUpstream(path, s)
	kinds := b.kinds(path, s)
	well := err == nil && ok && !b.Failed(path)
	accessKey = b.checkKeys(path, s)
	if !well {
		return nil, ""
	}
	return &Credential{
		Facts: credential.Facts{
			Name: name, Upstream: upstream, Class: class, Kinds: kinds, DomainID: string(s.DomainID), PartnerID: string(s.PartnerID),
		},
		AccessKey: s.AccessKey, SecretKey: s.SecretKey, SecurityToken: s.SecurityToken,
	}, accessKey
}

// checkKeys reads each key by itself, so that what is wrong with it is reported where it stands. It returns the access key.
func (b *builder) checkKeys(path string, s *credentialConfig) string {
	key, ok := b.secret(path+".access_key", s.AccessKey)
	if err := credential.CheckAccessKey(key.Reveal()); ok && err != nil {
		b.Add(b.Key(path+".access_key"), path+".access_key", "", "access_key: %v", err)
	} else if ok {
		b.own(owner{path: path + ".access_key"}, key)
	}
	if secretKey, ok := b.secret(path+".secret_key", s.SecretKey); ok {
		b.own(owner{path: path + ".secret_key"}, secretKey)
	}
	if s.SecurityToken != nil {
		b.secret(path+".security_token", *s.SecurityToken)
	}
	return key.Reveal()
}

// credentialUpstream finds the upstream: the one that is named, or the only signed one.
func (b *builder) credentialUpstream(path string, s *credentialConfig) (string, bool) {
	name := s.Upstream
	if signed := b.upstreamNames(true); name == "" && len(signed) == 1 {
		name = signed[0]
	} else if name == "" && !b.Failed("upstreams") {
		b.problem(path, nearest.List(signed), "upstream is missing in %s: it may be left out only when the file has exactly one signed upstream", path)
		return "", false
	}
	if name == "" || !b.named(path+".upstream", "upstream", name, sortedNames(b.file.Upstreams)) {
		return "", false
	}
	u := b.upstreams[name]
	if u == nil {
		return "", false
	}
	if !u.Signed {
		b.problem(path+".upstream", "", "upstream %s is not signed: it takes no credential", name)
	}
	return name, u.Signed
}

// kindClass is the class that each narrower kind belongs to.
var kindClass = map[catalog.Kind]catalog.Class{
	catalog.KindDistributor:      catalog.ClassPartner,
	catalog.KindEnterpriseMaster: catalog.ClassCustomer,
}

func (b *builder) kinds(path string, s *credentialConfig) []catalog.Kind {
	var kinds []catalog.Kind
	for i, text := range s.Kinds {
		kind, at := catalog.Kind(text), fmt.Sprintf("%s.kinds[%d]", path, i)
		switch class := kindClass[kind]; {
		case text == "": // reported when it was read
		case s.Class != "" && class.String() != s.Class:
			b.problem(at, "", "kind %s is for credentials of class %s, this one is of class %s", text, class, s.Class)
		case slices.Contains(kinds, kind):
			b.problem(at, "", "kind %s is listed twice", text)
		}
		kinds = append(kinds, kind)
	}
	return kinds
}
