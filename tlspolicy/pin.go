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

// PinOf gives the pin of a certificate's key.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String gives the pin in base64, as ParsePin reads it.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

// ParsePin reads a pin: 44 characters of base64. Each pin has one spelling.
func ParsePin(text string) (Pin, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != sha256.Size || strings.ContainsAny(text, "\r\n") {
		return Pin{}, fmt.Errorf("pin %.60q: must be the SHA-256 of a public key (SubjectPublicKeyInfo) in base64, which is 44 characters; "+
			"for a certificate: openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64", text)
	}
	return Pin(raw), nil
}

// ParsePins reads the pins of an upstream: none, or at least two different ones, since the day on which the only pinned key
// is lost or has leaked would be the last day of service.
func ParsePins(texts []string) ([]Pin, error) {
	var pins []Pin
	var problems []error
	for _, text := range texts {
		pin, err := ParsePin(text)
		switch {
		case err != nil:
			problems = append(problems, err)
		case slices.Contains(pins, pin):
			problems = append(problems, fmt.Errorf("pin %s is there twice", text))
		default:
			pins = append(pins, pin)
		}
	}
	if len(pins) == 1 && len(problems) == 0 {
		problems = append(problems, errors.New("there is one pin only: add that of a spare key, kept offline, or of an authority of the chain"))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return pins, nil
}

// checkPins wants a pinned key in one chain that was verified and is strong. What the peer sent beside its chain does not
// count: anybody can send along a certificate that is not theirs.
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
