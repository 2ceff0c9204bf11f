package service

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// TestReloaderWithoutCertificate: a listener whose only certificate is yet to come is not ready; one that has another is, and
// there is a warning for both.
func TestReloaderWithoutCertificate(t *testing.T) {
	k, dir, _, _ := kept(t, testpki.Leaf{})
	defer k.close()
	asked := certs.Certificate{ACME: &certs.ACMEConfig{
		Directory: "https://ca.test/dir", Hosts: []setting.CertificateHost{"a.gw.example"}, Dir: filepath.Join(dir, "acme"), Challenge: certs.TLSALPN01,
	}}
	files := certs.Certificate{Files: &certs.CertificateFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}
	for name, certificates := range map[string][]certs.Certificate{"none": {asked, asked}, "other": {asked, files}} {
		if _, _, err := k.listener(name, &certs.ListenerTLS{Policy: tlspolicy.Default, Certificates: certificates}); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.without(); len(got) != 1 || got[0] != "listener none has no certificate yet" {
		t.Errorf("reasons: %q", got)
	}
	warnings := strings.Join(k.warnings(time.Now()), "\n")
	for _, name := range []string{"none", "other"} {
		if !strings.Contains(warnings, "listener "+name+": no certificate for a.gw.example yet: it is being asked for") {
			t.Errorf("no warning for %s:\n%s", name, warnings)
		}
	}
	k.reload()
	for _, p := range k.all() {
		if (p.answer() != nil) != (p.listener == "none" || p.listener == "other") {
			t.Errorf("%s: challenges are answered where none come, or are not where they do", p)
		}
	}
}
