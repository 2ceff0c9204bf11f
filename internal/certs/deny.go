package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// denyList is certificates that are refused, by serial number.
type denyList map[string][]denial

// denial is one line of the list.
type denial struct {
	line   int
	issuer *[sha256.Size]byte // fingerprint of the issuer's certificate; nil: any issuer
}

// maxSerial is the length of a serial number in octets (RFC 5280, section 4.1.2.2).
const maxSerial = 20

// maxProblems bounds what an error lists.
const maxProblems = 10

// parseDenyList reads a list with one certificate in a line: its serial number in hexadecimal, as "openssl x509 -serial" prints it or
// without its "serial=", and optionally the SHA-256 fingerprint of its issuer's certificate, as "openssl x509 -fingerprint -sha256" does.
// Colons may stand between octets, and "0x" before a number. "#" begins a comment.
func parseDenyList(data []byte) (*denyList, error) {
	list := denyList{}
	var problems []error
	line := 0
	for words := range strings.Lines(string(data)) {
		line++
		words, _, _ = strings.Cut(words, "#")
		if err := list.add(line, strings.Fields(words)); err != nil && len(problems) < maxProblems {
			problems = append(problems, fmt.Errorf("line %d: %w", line, err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &list, nil
}

func (l denyList) add(line int, words []string) error {
	if len(words) == 0 {
		return nil
	}
	if len(words) > 2 {
		return errors.New("has more than a serial number and the fingerprint of an issuer")
	}
	serial, ok := parseSerial(words[0])
	if !ok { // not shown: it may be of a key file
		return fmt.Errorf("begins with no serial number: up to %d octets in hexadecimal, colons between all of them or none", maxSerial)
	}
	entry := denial{line: line}
	if len(words) == 2 {
		sum, err := hex.DecodeString(strings.ReplaceAll(words[1], ":", ""))
		if err != nil || len(sum) != sha256.Size {
			return errors.New("has no SHA-256 fingerprint of a certificate behind the serial number: 64 hexadecimal digits")
		}
		entry.issuer = (*[sha256.Size]byte)(sum)
	}
	l[serial] = append(l[serial], entry)
	return nil
}

// parseSerial returns the octets of a serial number without leading zeros. What is longer than any serial number, such as a
// fingerprint, would deny no certificate; a colon that is missing would make another number of it.
func parseSerial(word string) (octets string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(word, "serial="), "0x"), ":")
	if len(parts) > 1 && slices.ContainsFunc(parts, func(octet string) bool { return len(octet) != 2 }) {
		return "", false
	}
	digits := strings.Join(parts, "")
	const sign = "00" // of DER, before an octet of 0x80 or more
	if len(strings.TrimPrefix(digits, sign)) > 2*maxSerial || !isHex(digits) {
		return "", false
	}
	serial, _ := new(big.Int).SetString(digits, 16) // hexadecimal digits are a number
	return string(serial.Bytes()), true
}

func isHex(digits string) bool {
	return digits != "" && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// find returns the line that denies a certificate, or 0. A chain's last certificate is its own issuer.
func (l denyList) find(certificate, issuer *x509.Certificate) (line int) {
	if len(l) == 0 {
		return 0
	}
	for _, entry := range l[string(certificate.SerialNumber.Bytes())] {
		if entry.issuer == nil || *entry.issuer == sha256.Sum256(issuer.Raw) {
			return entry.line
		}
	}
	return 0
}
