package tlspolicy

import (
	"crypto/tls"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestWhitelist(t *testing.T) {
	suites := Whitelist()
	if len(suites) != 30 {
		t.Fatalf("%d suites, want the 30 of the published list", len(suites))
	}
	seen := map[uint16]bool{}
	for i, s := range suites {
		if seen[s.Code] {
			t.Errorf("0x%04X is there twice", s.Code)
		}
		seen[s.Code] = true
		if i > 0 && s.Version < suites[i-1].Version {
			t.Errorf("%s: TLS 1.2 must come before TLS 1.3", s.Name)
		}
		if s.Offered && tls.CipherSuiteName(s.Code) != s.Name {
			t.Errorf("0x%04X is %s here and %s in crypto/tls", s.Code, s.Name, tls.CipherSuiteName(s.Code))
		}
		if forwardSecret := !strings.HasPrefix(s.Name, "TLS_PSK_"); (s.Level == High) != forwardSecret {
			t.Errorf("%s has level %s", s.Name, s.Level)
		}
	}
	suites[0].Name = "changed"
	if Whitelist()[0].Name == "changed" {
		t.Error("a caller can change the whitelist")
	}
}

// TestOfferedAsMeasured compares what crypto/tls says with the last column of the table, measured on Go 1.26.
func TestOfferedAsMeasured(t *testing.T) {
	for line := range strings.Lines(whitelistCSV) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		for _, s := range Whitelist() {
			if s.Name == fields[1] && s.Offered != (fields[4] == "yes") {
				t.Errorf("%s: offered %t, the table says %s", s.Name, s.Offered, fields[4])
			}
		}
	}
}

func TestOpenSSLNames(t *testing.T) {
	names := opensslNames(t)
	for _, s := range Whitelist() {
		if got := names[s.Code]; got != s.OpenSSLName {
			t.Errorf("0x%04X %s: OpenSSL calls it %q, we %q", s.Code, s.Name, got, s.OpenSSLName)
		}
	}
}

func opensslNames(t *testing.T) map[uint16]string {
	out, err := exec.Command(openssl(t), "ciphers", "-V", "-ciphersuites",
		"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256",
		"ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	if err != nil {
		t.Fatalf("openssl ciphers: %v", err)
	}
	names := map[uint16]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line) // 0xC0,0x2C - ECDHE-ECDSA-AES256-GCM-SHA384 ...
		code, err := strconv.ParseUint(strings.NewReplacer("0x", "", ",", "").Replace(fields[0]), 16, 16)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		names[uint16(code)] = fields[2]
	}
	return names
}

func openssl(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("this test needs the openssl command (package openssl): it plays a peer that is not written in Go")
	}
	return path
}

func TestParseWhitelistErrors(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"header only": "code_hex,iana_name,tls_version,security_level\n",
		"columns":     "a,b\n0x0001,X\n",
		"code":        "a,b,c,d\n0x10000,X,1.2,HIGH\n",
		"version":     "a,b,c,d\n0x0001,X,1.1,HIGH\n",
		"level":       "a,b,c,d\n0x0001,X,1.2,LOW\n",
	} {
		if suites, err := parseWhitelist(text); err == nil {
			t.Errorf("%s: accepted as %v", name, suites)
		}
	}
}
