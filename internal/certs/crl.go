package certs

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"tollgate/internal/watch"
)

// maxCRL bounds a file of revocation lists: it has room for some 400,000 certificates.
const maxCRL = 16 << 20

// clockSkew is how far the clock of an authority may be ahead of ours.
const clockSkew = 5 * time.Minute

// crl is a certificate revocation list (RFC 5280, section 5) whose signature was checked.
type crl struct {
	issuer                 *x509.Certificate
	thisUpdate, nextUpdate time.Time
	revoked                map[string]struct{} // serial numbers
	scope                  scope
}

// scope says which certificates of its issuer a list is about. The zero value: all.
type scope struct{ onlyUsers, onlyAuthorities bool }

// parseCRLs reads one list in DER, or one or more in PEM.
func parseCRLs(data []byte, issuers []*x509.Certificate, now time.Time) ([]*crl, error) {
	blocks, err := parsePEM(data)
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		blocks = []block{{Block: &pem.Block{Type: "X509 CRL", Bytes: data}}}
	}
	var lists []*crl
	for _, b := range blocks {
		if b.Type != "X509 CRL" {
			return nil, fmt.Errorf("it has a PEM block of type %s; lists have X509 CRL", b.Type)
		}
		list, err := parseCRL(b.Bytes, issuers, now)
		if err != nil {
			return nil, fmt.Errorf("list number %d: %w", len(lists)+1, err)
		}
		lists = append(lists, list)
	}
	return lists, nil
}

func parseCRL(der []byte, issuers []*x509.Certificate, now time.Time) (*crl, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it is not a revocation list in PEM or DER: %w", err)
	}
	list := &crl{thisUpdate: parsed.ThisUpdate, nextUpdate: parsed.NextUpdate}
	switch {
	case parsed.NextUpdate.IsZero():
		return nil, errors.New("it does not say when the next one comes, so whether it still holds is unknown")
	case parsed.ThisUpdate.After(now.Add(clockSkew)):
		return nil, fmt.Errorf("it begins to hold at %s only", parsed.ThisUpdate.UTC().Format(time.RFC3339))
	}
	if list.issuer, err = issuerOf(parsed, issuers); err != nil {
		return nil, err
	}
	if list.scope, err = scopeOf(parsed); err != nil {
		return nil, err
	}
	list.revoked = make(map[string]struct{}, len(parsed.RevokedCertificateEntries))
	for _, entry := range parsed.RevokedCertificateEntries {
		list.revoked[string(entry.SerialNumber.Bytes())] = struct{}{}
	}
	return list, nil
}

// issuerOf finds who signed a list.
func issuerOf(list *x509.RevocationList, issuers []*x509.Certificate) (*x509.Certificate, error) {
	var problem error
	for _, issuer := range issuers {
		if !bytes.Equal(issuer.RawSubject, list.RawIssuer) {
			continue
		}
		if problem = list.CheckSignatureFrom(issuer); problem == nil {
			return issuer, nil
		}
	}
	if problem != nil {
		return nil, fmt.Errorf("its signature is not that of %.200q: %w", list.Issuer.String(), problem)
	}
	return nil, fmt.Errorf("its issuer %.200q is not in the CA bundle", list.Issuer.String())
}

var oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// issuingDistributionPoint is RFC 5280, section 5.2.5.
type issuingDistributionPoint struct {
	Name struct {
		Full     []asn1.RawValue  `asn1:"optional,tag:0"`
		Relative pkix.RDNSequence `asn1:"optional,tag:1"`
	} `asn1:"optional,tag:0"`
	OnlyUsers       bool           `asn1:"optional,tag:1"`
	OnlyAuthorities bool           `asn1:"optional,tag:2"`
	SomeReasons     asn1.BitString `asn1:"optional,tag:3"`
	Indirect        bool           `asn1:"optional,tag:4"`
	OnlyAttributes  bool           `asn1:"optional,tag:5"`
}

// scopeOf reads what a list is about. A list with a critical extension that is not understood must not be used (RFC 5280,
// section 5.2): delta lists, indirect lists and lists for some reasons leave out certificates that are revoked.
func scopeOf(list *x509.RevocationList) (scope, error) {
	var s scope
	for _, extension := range list.Extensions {
		switch {
		case extension.Id.Equal(oidDistributionPoint):
			var point issuingDistributionPoint
			rest, err := asn1.Unmarshal(extension.Value, &point)
			if err != nil || len(rest) > 0 {
				return s, errors.New("its issuing distribution point is malformed")
			}
			if point.Indirect || point.OnlyAttributes || point.SomeReasons.BitLength > 0 {
				return s, errors.New("it is an indirect list, or one for some reasons or for attribute certificates: a full list is needed")
			}
			s = scope{point.OnlyUsers, point.OnlyAuthorities}
		case extension.Critical:
			return s, fmt.Errorf("it has the critical extension %v, which is not supported (a full list is needed, not a delta)", extension.Id)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, extension := range entry.Extensions {
			if extension.Critical {
				return s, fmt.Errorf("an entry has the critical extension %v, which is not supported", extension.Id)
			}
		}
	}
	return s, nil
}

// about reports whether the list would name the certificate if it were revoked.
func (l *crl) about(certificate, issuer *x509.Certificate) bool {
	switch {
	case l.scope.onlyUsers && certificate.IsCA, l.scope.onlyAuthorities && !certificate.IsCA:
		return false
	}
	return bytes.Equal(l.issuer.RawSubject, issuer.RawSubject) &&
		bytes.Equal(l.issuer.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo)
}

func (l *crl) names(certificate *x509.Certificate) bool {
	_, found := l.revoked[string(certificate.SerialNumber.Bytes())]
	return found
}

// outdated reports whether a newer list should be there.
func (l *crl) outdated(now time.Time) bool { return now.After(l.nextUpdate) }

// watchCRLs watches a file of revocation lists. What was read stays when a newer state of the file is not better.
func watchCRLs(path string, issuers func() []*x509.Certificate, now func() time.Time) (*watch.Value[[]*crl], error) {
	var inUse []*crl
	return watch.ValueOf(watch.Input{What: "revocation list", Path: path, Limit: maxCRL}, func(data []byte) (*[]*crl, error) {
		lists, err := parseCRLs(data, issuers(), now())
		if err == nil {
			err = better(lists, inUse, now())
		}
		if err == nil {
			inUse = lists
		}
		return &lists, err
	})
}

// better reports whether lists may take the place of those in use: each must hold now, and be no older than the one of the
// same issuer. The first lists of a process are taken even if they are outdated: those they name are revoked.
func better(lists, inUse []*crl, now time.Time) error {
	for _, list := range lists {
		if len(inUse) > 0 && list.outdated(now) {
			return fmt.Errorf("it was to be replaced by %s already; the list in use stays", list.nextUpdate.UTC().Format(time.RFC3339))
		}
		for _, old := range inUse {
			if old.issuer.Equal(list.issuer) && old.scope == list.scope && list.thisUpdate.Before(old.thisUpdate) {
				return fmt.Errorf("it is of %s, older than the list in use, which stays", list.thisUpdate.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

func describeIssuer(c *x509.Certificate) string { return strings.ToValidUTF8(c.Subject.String(), "?") }
