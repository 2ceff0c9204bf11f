package certs

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/internal/durable"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// What an [Internal] authority issues.
const (
	// DefaultLifetime is how long a leaf holds. It is renewed after two thirds of that.
	DefaultLifetime = 30 * 24 * time.Hour

	authorityLifetime = 10 * 365 * 24 * time.Hour
	backdated         = time.Hour // clocks of peers may be a little behind
)

// The files of an internal authority's directory. Those with a key are for the owner only (0600).
const (
	authorityFile = "authority.pem" // certificate and key in one file, so that they cannot come apart
	publicFile    = "ca.pem"        // the certificate again, for clients
	leafPrefix    = "leaf-"         // certificate and key
	leafSuffix    = ".pem"
	lockFile      = "lock" // held while something is made, so that processes that share the directory make it once
)

// Internal is a source whose certificate is issued by an authority of its own. The authority is made when it is first
// needed: ECDSA P-256, for ten years, for servers only and for no further authorities. It is not bound to names, so that
// hosts can be added later without another visit to all clients; who holds its key can pose as any server to them.
type Internal struct {
	config  InternalCertificate
	report  private.Report
	now     func() time.Time
	current atomic.Pointer[[]*tls.Certificate]

	mu       sync.Mutex // one renews at a time
	reported string
}

var (
	_ Source   = (*Internal)(nil)
	_ Reloader = (*Internal)(nil)
)

// OpenInternal makes what is not there yet: the directory, for its owner only, the authority, a leaf. Processes may share the directory, on
// file systems whose locks hold between them. report, if it is not nil, is called with each file of
// a key, and with Dir, that group or others may use: see package private.
func OpenInternal(config InternalCertificate, report private.Report) (*Internal, error) {
	return openInternal(config, report, time.Now)
}

func openInternal(config InternalCertificate, report private.Report, now func() time.Time) (*Internal, error) {
	config.Lifetime = cmp.Or(config.Lifetime, config.Default().Lifetime)
	if err := config.check(); err != nil {
		return nil, err
	}
	i := &Internal{config: config, report: report, now: now}
	return i, i.Reload()
}

func (c InternalCertificate) check() error {
	if len(c.Hosts) == 0 {
		return errors.New("internal certificate: no hosts")
	}
	if life := time.Duration(c.Lifetime); life < time.Hour || life > authorityLifetime/2 {
		return fmt.Errorf("internal certificate: lifetime %v: must be from 1h to %v", life, authorityLifetime/2)
	}
	for _, host := range c.Hosts {
		if !isHost(string(host)) {
			return fmt.Errorf("internal certificate: host %.100q is neither a DNS name nor an IP address", host)
		}
	}
	return nil
}

// isHost reports whether crypto/x509 takes a text for a name of a certificate.
func isHost(host string) bool {
	return net.ParseIP(host) != nil || hasLabels(strings.TrimPrefix(host, "*."), lowerAlphanumeric+"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
}

// Current returns the one certificate.
func (i *Internal) Current() []*tls.Certificate { return *i.current.Load() }

// GetCertificate is for [tls.Config].
func (i *Internal) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return i.Current()[0], nil
}

// Close does nothing.
func (i *Internal) Close() error { return nil }

// Name returns the directory.
func (i *Internal) Name() string { return i.config.Dir }

// Poll renews the leaf when two thirds of its life are over.
func (i *Internal) Poll() (changed bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.due(i.Current()[0].Leaf) {
		return false, nil
	}
	if err := i.renew(); err != nil {
		if err.Error() == i.reported {
			return false, nil
		}
		i.reported = err.Error()
		return false, err
	}
	return true, nil
}

// Reload takes what the directory holds now, and makes what it lacks.
func (i *Internal) Reload() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.renew()
}

func (i *Internal) due(leaf *x509.Certificate) bool {
	return i.now().After(leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 3 * 2))
}

// renew takes the leaf of the directory, which another process may have renewed, or issues one.
func (i *Internal) renew() error {
	err := i.locked(func() error {
		authority, err := i.authority()
		if err != nil {
			return err
		}
		leaf, err := i.leaf(authority)
		if err != nil {
			return err
		}
		i.current.Store(&[]*tls.Certificate{leaf})
		return nil
	})
	if err != nil {
		return fmt.Errorf("internal authority in %s: %w", i.config.Dir, err)
	}
	i.reported = ""
	return nil
}

