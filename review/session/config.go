package session

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"tollgate/caller"
)

// Identity is one person: an entry of `identities`.
type Identity struct {
	// Name is how records and pages call the person.
	Name string `yaml:"-"`
	// What the person shows to sign in: one proof or several. All are of this person, and none is of another person or of a caller.
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
	// The SHA-256 of the token, in hexadecimal. A token is random and has at least 43 characters, which is 32 bytes in base64; shorter ones are
	// refused when they are shown. `openssl rand -hex 32` makes one, `printf %s TOKEN | sha256sum` its hash.
	SHA256 string `yaml:"sha256" need:"yes"`
}

// MinToken is how many characters a token has at least: those of 32 bytes in base64. What is shorter may be a password, which a search through
// guesses finds from its hash.
const MinToken = 43

// Check reports what is wrong with a proof.
func (p *Proof) Check() error {
	if p.Certificate != nil {
		return p.Certificate.Check()
	}
	if p.Token == nil {
		return errors.New("a proof is a certificate or a token")
	}
	_, err := p.Token.hash()
	return err
}

// ID returns what distinguishes a proof from all others.
func (p *Proof) ID() string {
	if n := p.Certificate; n != nil {
		return "certificate name " + n.URI + strings.ToLower(n.DNS) + n.CommonName
	}
	hash, _ := p.Token.hash()
	return "token " + hex.EncodeToString(hash[:])
}

func (t *Token) hash() (hash digest, err error) {
	bytes, err := hex.DecodeString(t.SHA256)
	if err != nil || len(bytes) != len(hash) {
		return hash, fmt.Errorf("sha256: must be %d hexadecimal digits", 2*len(hash))
	}
	return digest(bytes), nil
}
