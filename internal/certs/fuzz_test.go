package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		public := files.Current()[0].Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if !public.Equal(served.PrivateKey.(crypto.Signer).Public()) || !bytes.Equal(files.Current()[0].Leaf.Raw, served.Certificate[0]) {
			t.Error("the key is not that of the certificate")
		}
	})
}

// FuzzParseCRLs: what is taken was signed by its issuer, says when it ends, and names what crypto/x509 reads.
func FuzzParseCRLs(f *testing.F) {
	ca := testpki.Must(testpki.New())
	lost := testpki.Must(ca.Client("lost")).Leaf
	der := testpki.Must(ca.RevocationList(revoked(lost)))
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	f.Add(der)
	f.Add(append([]byte("text\n"), append(text, text...)...))
	f.Add(testpki.Must(testpki.Must(testpki.New()).RevocationList(x509.RevocationList{})))
	f.Add(ca.CertPEM())
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		lists, err := parseCRLs(data, []*x509.Certificate{ca.Certificate()}, time.Now())
		if (len(lists) > 0) != (err == nil) {
			t.Fatalf("%d lists, %v", len(lists), err)
		}
		for _, list := range lists {
			if !list.issuer.Equal(ca.Certificate()) || list.nextUpdate.IsZero() || !bytes.Contains(data, der) && !bytes.Contains(data, []byte("X509 CRL")) {
				t.Errorf("a list that the authority never signed: %+v", list)
			}
		}
	})
}

// FuzzScope: whatever stands in the extension, a list is about all certificates of its issuer, or of one kind, or not taken.
func FuzzScope(f *testing.F) {
	for _, value := range []string{"3000", "30038101ff", "30038201ff", "30038401ff", "300483020640", "30100e", ""} {
		f.Add(testpki.Must(hex.DecodeString(value)))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := scopeOf(&x509.RevocationList{Extensions: []pkix.Extension{{Id: oidDistributionPoint, Value: value}}})
		if err != nil && s != (scope{}) {
			t.Errorf("%x: %+v beside %v", value, s, err)
		}
	})
}

// FuzzParseDenyList: every line that is not a comment denies one serial number, or all of the list is refused.
func FuzzParseDenyList(f *testing.F) {
	for _, text := range []string{"", "# x\n", "1f:0A\n", "0x01 # y\r\n", "serial=1F\n", "1 " + strings.Repeat("ab", 32) + "\n", "1 2 3", "zz", "0x", "-1",
		"1:2:3", "5f:0a:", ":5f", "5f0a:11", "00" + strings.Repeat("9f", 20), strings.Repeat("9f", 21), strings.Repeat("00", 22)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseDenyList([]byte(text))
		if err != nil {
			if list != nil || len(err.Error()) > maxProblems*400 {
				t.Errorf("%v beside an error of %d bytes", list, len(err.Error()))
			}
			return
		}
		lines, entries := 0, 0
		for line := range strings.Lines(text) {
			before, _, _ := strings.Cut(line, "#")
			words := strings.Fields(before)
			if len(words) == 0 {
				continue
			}
			lines++
			serial, ok := new(big.Int).SetString(strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(words[0], "serial="), "0x"), ":", ""), 16)
			if !ok || len((*list)[string(serial.Bytes())]) == 0 || len(serial.Bytes()) > 20 {
				t.Errorf("%q denies no certificate", line)
			}
		}
		for _, same := range *list {
			entries += len(same)
		}
		if lines != entries {
			t.Errorf("%d lines, %d entries", lines, entries)
		}
	})
}
