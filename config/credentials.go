package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/nearest"
	"tollgate/internal/secret"
)

// buildCredentials makes the credentials whose upstream is known. One whose secrets cannot be read gets placeholders: that
// problem is reported, and the grants that name the credential can still be checked.
func (b *builder) buildCredentials() {
	byKey := map[string]string{}
	for _, name := range sortedNames(b.file.Credentials) {
		written := b.file.Credentials[name]
		c := b.buildCredential("credentials."+name, name, &written)
		if c == nil {
			continue
		}
		b.credentials[name] = c
		b.config.Credentials = append(b.config.Credentials, c)
		if other, twice := byKey[c.AccessKey()]; twice && b.options.Secrets {
			b.note("credentials %s and %s have the same access key: the provider locks it for both, but each is paused alone", other, name)
		}
		byKey[c.AccessKey()] = name
	}
}

func (b *builder) buildCredential(path, name string, s *credentialConfig) *credential.Credential {
	class, err := catalog.ParseClass(s.Class)
	upstream, ok := b.credentialUpstream(path, s)
	kinds := b.kinds(path, s)
	well := err == nil && ok && !b.Failed(path)
	load := func() (credential.Keys, error) { return b.secrets.keys(s) }
	if !b.checkKeys(path, s) {
		load = func() (credential.Keys, error) {
			return credential.Keys{AccessKey: placeholder, SecretKey: secret.New(placeholder)}, nil
		}
	}
	if !well {
		return nil
	}
	c, err := credential.New(credential.Config{
		Facts: credential.Facts{
			Name: name, Upstream: upstream, Class: class, Kinds: kinds, DomainID: string(s.DomainID), PartnerID: string(s.PartnerID),
		},
		Load: load, Fixed: s.inEnvironment(),
	})
	if err != nil {
		b.problem(path, "", "%v", err)
		return nil
	}
	return c
}

// inEnvironment lists the keys that a running gateway cannot read again.
func (s *credentialConfig) inEnvironment() (keys []string) {
	if s.AccessKey.Env != "" {
		keys = append(keys, "access_key")
	}
	if s.SecretKey.Env != "" {
		keys = append(keys, "secret_key")
	}
	if s.SecurityToken != nil && s.SecurityToken.Env != "" {
		keys = append(keys, "security_token")
	}
	return keys
}

// accessKeyExpr is what an access key may be: it stands in the Authorization header, where "," and "=" have a meaning.
var accessKeyExpr = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// checkKeys reads each key by itself, so that what is wrong with it is reported where it stands.
func (b *builder) checkKeys(path string, s *credentialConfig) bool {
	key, ok := b.secret(path+".access_key", s.AccessKey)
	if ok && !accessKeyExpr.MatchString(key.Reveal()) {
		b.Add(b.Key(path+".access_key"), path+".access_key", "", "access_key: what it refers to is not an access key")
		ok = false
	}
	if ok {
		b.own(owner{path: path + ".access_key"}, key)
	}
	secretKey, secretOK := b.secret(path+".secret_key", s.SecretKey)
	if secretOK {
		b.own(owner{path: path + ".secret_key"}, secretKey)
	}
	tokenOK := true
	if s.SecurityToken != nil {
		_, tokenOK = b.secret(path+".security_token", *s.SecurityToken)
	}
	return ok && secretOK && tokenOK
}

// keys reads all secrets of a credential.
func (s *secretReader) keys(c *credentialConfig) (credential.Keys, error) {
	accessKey, err := s.read(c.AccessKey)
	if err != nil {
		return credential.Keys{}, fmt.Errorf("access_key: %w", err)
	}
	if !accessKeyExpr.MatchString(accessKey.Reveal()) {
		return credential.Keys{}, errors.New("access_key: what it refers to is not an access key")
	}
	secretKey, err := s.read(c.SecretKey)
	if err != nil {
		return credential.Keys{}, fmt.Errorf("secret_key: %w", err)
	}
	var token secret.String
	if c.SecurityToken != nil {
		if token, err = s.read(*c.SecurityToken); err != nil {
			return credential.Keys{}, fmt.Errorf("security_token: %w", err)
		}
	}
	return credential.Keys{AccessKey: accessKey.Reveal(), SecretKey: secretKey, SecurityToken: token}, nil
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