func (i *Internal) locked(do func() error) (err error) {
	if err := os.MkdirAll(i.config.Dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(i.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }() // unlocks
	if err := durable.Lock(file); err != nil {
		return fmt.Errorf("locking %s: %w", file.Name(), err)
	}
	private.TightenAll(i.config.Dir, i.report, leafPrefix+"*"+leafSuffix, authorityFile) // leaves of other lists of hosts too
	return do()
}

func (i *Internal) path(name string) string { return filepath.Join(i.config.Dir, name) }

// authority returns the one of the directory, or makes it.
func (i *Internal) authority() (*tls.Certificate, error) {
	authority, err := readKept(i.path(authorityFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if authority, err = i.newAuthority(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !authority.Leaf.IsCA:
		return nil, fmt.Errorf("the certificate in %s is not that of an authority", authorityFile)
	}
	if left := authority.Leaf.NotAfter.Sub(i.now()); left < time.Duration(i.config.Lifetime)/3 {
		return nil, fmt.Errorf("the authority ends at %s: move the directory away to make a new one, and hand its %s to the clients",
			authority.Leaf.NotAfter.UTC().Format(time.RFC3339), publicFile)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
	if found, err := private.Read(i.path(publicFile), maxFile); err == nil && bytes.Equal(found, public) {
		return authority, nil
	}
	return authority, durable.WriteFile(i.path(publicFile), public, 0o644)
}

func (i *Internal) newAuthority() (*tls.Certificate, error) {
	now := i.now()
	serial := newSerial()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: fmt.Sprintf("Tollgate internal CA %x", serial.Bytes()[:4])},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(authorityLifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return i.issue(authorityFile, template, nil)
}

// leaf returns the one of the directory if it is good for a while, or makes it.
func (i *Internal) leaf(authority *tls.Certificate) (*tls.Certificate, error) {
	name := i.leafFile()
	if kept, err := readKept(i.path(name)); err == nil && !i.due(kept.Leaf) && i.verify(kept.Leaf, authority.Leaf) == nil {
		return kept, nil
	}
	now, names := i.now(), Named(i.config.Hosts)
	ends := []time.Time{now.Add(time.Duration(i.config.Lifetime)), authority.Leaf.NotAfter}
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "Tollgate"},
		NotBefore: now.Add(-backdated), NotAfter: slices.MinFunc(ends, time.Time.Compare),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	template.DNSNames, template.IPAddresses = names.DNSNames, names.IPAddresses
	return i.issue(name, template, authority)
}

// Named returns a certificate with nothing but these names, for [x509.Certificate.VerifyHostname].
func Named(hosts []setting.CertificateHost) *x509.Certificate {
	c := &x509.Certificate{}
	for _, host := range hosts {
		if address := net.ParseIP(string(host)); address != nil {
			c.IPAddresses = append(c.IPAddresses, address)
		} else {
			c.DNSNames = append(c.DNSNames, string(host))
		}
	}
	return c
}

// leafFile returns the name of a file for a list of hosts, each its own.
func (i *Internal) leafFile() string {
	hosts := slices.Sorted(slices.Values(setting.Texts(i.config.Hosts)))
	sum := sha256.Sum256([]byte(strings.Join(hosts, "\n")))
	return leafPrefix + hex.EncodeToString(sum[:8]) + leafSuffix
}

// verify reports whether clients that trust the authority would take the leaf, for each host.
func (i *Internal) verify(leaf, authority *x509.Certificate) error {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for _, host := range setting.Texts(i.config.Hosts) {
		name := strings.Replace(host, "*", "x", 1)
		if net.ParseIP(host) != nil {
			name = "[" + host + "]" // as crypto/x509 wants addresses
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: i.now()}); err != nil {
			return fmt.Errorf("clients would refuse the certificate for %s: %w", host, err)
		}
	}
	return nil
}

// issue makes a key and its certificate, signed by the authority or, without one, by itself, and keeps both.
func (i *Internal) issue(name string, template *x509.Certificate, authority *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	issuer, signer := template, any(key)
	if authority != nil {
		issuer, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	certificate, err := ParsePair(name, both, name, both)
	if err != nil {
		return nil, err
	}
	if authority != nil {
		if err := i.verify(certificate.Leaf, authority.Leaf); err != nil {
			return nil, err
		}
	}
	return certificate, durable.WriteFile(i.path(name), both, 0o600)
}

func newSerial() *big.Int {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails: crypto/rand would end the process
	raw[0] = raw[0]&0x7f | 0x40
	return new(big.Int).SetBytes(raw)
}

// readKept reads a file with a certificate and its key.
func readKept(path string) (*tls.Certificate, error) {
	data, err := private.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	return ParsePair(path, data, path, data)
}

// AuthorityPEM returns the certificate of the internal authority in dir, for clients to trust.
func AuthorityPEM(dir string) ([]byte, error) {
	data, err := private.Read(filepath.Join(dir, publicFile), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no internal authority: the gateway makes it at its first start (%w)", dir, err)
	}
	if err != nil {
		return nil, err
	}
	if _, err := parseBundle(dir, data); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, publicFile), err)
	}
	return data, nil
}
