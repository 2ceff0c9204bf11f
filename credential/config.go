package credential

import (
	"fmt"
	"slices"

	"tollgate/catalog"
	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// Config is one entry of `credentials`: what the credential is, and where its keys are kept.
type Config struct {
	Facts
	// The file that holds all of the keys. It is the recommended form: keys that change are whole in it. Either this, or `access_key` and
	// `secret_key`.
	Keys *KeyFile `yaml:"keys"`
	// The access key (AK).
	AccessKey setting.Reference `yaml:"access_key"`
	// The secret key (SK).
	SecretKey setting.Reference `yaml:"secret_key"`
	// The security token that belongs to temporary keys.
	SecurityToken *setting.Reference `yaml:"security_token"`
}

// KeyFile is `keys` of a credential.
type KeyFile struct {
	// The path of a JSON file as programs for AWS's `credential_process` write it: `Version` (1), `AccessKeyId`, `SecretAccessKey`, and for
	// temporary keys `SessionToken` and `Expiration`. Keys that change in it are used within 20 seconds. Only the gateway's user and groups
	// should be able to read it.
	File string `yaml:"file" path:"secret" need:"yes"`
}

// Shown returns the path as it can be shown: see [setting.Reference.Shown].
func (k KeyFile) Shown(dir string) KeyFile {
	return KeyFile{setting.Reference{File: k.File}.Shown(dir).File}
}

// InsteadOfSecret returns what to write where a secret would stand.
func (KeyFile) InsteadOfSecret() string { return "{file: PATH}" }

// Read reads the keys from where they are kept.
func (c *Config) Read(kept setting.Secrets) (keys Keys, err error) {
	if c.Keys != nil {
		data, shown, err := kept.ReadFile(c.Keys.File)
		if err != nil {
			return Keys{}, fmt.Errorf("keys: %w", err)
		}
		if keys, err = ParseKeys(data); err != nil {
			return Keys{}, fmt.Errorf("keys: file %s: %w", shown, err)
		}
		return keys, nil
	}
	accessKey, err := kept.Read(c.AccessKey)
	if err == nil {
		err = CheckAccessKey(accessKey.Reveal())
	}
	if err != nil {
		return Keys{}, fmt.Errorf("access_key: %w", err)
	}
	keys.AccessKey = accessKey.Reveal()
	if keys.SecretKey, err = kept.Read(c.SecretKey); err != nil {
		return Keys{}, fmt.Errorf("secret_key: %w", err)
	}
	if c.SecurityToken != nil {
		if keys.SecurityToken, err = kept.Read(*c.SecurityToken); err != nil {
			return Keys{}, fmt.Errorf("security_token: %w", err)
		}
	}
	return keys, nil
}

// Files are the paths of the files that the keys are kept in.
func (c *Config) Files(dir string) (paths []string) {
	if c.Keys != nil {
		return []string{setting.Resolve(dir, c.Keys.File)}
	}
	for _, r := range []*setting.Reference{&c.AccessKey, &c.SecretKey, c.SecurityToken} {
		if r != nil && r.File != "" {
			paths = append(paths, setting.Resolve(dir, r.File))
		}
	}
	return paths
}

// Facts are what a credential is without its keys: what decisions about it need.
type Facts struct {
	Name string `yaml:"-"`
	// Whose keys they are.
	Class catalog.Class `yaml:"class" need:"yes" choice:"partner|customer"`
	// What the account is besides: `distributor` (a partner that is a general distributor), `enterprise-master` (a
	// customer that is the master account of an enterprise). Some operations ask for it.
	Kinds []catalog.Kind `yaml:"kinds" choice:"distributor|enterprise-master"`
	// The upstream whose calls it signs. May be left out when the file has only one signed upstream.
	Upstream string `yaml:"upstream"`
	// The account id. It is sent as `X-Domain-Id`. A `{domain_id}` in a path, and an `X-Domain-Id` of a caller, must equal it: but with a
	// partner credential that of the path of `queryOrderDetail` is the customer's, which `customers` of a grant may restrict. Without a
	// `domain_id` a caller's `X-Domain-Id` is dropped.
	DomainID setting.Account `yaml:"domain_id"`
	// The partner's account id, which a `{partner_id}` in a path must equal. Default: `domain_id` of a partner credential.
	PartnerID setting.Account `yaml:"partner_id"`
}

// Fixed lists the keys that a running gateway cannot read again.
func (c *Config) Fixed() (keys []string) {
	if c.AccessKey.Env != "" {
		keys = append(keys, "access_key")
	}
	if c.SecretKey.Env != "" {
		keys = append(keys, "secret_key")
	}
	if c.SecurityToken != nil && c.SecurityToken.Env != "" {
		keys = append(keys, "security_token")
	}
	return keys
}

// Partner returns the id that is demanded of every {partner_id} in a path; empty if there is none.
func (f *Facts) Partner() setting.Account {
	if f.PartnerID == "" && f.Class == catalog.ClassPartner {
		return f.DomainID
	}
	return f.PartnerID
}

// Equal reports whether two credentials are the same but for their keys.
func (f *Facts) Equal(other *Facts) bool {
	return f.Name == other.Name && f.Upstream == other.Upstream && f.Class == other.Class && slices.Equal(f.Kinds, other.Kinds) &&
		f.DomainID == other.DomainID && f.PartnerID == other.PartnerID
}

// ClassError says why a credential must not sign an operation.
type ClassError struct {
	Credential string
	Class      catalog.Class
	Operation  string
	Wants      words.Message
}

func (e *ClassError) Error() string { return e.Message().String() }

// Message returns the text.
func (e *ClassError) Message() words.Message {
	return words.Say("error.grant.class", "Credential", e.Credential, "Class", e.Class, "Operation", e.Operation, "Wants", e.Wants)
}

// Permits checks that the credential may sign the operation: its class, and the narrower kind where one is asked for.
// An operation of unknown class is permitted to both classes here; that a person has confirmed it is checked where the
// grant is read. The error is a *[ClassError].
func (f *Facts) Permits(operation *catalog.Operation) error {
	if !f.has(operation) {
		return &ClassError{f.Name, f.Class, operation.Name, wanted(operation)}
	}
	return nil
}

func (f *Facts) has(operation *catalog.Operation) bool {
	switch operation.Class {
	case catalog.ClassPartner, catalog.ClassCustomer:
		if f.Class != operation.Class {
			return false
		}
	case catalog.ClassEither, catalog.ClassUnknown:
	default: // an unsigned endpoint takes no credential
		return false
	}
	return operation.Kind == catalog.KindAny || slices.Contains(f.Kinds, operation.Kind)
}

func wanted(operation *catalog.Operation) words.Message {
	switch {
	case operation.Class == catalog.ClassNone:
		return words.Say("error.grant.wants_none")
	case operation.Kind != catalog.KindAny:
		return words.Say("error.grant.wants_kind", "Class", operation.Class, "Kind", operation.Kind)
	default:
		return words.Say("error.grant.wants_class", "Class", operation.Class)
	}
}
