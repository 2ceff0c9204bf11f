package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// How much of an offer is kept. Honest peers stay far below; a ClientHello has room for tens of thousands.
const (
	maxOfferedVersions = 8
	maxOfferedSuites   = 64
	maxOfferedGroups   = 32
)

// Offer is what a peer offered in its ClientHello, bounded and printable, for records of refused handshakes. Numbers
// without a name are in hexadecimal; a list that was cut ends in "+N more".
type Offer struct {
	Versions   []string `json:"versions,omitempty"`
	Suites     []string `json:"suites,omitempty"`
	Groups     []string `json:"groups,omitempty"`
	ServerName string   `json:"server_name,omitempty"`
}

// OfferOf describes a ClientHello. A nil one, of a peer that sent none, leads to the zero Offer.
func OfferOf(h *tls.ClientHelloInfo) Offer {
	if h == nil {
		return Offer{}
	}
	return Offer{
		Versions:   describe(h.SupportedVersions, maxOfferedVersions, tls.VersionName),
		Suites:     describe(h.CipherSuites, maxOfferedSuites, suiteName),
		Groups:     describe(h.SupportedCurves, maxOfferedGroups, GroupName),
		ServerName: truncate(h.ServerName),
	}
}

// extSupportedVersions is the extension by which alone TLS 1.3 is offered (RFC 8446 section 4.2.1).
const extSupportedVersions = 43

// asOffered returns a ClientHello with the versions that its peer offered. Where the extension is missing crypto/tls fills in every
// version up to legacy_version, TLS 1.3 among them for a peer that wrote more than 0x0303 there, and then serves that peer in TLS
// 1.2, as RFC 8446 section 4.2.1 wants it.
func asOffered(h *tls.ClientHelloInfo) *tls.ClientHelloInfo {
	if slices.Contains(h.Extensions, extSupportedVersions) || !slices.Contains(h.SupportedVersions, tls.VersionTLS13) {
		return h
	}
	corrected := *h
	corrected.SupportedVersions = slices.DeleteFunc(slices.Clone(h.SupportedVersions), func(v uint16) bool { return v > tls.VersionTLS12 })
	return &corrected
}

// fromOffered makes a choice of certificates see the versions that a peer offered.
func fromOffered(choose func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if choose == nil {
		return nil
	}
	return func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return choose(asOffered(h)) }
}

// String returns the offer on one line.
func (o Offer) String() string {
	if len(o.Versions)+len(o.Suites)+len(o.Groups) == 0 {
		return "no TLS offer was read"
	}
	text := fmt.Sprintf("versions: %s; suites: %s; groups: %s",
		strings.Join(o.Versions, ", "), strings.Join(o.Suites, ", "), strings.Join(o.Groups, ", "))
	if o.ServerName != "" {
		text += "; server name: " + o.ServerName
	}
	return text
}

func describe[T any](values []T, limit int, name func(T) string) []string {
	if len(values) == 0 {
		return nil
	}
	names := make([]string, 0, min(len(values), limit+1))
	for i, value := range values {
		if i == limit {
			return append(names, fmt.Sprintf("+%d more", len(values)-limit))
		}
		names = append(names, name(value))
	}
	return names
}

// suiteName returns the name of a suite by the whitelist or crypto/tls, or else its number ("0x00FF").
func suiteName(code uint16) string {
	if name, ok := namesOfSuites()[code]; ok {
		return name
	}
	return fmt.Sprintf("0x%04X", code)
}

// namesOfSuites are looked up for each suite of each handshake; crypto/tls makes new lists for each question.
var namesOfSuites = sync.OnceValue(func() map[uint16]string {
	names := map[uint16]string{}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		names[s.ID] = s.Name
	}
	for _, s := range whitelist() {
		names[s.Code] = s.Name
	}
	return names
})
