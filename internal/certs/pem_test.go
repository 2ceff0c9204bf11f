package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// broken replaces a character of a line of the last block by "#", as sed '3s/./#/' does.
func broken(text []byte, line int) []byte {
	lines := bytes.Split(bytes.Clone(text), []byte("\n"))
	lines[line-1][5] = '#'
	return bytes.Join(lines, []byte("\n"))
}

// TestDamagedBlocks: in every kind of file, a block that [pem.Decode] passes over makes an error with file, block and line, and with
// nothing of the text.
func TestDamagedBlocks(t *testing.T) {
	ca, second := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	leaf := issue(t, testpki.Leaf{Server: true})
	cert, key := testpki.CertPEM(leaf), testpki.Must(testpki.KeyPEM(leaf))
	list := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: testpki.Must(ca.RevocationList(x509.RevocationList{}))})
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bundle := func(text []byte) error { _, err := LoadBundle(file("ca.pem", text)); return err }
	chain := func(text []byte) error { _, err := Load(file("tls.crt", text), file("tls.key", key)); return err }
	keyFile := func(text []byte) error { _, err := Load(file("tls.crt", cert), file("tls.key", text)); return err }
	crls := func(text []byte) error {
		_, err := LoadClients(&ListenerTLS{ClientCA: file("ca.pem", ca.CertPEM()), ClientCRL: []string{file("ca.crl", text)}})
		return err
	}
	first := bytes.Count(ca.CertPEM(), []byte("\n"))
	for name, c := range map[string]struct {
		read func([]byte) error
		text []byte
		want string // "" for none
	}{
		"bundle, second block":    {bundle, slices.Concat(ca.CertPEM(), broken(second.CertPEM(), 3)), fmt.Sprintf("ca.pem: PEM block number 2, from line %d, is damaged: line %d is not base64", first+1, first+3)},
		"bundle, first block":     {bundle, slices.Concat(broken(ca.CertPEM(), 3), second.CertPEM()), "ca.pem: PEM block number 1, from line 1, is damaged: line 3 is not base64"},
		"bundle, BEGIN":           {bundle, slices.Concat(ca.CertPEM(), broken(second.CertPEM(), 1)), fmt.Sprintf("ca.pem: PEM block number 2 is damaged: line %d ends it, and no line begins it", 2*first)},
		"bundle, no BEGIN":        {bundle, slices.Concat(ca.CertPEM(), second.CertPEM()[9:]), fmt.Sprintf("ca.pem: PEM block number 2 is damaged: line %d ends it, and no line begins it", 2*first)},
		"bundle, cut off":         {bundle, slices.Concat(ca.CertPEM(), second.CertPEM()[:200]), fmt.Sprintf("ca.pem: PEM block number 2 is damaged: it begins on line %d and never ends", first+1)},
		"bundle, cut in between":  {bundle, slices.Concat(ca.CertPEM()[:130], second.CertPEM()), "ca.pem: PEM block number 1, from line 1, is damaged: line 3 is not base64"},
		"bundle, no END":          {bundle, slices.Concat(ca.CertPEM()[:bytes.Index(ca.CertPEM(), []byte("-----END"))], second.CertPEM()), fmt.Sprintf("ca.pem: PEM block number 1, from line 1, is damaged: the next one begins on line %d, before", first)},
		"bundle, no line feed":    {bundle, slices.Concat(bytes.TrimSpace(ca.CertPEM()), second.CertPEM()), fmt.Sprintf("line %d is not of the form -----END NAME-----, alone on its line", first)},
		"bundle, END of another":  {bundle, slices.Concat(ca.CertPEM(), bytes.Replace(second.CertPEM(), []byte("END CERT"), []byte("END CURT"), 1)), "ends a block of another name"},
		"bundle, a letter more":   {bundle, slices.Concat(ca.CertPEM(), bytes.Replace(second.CertPEM(), []byte("M"), []byte("MM"), 1)), "are not base64 as a whole"},
		"bundle, whole":           {bundle, slices.Concat([]byte("text\n"), ca.CertPEM(), []byte("more\n"), second.CertPEM()), ""},
		"bundle, byte order mark": {bundle, slices.Concat(byteOrderMark, ca.CertPEM(), byteOrderMark, second.CertPEM()), ""},
		"bundle, CR LF":           {bundle, bytes.ReplaceAll(slices.Concat(ca.CertPEM(), second.CertPEM()), []byte("\n"), []byte("\r\n")), ""},
		"chain":                   {chain, slices.Concat(cert, broken(ca.CertPEM(), 4)), "tls.crt: PEM block number 2, from line "},
		"chain, byte order mark":  {chain, slices.Concat(byteOrderMark, cert), ""},
		"chain, leaf not first":   {chain, slices.Concat(ca.CertPEM(), cert), "tls.crt: the private key belongs to certificate number 2 of the file: move that one to the front"},
		"key":                     {keyFile, broken(key, 2), "tls.key: PEM block number 1, from line 1, is damaged: line 2 is not base64"},
		"key, byte order mark":    {keyFile, slices.Concat(byteOrderMark, key), ""},
		"key and certificate":     {keyFile, slices.Concat(cert, key), ""},
		"key, then damage":        {keyFile, slices.Concat(key, broken(cert, 3)), "tls.key: PEM block number 2"},
		"key with parameters":     {keyFile, slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte("x")}), key), ""},
		"key, encrypted": {keyFile, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}),
			"tls.key: PEM block number 1, from line 1, is a private key that is encrypted with a password, which is not supported: `openssl pkey"},
		"key, encrypted as in old times": {keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("x"),
			Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}}), "encrypted with a password, which is not supported: `openssl pkey"},
		"list":             {crls, slices.Concat(list, broken(list, 3)), "ca.crl: PEM block number 2, from line "},
		"list, only block": {crls, broken(list, 3), "ca.crl: PEM block number 1, from line 1, is damaged: line 3 is not base64"},
		"list, whole":      {crls, slices.Concat(byteOrderMark, list), ""},
	} {
		err := c.read(c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		for line := range bytes.Lines(c.text) {
			if line = bytes.TrimSpace(line); err != nil && len(line) > 16 && !bytes.HasPrefix(line, []byte("-")) && strings.Contains(err.Error(), string(line)) {
				t.Errorf("%s: the error shows %q", name, line)
			}
		}
	}
}

