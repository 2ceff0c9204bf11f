package tlspolicy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pin names a public key: the SHA-256 of its SubjectPublicKeyInfo (RFC 7469, section 2.4). A renewed certificate with the
// same key has the same pin.
type Pin [sha256.Size]byte

// PinOf returns the pin of a certificate's key.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String returns the pin in base64, without the prefix that it has in a configuration.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

// PinPrefix stands before a pin in a configuration.
const PinPrefix = "sha256/"

// UnmarshalText implements [encoding.TextUnmarshaler]: the prefix and 44 characters of base64. Each pin has one spelling.
func (p *Pin) UnmarshalText(b []byte) error {
	text, ok := strings.CutPrefix(string(b), PinPrefix)
	if !ok {
		return errors.New(`want "sha256/" and the SHA-256 of a public key in base64`)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != sha256.Size || strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("pin %.60q: must be the SHA-256 of a public key (SubjectPublicKeyInfo) in base64, which is 44 characters; "+
			"for a certificate: openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64", text)
	}
	*p = Pin(raw)
	return nil
}

func (p Pin) Pattern() string { return `^sha256/[A-Za-z0-9+/]{43}=$` }
func (p Pin) Kind() string    { return "pin" }

// CheckPins takes the pins of an upstream: none, or at least two different ones, since the day on which the only pinned key
// is lost or has leaked would be the last day of service.
func CheckPins(pins []Pin) error {
	var problems []error
	for i, pin := range pins {
		if slices.Contains(pins[:i], pin) {
			problems = append(problems, fmt.Errorf("pin %v is there twice", pin))
		}
	}
	if len(pins) == 1 {
		problems = append(problems, errors.New("there is one pin only: add that of a spare key, kept offline, or of an authority of the chain"))
	}
	return errors.Join(problems...)
}

// checkPins wants a pinned key in one chain that was verified and is strong. What the peer sent beside its chain does not
// count: anyone can send along a certificate that is not theirs.
func (p *Policy) checkPins(pins []Pin, chains [][]*x509.Certificate) error {
	if len(pins) == 0 {
		return nil
	}
	var found []string
	for _, chain := range strong(chains) {
		for _, certificate := range chain {
			pin := PinOf(certificate)
			if slices.Contains(pins, pin) {
				return nil
			}
			if text := pin.String(); !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
	}
	return &NotAllowed{Policy: p.name, Kind: KindPin, Why: "no key of the peer's chain is pinned; its keys, leaf first, are " + strings.Join(found, ", ")}
}
