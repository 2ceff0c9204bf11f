package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// denyList is certificates that are refused, by serial number.
type denyList map[string][]denial

// denial is one line of the list.
type denial struct {
	line   int
	issuer *[sha256.Size]byte // fingerprint of the issuer's certificate; nil: any issuer
}

// maxSerial is the length of a serial number in hexadecimal digits: 20 bytes are allowed (RFC 5280, section 4.1.2.2), some
// authorities give more.
const maxSerial = 128

// maxProblems bounds what an error lists.
const maxProblems = 10

// parseDenyList reads a list with one certificate in a line: its serial number in hexadecimal, the digits that "openssl x509 -serial"
// shows, and optionally the SHA-256 fingerprint of its issuer's certificate, as "openssl x509 -fingerprint -sha256" does.
// Colons between digits do not matter, nor does "0x" before a number. "#" begins a comment.
func parseDenyList(text string) (denyList, error) {
	list := denyList{}
	var problems []error
	line := 0
	for words := range strings.Lines(text) {
		line++
		words, _, _ = strings.Cut(words, "#")
		if err := list.add(line, strings.Fields(words)); err != nil && len(problems) < maxProblems {
			problems = append(problems, fmt.Errorf("line %d: %w", line, err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return list, nil
}

func (l denyList) add(line int, words []string) error {
	if len(words) == 0 {
		return nil
	}
	if len(words) > 2 {
		return errors.New("has more than a serial number and the fingerprint of an issuer")
	}
	digits := strings.ReplaceAll(strings.TrimPrefix(words[0], "0x"), ":", "")
	if len(digits) > maxSerial || !isHex(digits) {
		return fmt.Errorf("begins with no serial number: up to %d hexadecimal digits", maxSerial) // not shown: it may be of a key file
	}
	serial, _ := new(big.Int).SetString(digits, 16) // hexadecimal digits are a number
	entry := denial{line: line}
	if len(words) == 2 {
		sum, err := hex.DecodeString(strings.ReplaceAll(words[1], ":", ""))
		if err != nil || len(sum) != sha256.Size {
			return errors.New("has no SHA-256 fingerprint of a certificate behind the serial number: 64 hexadecimal digits")
		}
		entry.issuer = (*[sha256.Size]byte)(sum)
	}
	key := string(serial.Bytes())
	l[key] = append(l[key], entry)
	return nil
}

func isHex(digits string) bool {
	return digits != "" && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// find gives the line that denies a certificate, or 0. A chain's last certificate is its own issuer.
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
