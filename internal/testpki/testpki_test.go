package testpki

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCertificates(t *testing.T) {
	ca, err := New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Server("gateway.test", "127.0.0.1", "::1")
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Client("billing-app", "spiffe://corp/billing")
	if err != nil {
		t.Fatal(err)
	}
	expired, err := ca.Issue(Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	asServer, asClient := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	for name, c := range map[string]struct {
		leaf  *x509.Certificate
		host  string
		pool  *x509.CertPool
		usage x509.ExtKeyUsage
		want  bool
	}{
		"server by name":   {server.Leaf, "gateway.test", ca.Pool(), asServer, true},
		"server by IPv4":   {server.Leaf, "127.0.0.1", ca.Pool(), asServer, true},
		"server by IPv6":   {server.Leaf, "::1", ca.Pool(), asServer, true},
		"other name":       {server.Leaf, "other.test", ca.Pool(), asServer, false},
		"other authority":  {server.Leaf, "gateway.test", other.Pool(), asServer, false},
		"client":           {client.Leaf, "", ca.Pool(), asClient, true},
		"client as server": {client.Leaf, "", ca.Pool(), asServer, false},
		"server as client": {server.Leaf, "", ca.Pool(), asClient, false},
		"expired":          {expired.Leaf, "", ca.Pool(), asClient, false},
	} {
		_, err := c.leaf.Verify(x509.VerifyOptions{Roots: c.pool, DNSName: c.host, KeyUsages: []x509.ExtKeyUsage{c.usage}})
		if (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := client.Leaf; got.Subject.CommonName != "billing-app" || len(got.URIs) != 1 || got.URIs[0].String() != "spiffe://corp/billing" {
		t.Errorf("client certificate of %v, %v", got.Subject, got.URIs)
	}
	if _, err := ca.Client("x", "://"); err == nil {
		t.Error("a URI that cannot be parsed is accepted")
	}
}

func TestKeyTypesAndFiles(t *testing.T) {
	ca, err := New()
	if err != nil {
		t.Fatal(err)
	}
	rsaServer, err := ca.ServerRSA("gateway.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rsaServer.PrivateKey.(*rsa.PrivateKey); !ok {
		t.Errorf("key of type %T", rsaServer.PrivateKey)
	}
	server, err := ca.Server("gateway.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := server.PrivateKey.(*ecdsa.PrivateKey); !ok {
		t.Errorf("key of type %T", server.PrivateKey)
	}
	if _, err := ca.Issue(Leaf{Key: 7}); err == nil {
		t.Error("a certificate with an unknown type of key")
	}
	dir := t.TempDir()
	certPath, keyPath := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	if err := WriteFiles(server, certPath, keyPath); err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil || !loaded.Leaf.Equal(server.Leaf) {
		t.Errorf("read back: %v", err)
	}
	if info, err := os.Stat(keyPath); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
}
