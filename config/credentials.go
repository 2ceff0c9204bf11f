package config

import (
	"fmt"
	"slices"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/nearest"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// buildCredentials takes the credentials whose upstream is known, also those whose secrets cannot be read: the grants that name them
// can still be checked.
func (b *builder) buildCredentials() {
	byKey := map[string]string{}
	for _, name := range b.credentialNames {
		c := b.file.Credentials[name]
		c.Name = name
		well, accessKey := b.checkCredential("credentials."+name, &c)
		if !well {
			continue
		}
		b.credentials[name] = &c.Facts
		b.config.Credentials = append(b.config.Credentials, &c)
		if other, twice := byKey[accessKey]; twice && b.options.Secrets {
			b.note("credentials %s and %s have the same access key: the provider locks it for both, but each is paused alone", other, name)
		}
		byKey[accessKey] = name
	}
}

// checkCredential reports whether all but the keys is right, and returns the access key.
func (b *builder) checkCredential(path string, c *credential.Config) (well bool, accessKey string) {
	var ok bool
	c.Upstream, ok = b.credentialUpstream(path, c)
	b.checkKinds(path, c)
	well = ok && !b.Failed(path)
	return well, b.checkKeys(path, c)
}

// checkKeys returns the access key.
func (b *builder) checkKeys(path string, c *credential.Config) string {
	none := setting.Reference{}
	apart := c.AccessKey != none || c.SecretKey != none || c.SecurityToken != nil
	switch {
	case c.Keys != nil && apart:
		b.problem(path+".keys", "give keys alone: its file holds all of them", "keys stands beside access_key, secret_key or security_token")
	case c.Keys != nil && b.Failed(path+".keys"):
		return ""
	case c.Keys != nil:
		return b.checkKeyFile(path+".keys", c)
	case (c.AccessKey == none || c.SecretKey == none) && !b.Failed(path): // otherwise one may be there, and not be good
		b.Add(b.Key(path), path, "keys: {file: F.json}, or access_key and secret_key", "the keys are missing in %s, or one of them", path)
	}
	return b.checkKeyByKey(path, c)
}

// checkKeyFile reads all keys from one file.
func (b *builder) checkKeyFile(path string, c *credential.Config) string {
	b.keepPrivate(path, setting.Resolve(b.dir, c.Keys.File))
	if !b.options.Secrets {
		return placeholder
	}
	keys, err := c.Read(setting.Secrets{Dir: b.dir, LookupEnv: b.options.LookupEnv})
	if err != nil {
		b.Add(b.Key(path), path, "", "%v", err)
		return ""
	}
	b.own(owner{path: path}, secret.New(keys.AccessKey))
	b.own(owner{path: path}, keys.SecretKey)
	return keys.AccessKey
}

// checkKeyByKey reads each key by itself, so that what is wrong with it is reported where it stands.
func (b *builder) checkKeyByKey(path string, s *credential.Config) string {
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
func (b *builder) credentialUpstream(path string, s *credential.Config) (string, bool) {
	name := s.Upstream
	if name == "" {
		signed := b.upstreamsSigned(true)
		if len(signed) != 1 && !b.Failed("upstreams") {
			b.problem(path, nearest.List(signed), "upstream is missing in %s: it may be left out only when the file has exactly one signed upstream", path)
		}
		if len(signed) != 1 {
			return "", false
		}
		name = signed[0]
	}
	if name == "" || !b.named(path+".upstream", "upstream", name, b.upstreamNames) {
		return "", false
	}
	u := b.upstreams[name]
	if u == nil {
		return "", false
	}
	if !u.Signed() {
		b.problem(path+".upstream", "", "upstream %s is not signed: it takes no credential", name)
	}
	return name, u.Signed()
}

// kindClass is the class that each narrower kind belongs to.
var kindClass = map[catalog.Kind]catalog.Class{
	catalog.KindDistributor:      catalog.ClassPartner,
	catalog.KindEnterpriseMaster: catalog.ClassCustomer,
}

func (b *builder) checkKinds(path string, c *credential.Config) {
	for i, kind := range c.Kinds {
		at := fmt.Sprintf("%s.kinds[%d]", path, i)
		switch class := kindClass[kind]; {
		case kind == catalog.KindAny: // reported when it was read
		case c.Class != catalog.ClassNone && class != c.Class:
			b.problem(at, "", "kind %s is for credentials of class %s, this one is of class %s", kind, class, c.Class)
		case slices.Contains(c.Kinds[:i], kind):
			b.problem(at, "", "kind %s is listed twice", kind)
		}
	}
}
