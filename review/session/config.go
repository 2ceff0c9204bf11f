package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"tollgate/caller"
)

// Identity is one person: an entry of `identities`.
type Identity struct {
	// Name is how records and pages call the person.
	Name string `yaml:"-"`
	// What the person shows to sign in: one proof or several. None is another person's, or a caller's.
	Proofs []Proof `yaml:"proofs" need:"yes"`
	// What the person may do: a `viewer` looks at pages, a `reviewer` may do what a viewer may.
	Roles []Role `yaml:"roles" need:"yes" choice:"viewer|reviewer"`
}

// Proof is one entry of `proofs` of an identity: exactly one of its keys.
type Proof struct {
	// A client certificate of the `client_ca` of `review.tls`, where `review.sign_in` is `certificate`.
	Certificate *caller.CertificateName `yaml:"certificate"`
	// A token that the person keeps, where `review.sign_in` is `token`.
	Token *Token `yaml:"token"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (Proof) ExactlyOne() {}

// Token is `token` of a proof. The gateway does not hold the token itself: who reads its configuration cannot sign in by it.
type Token struct {
	// The SHA-256 of the token, in hexadecimal. A token is random and has at least 43 characters, as many as 32 bytes in base64 have; a shorter
	// one is refused when it is shown. `openssl rand -hex 32 | tr -d '\n' | tee token | sha256sum` makes one in the file
	// `token` and prints its hash.
	SHA256 Hash `yaml:"sha256" need:"yes"`
}

// InsteadOfSecret returns what to write where a token would stand.
func (Token) InsteadOfSecret() string { return "{sha256: HASH}" }

// Hash is a SHA-256 of something secret. What is shown is hashed before it is looked for, so how long the search takes says nothing of how much
// of it is right.
type Hash [sha256.Size]byte

func hashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// UnmarshalText reads what String returns, in lower or upper case.
func (h *Hash) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(h[:], text[:min(len(text), 2*len(h))]); err != nil || n != len(h) || len(text) != 2*len(h) {
		return fmt.Errorf("want the %d hexadecimal digits of a SHA-256", 2*len(h))
	}
	return nil
}

// Pattern implements the values of a configuration.
func (h Hash) Pattern() string { return `^[0-9A-Fa-f]{64}$` }

// Kind implements the values of a configuration.
func (h Hash) Kind() string { return "hash" }

// MinToken is how many characters a token has at least: those of 32 bytes in base64. What is shorter may be a password, which a search through
// guesses finds from its hash.
const MinToken = 43

// ID returns what distinguishes a proof from all others: "certificate name spiffe://corp/li", "token 1f2e…".
func (p *Proof) ID() string {
	if n := p.Certificate; n != nil {
		return certificateID(n.URI + strings.ToLower(n.DNS) + n.CommonName)
	}
	return tokenID(p.Token.SHA256)
}

// Short returns a proof as operators read it. A hash is short.
func (p *Proof) Short() string {
	if p.Certificate != nil {
		return p.ID()
	}
	return tokenID(p.Token.SHA256)[:len("token ")+8] + "…"
}

func certificateID(name string) string { return "certificate name " + name }

func tokenID(hash Hash) string { return "token " + hash.String() }
