package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/testpki"
)

// FuzzParseCertificates holds the reader against crypto/x509's own of bundles, which skips what it cannot read: all that
// is given is in the text, in its order, and nothing is left out.
func FuzzParseCertificates(f *testing.F) {
	ca := testpki.Must(testpki.New())
	f.Add(ca.CertPEM())
	f.Add(append([]byte("# text\r\n"), append(ca.CertPEM(), testpki.Must(testpki.New()).CertPEM()...)...))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certificates, err := parseCertificates(data)
		if (len(certificates) > 0) != (err == nil) {
			t.Errorf("%d certificates, error %v", len(certificates), err)
		}
		if err != nil {
			return
		}
		var again []byte
		pool := x509.NewCertPool()
		for _, c := range certificates {
			pool.AddCert(c)
			again = append(again, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		theirs := x509.NewCertPool()
		if !theirs.AppendCertsFromPEM(again) || !theirs.Equal(pool) {
			t.Error("written out again, the certificates are others")
		}
		if all := x509.NewCertPool(); bytes.Count(data, []byte("-----BEGIN CERTIFICATE-----")) == len(certificates) && (!all.AppendCertsFromPEM(data) || !all.Equal(pool)) {
			t.Error("crypto/x509 reads other certificates")
		}
	})
}

// FuzzLoad: what is loaded can sign as its certificate says, and no error shows a line of the key file.
func FuzzLoad(f *testing.F) {
	ca := testpki.Must(testpki.New())
	for _, leaf := range []testpki.Leaf{{Names: []string{"a.test"}, Server: true}, {Names: []string{"a.test"}, Server: true, Key: testpki.RSA}} {
		certificate := testpki.Must(ca.Issue(leaf))
		chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
		key := testpki.Must(testpki.KeyPEM(certificate))
		f.Add(chain, key)
		f.Add(append(chain, ca.CertPEM()...), append([]byte("text\n"), key...))
		f.Add(ca.CertPEM(), key)
		f.Add(chain, bytes.ReplaceAll(key, []byte("PRIVATE KEY"), []byte("ENCRYPTED PRIVATE KEY")))
		f.Add(chain, bytes.ReplaceAll(key, []byte("-----"), []byte("----")))
	}
	dir := f.TempDir()
	certPath, keyPath := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		for path, data := range map[string][]byte{certPath: cert, keyPath: key} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files, err := Load(certPath, keyPath)
		if err != nil {
			for line := range strings.Lines(string(key)) {
				if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") && strings.Contains(err.Error(), line) {
					t.Errorf("the error shows %q: %v", line, err)
				}
			}
			return
		}
		served, err := files.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		public := files.Leaf().PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if !public.Equal(served.PrivateKey.(crypto.Signer).Public()) || !bytes.Equal(files.Leaf().Raw, served.Certificate[0]) {
			t.Error("the key is not that of the certificate")
		}
	})
}
