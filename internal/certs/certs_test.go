package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

type files struct{ dir, cert, key string }

func write(t *testing.T, c tls.Certificate) files {
	t.Helper()
	dir := t.TempDir()
	f := files{dir, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	f.replace(t, c)
	return f
}

func (f files) replace(t *testing.T, c tls.Certificate) {
	t.Helper()
	if err := testpki.WriteFiles(c, f.cert, f.key); err != nil {
		t.Fatal(err)
	}
}

func issue(t *testing.T, l testpki.Leaf) tls.Certificate {
	t.Helper()
	ca, err := testpki.New()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestLoadAndReload(t *testing.T) {
	first, second := issue(t, testpki.Leaf{Server: true, Names: []string{"a.test"}}), issue(t, testpki.Leaf{Server: true, Names: []string{"b.test"}})
	f := write(t, first)
	source, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	wantServed(t, source, first)
	f.replace(t, second)
	wantServed(t, source, first) // until reloaded
	if err := source.Reload(); err != nil {
		t.Fatal(err)
	}
	wantServed(t, source, second)
	if err := os.WriteFile(f.key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := source.Reload(); err == nil {
		t.Error("an empty key file is loaded")
	}
	wantServed(t, source, second) // the last good one
}

func wantServed(t *testing.T, source *Files, want tls.Certificate) {
	t.Helper()
	got, err := source.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Certificate[0], want.Certificate[0]) || !source.Current()[0].Leaf.Equal(want.Leaf) {
		t.Errorf("served %v, leaf %v; want %v", got.Leaf.DNSNames, source.Current()[0].Leaf.DNSNames, want.Leaf.DNSNames)
	}
}

func TestReloadWhileServing(t *testing.T) {
	f := write(t, issue(t, testpki.Leaf{Server: true}))
	source, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if c, err := source.GetCertificate(nil); err != nil || c.Leaf == nil || source.Current()[0].Leaf == nil {
					t.Errorf("served %v, %v", c, err)
				}
				if err := source.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestExpiredIsLoaded(t *testing.T) {
	expired := time.Now().Add(-time.Hour)
	f := write(t, issue(t, testpki.Leaf{Server: true, NotBefore: expired.Add(-time.Hour), NotAfter: expired}))
	source, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	if got := source.Current()[0].Leaf.NotAfter; got.After(time.Now()) {
		t.Errorf("expires %v", got)
	}
}

func TestLoadErrors(t *testing.T) {
	good, other := issue(t, testpki.Leaf{Server: true}), issue(t, testpki.Leaf{Server: true})
	key, err := testpki.KeyPEM(good)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := testpki.KeyPEM(other)
	if err != nil {
		t.Fatal(err)
	}
	cert := testpki.CertPEM(good)
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("nonsense")}) }
	for name, c := range map[string]struct {
		cert, key []byte // nil: no file
		want      []string
	}{
		"no certificate":   {nil, key, []string{"tls.crt", "no such file"}},
		"no key":           {cert, nil, []string{"tls.key", "no such file"}},
		"not PEM":          {[]byte("hello"), key, []string{"tls.crt", "no PEM block of type CERTIFICATE"}},
		"key as cert":      {key, key, []string{"tls.crt", "no PEM block of type CERTIFICATE"}},
		"cert as key":      {cert, cert, []string{"tls.key", "no PEM block with a private key"}},
		"encrypted key":    {cert, block("ENCRYPTED PRIVATE KEY"), []string{"tls.key", "encrypted with a password"}},
		"other key":        {cert, otherKey, []string{"tls.key", "tls.crt", "does not match"}},
		"broken cert":      {block("CERTIFICATE"), key, []string{"tls.crt", "certificate number 1"}},
		"broken in chain":  {append(bytes.Clone(cert), block("CERTIFICATE")...), key, []string{"tls.crt", "certificate number 2"}},
		"broken key":       {cert, block("PRIVATE KEY"), []string{"tls.key"}},
		"enormous":         {bytes.Repeat([]byte("x"), maxFile+1), key, []string{"tls.crt", "larger than"}},
		"empty everything": {[]byte{}, []byte{}, []string{"tls.crt"}},
	} {
		dir := t.TempDir()
		certPath, keyPath := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
		for path, data := range map[string][]byte{certPath: c.cert, keyPath: c.key} {
			if data == nil {
				continue
			}
			if err := os.WriteFile(path, data, 0o644); err != nil { // readable by others is not our business
				t.Fatal(err)
			}
		}
		_, err := Load(certPath, keyPath)
		if err == nil {
			t.Errorf("%s: loaded", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error lacks %q: %v", name, want, err)
			}
		}
		if strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s: the error repeats the file: %v", name, err)
		}
	}
}

// TestShortKeys: the bound holds for Load and for Reload, which keeps the good certificate.
func TestShortKeys(t *testing.T) {
	f := write(t, issue(t, testpki.Leaf{Server: true, Key: testpki.RSA}))
	source, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatalf("2048 bits: %v", err)
	}
	good := source.Current()[0].Leaf
	f.replace(t, selfSigned(t, 2047))
	for what, read := range map[string]func() error{
		"load":   func() error { _, err := Load(f.cert, f.key); return err },
		"reload": source.Reload,
	} {
		if err := read(); err == nil || err.Error() != "certificate file "+f.cert+": its key is RSA with 2047 bits; RSA of 2048 bits or more, ECDSA of 256 or more, or Ed25519 is needed" {
			t.Errorf("%s, 2047 bits: %v", what, err)
		}
	}
	if !source.Current()[0].Leaf.Equal(good) {
		t.Error("the short key is served")
	}
}

func selfSigned(t *testing.T, bits int) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestPipesAreNotRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadBundle(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
}

func TestLoadBundle(t *testing.T) {
	ca, err := testpki.New()
	if err != nil {
		t.Fatal(err)
	}
	second, err := testpki.New()
	if err != nil {
		t.Fatal(err)
	}
	client, err := second.Client("app")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	both := append([]byte("# our two authorities\n"), append(ca.CertPEM(), second.CertPEM()...)...)
	if err := os.WriteFile(path, both, 0o644); err != nil {
		t.Fatal(err)
	}
	bundle, err := LoadBundle(path)
	if err != nil {
		t.Fatal(err)
	}
	options := x509.VerifyOptions{Roots: bundle.Pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := client.Leaf.Verify(options); err != nil {
		t.Errorf("a certificate of the second authority: %v", err)
	}
	key, err := testpki.KeyPEM(client)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":              {nil, "no PEM block of type CERTIFICATE"},
		"not PEM":            {[]byte("hello"), "no PEM block of type CERTIFICATE"},
		"a private key":      {append(ca.CertPEM(), key...), "type PRIVATE KEY, which does not belong there"},
		"broken second":      {append(ca.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...), "certificate number 2 (PEM block number 2, from line "},
		"a revocation list":  {append(ca.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL"})...), "type X509 CRL, which does not belong there"},
		"OpenSSL's own kind": {bytes.ReplaceAll(ca.CertPEM(), []byte("CERTIFICATE"), []byte("TRUSTED CERTIFICATE")), "type TRUSTED CERTIFICATE"},
	} {
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadBundle(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := LoadBundle(filepath.Join(t.TempDir(), "none.pem")); err == nil {
		t.Error("a missing file is loaded")
	}
}