// TestDamageAtReload: a file that is damaged later changes nothing of what is in use, is named once, and counts again once it is correct.
func TestDamageAtReload(t *testing.T) {
	ca, second := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	path := filepath.Join(t.TempDir(), "ca.pem")
	overwrite(t, path, ca.CertPEM())
	clients, err := LoadClients(&ListenerTLS{ClientCA: path})
	if err != nil {
		t.Fatal(err)
	}
	inUse := clients.Pool()
	overwrite(t, path, slices.Concat(ca.CertPEM(), broken(second.CertPEM(), 3)))
	if err := clients.Reload(); err == nil || !strings.Contains(err.Error(), "PEM block number 2") {
		t.Errorf("a damaged block: %v", err)
	}
	if clients.Pool() != inUse {
		t.Error("what is left of a damaged file is in use")
	}
	overwrite(t, path, slices.Concat(ca.CertPEM(), second.CertPEM()))
	if err := clients.Reload(); err != nil || len(clients.Authorities().Certificates) != 2 {
		t.Errorf("corrected: %v", err)
	}
}

// FuzzParsePEM: what is read is what [pem.Decode] finds, with one block for each BEGIN line; and no error shows a line.
func FuzzParsePEM(f *testing.F) {
	ca := testpki.Must(testpki.New()).CertPEM()
	for _, seed := range [][]byte{nil, ca, slices.Concat(ca, ca), slices.Concat(ca, broken(ca, 3), ca), slices.Concat(byteOrderMark, ca),
		[]byte("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n-----END A-----\n"), []byte("-----BEGIN A-----\n-----END A-----"), []byte("-----END A-----"), []byte("-----BEGIN A-----\n-----BEGIN A-----\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		blocks, err := parsePEM(data)
		if err != nil {
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 16 && !bytes.HasPrefix(line, []byte("-----")) && strings.Contains(err.Error(), string(line)) {
					t.Errorf("the error shows %q: %v", line, err)
				}
			}
			return
		}
		var again []byte
		begins := 0
		for line := range bytes.Lines(data) {
			line = bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark))
			again = append(append(again, line...), '\n')
			if bytes.HasPrefix(line, []byte("-----BEGIN ")) {
				begins++
			}
		}
		if begins != len(blocks) {
			t.Fatalf("%d BEGIN lines, %d blocks", begins, len(blocks))
		}
		for i, b := range blocks {
			var theirs *pem.Block
			if theirs, again = pem.Decode(again); theirs == nil || theirs.Type != b.Type || !bytes.Equal(theirs.Bytes, b.Bytes) {
				t.Fatalf("block %d: %v, package pem reads %v", i+1, b.Block, theirs)
			}
		}
	})
}

// TestWholeChainExpires: the warning is about the certificate that ends first, wherever it stands in the chain or the bundle.
func TestWholeChainExpires(t *testing.T) {
	now := time.Now()
	certificate := func(name string, left time.Duration) *x509.Certificate {
		c := testpki.Must(testpki.Must(testpki.New()).Issue(testpki.Leaf{Names: []string{name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.Add(left)}))
		return c.Leaf
	}
	const year = 365 * 24 * time.Hour
	leaf, far, near, over := certificate("leaf.example", year), certificate("far.example", 2*year), certificate("near.example", 30*time.Hour), certificate("over.example", -time.Hour)
	for _, c := range []struct {
		chain []*x509.Certificate
		want  string // begins the warning; "" for none
	}{
		{[]*x509.Certificate{leaf, far}, ""},
		{[]*x509.Certificate{near, far}, "the certificate near.example expires in 30h"},
		{[]*x509.Certificate{leaf, far, near}, "the certificate near.example in the chain of leaf.example expires in 30h"},
		{[]*x509.Certificate{leaf, over, far}, "the certificate over.example in the chain of leaf.example has expired"},
	} {
		shown := &tls.Certificate{Leaf: c.chain[0]}
		for _, one := range c.chain {
			shown.Certificate = append(shown.Certificate, one.Raw)
		}
		if got := ChainWarning(shown, now); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	bundle := &Bundle{Path: "ca.pem", Certificates: []*x509.Certificate{far, near, leaf, over}}
	if got := bundle.Warning(now); !strings.HasPrefix(got, "the authority over.example of ca.pem has expired") || !strings.HasSuffix(got, "(and 1 more there to look at)") {
		t.Errorf("bundle: %q", got)
	}
	if got := Soonest(bundle.Certificates); got != over {
		t.Errorf("%v is the first to expire", got.DNSNames)
	}
}
