package scan

import (
	"bufio"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tollgate/internal/testpki"
)

// tool returns the path of a program that the tests need.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // where nginx is, for who is not root
	}
	if err != nil {
		t.Fatalf("%s is needed and missing; `make tools` installs it", name)
	}
	return path
}

// pki holds a certificate of each kind, as files NAME.crt and NAME.key.
func pki(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	ca := testpki.Must(testpki.New())
	for name, issue := range map[string]func(...string) (tls.Certificate, error){"ecdsa": ca.Server, "rsa": ca.ServerRSA} {
		certificate := testpki.Must(issue("localhost"))
		if err := testpki.WriteFiles(certificate, filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// openssl serves with openssl s_server until the test ends, one connection after the other.
func openssl(t *testing.T, dir string, args ...string) (address string) {
	t.Helper()
	cmd := exec.Command(tool(t, "openssl"), append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe() // held open: s_server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			go func() {
				for lines.Scan() { // or it would wait for a reader
				}
			}()
			return address
		}
	}
	t.Fatalf("openssl s_server %q did not say its port", args)
	return ""
}

// nginx serves until the test ends.
func nginx(t *testing.T, dir, settings string) (address string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	config := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr;
events { worker_connections 64; }
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server { listen %[2]s ssl; server_name localhost; %[3]s } }`, dir, address, settings)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "nginx"), "-p", dir, "-c", file)
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	_ = free.Close() // no other process asks for this port on loopback in so short a time
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		select {
		case <-ended:
			ended <- nil
			t.Fatalf("nginx ended: %s", stderr)
		default:
		}
	}
}

// seenBy is what a scanner says of a server: suites by version, and groups.
type seenBy struct {
	suites map[string][]uint16
	groups map[string][]uint16
}

// sslscan scans with the program of that name.
func sslscan(t *testing.T, address string) seenBy {
	t.Helper()
	out, err := exec.Command(tool(t, "sslscan"), "--xml=-", "--no-colour", "--sni-name=localhost", "--no-heartbleed", "--no-renegotiation", address).Output()
	if err != nil {
		t.Fatalf("sslscan: %v", err)
	}
	var doc struct {
		Test struct {
			Protocols []struct {
				Type    string `xml:"type,attr"`
				Version string `xml:"version,attr"`
				Enabled string `xml:"enabled,attr"`
			} `xml:"protocol"`
			Ciphers []struct {
				Version string `xml:"sslversion,attr"`
				ID      string `xml:"id,attr"`
			} `xml:"cipher"`
			Groups []struct {
				Version string `xml:"sslversion,attr"`
				ID      string `xml:"id,attr"`
			} `xml:"group"`
		} `xml:"ssltest"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		t.Fatalf("sslscan: %v in %s", err, out)
	}
	seen := seenBy{map[string][]uint16{}, map[string][]uint16{}}
	for _, p := range doc.Test.Protocols {
		if p.Enabled == "1" && p.Type == "tls" {
			seen.suites["TLS "+p.Version] = nil
		}
	}
	number := func(text string) uint16 {
		n, err := strconv.ParseUint(text, 0, 16)
		if err != nil {
			t.Fatalf("sslscan: %v", err)
		}
		return uint16(n)
	}
	name := func(text string) string { return strings.Replace(text, "TLSv", "TLS ", 1) }
	for _, c := range doc.Test.Ciphers {
		seen.suites[name(c.Version)] = append(seen.suites[name(c.Version)], number(c.ID))
	}
	for _, g := range doc.Test.Groups {
		seen.groups[name(g.Version)] = append(seen.groups[name(g.Version)], number(g.ID))
	}
	return seen
}

func ours(r *Result) seenBy {
	seen := seenBy{map[string][]uint16{}, map[string][]uint16{}}
	for _, f := range r.Found {
		v := versionName(f.Version)
		for _, c := range f.Suites {
			seen.suites[v] = append(seen.suites[v], c.Suite)
		}
		seen.groups[v] = f.Groups
	}
	return seen
}

func names(codes []uint16, name func(uint16) string) string {
	codes = slices.Clone(codes)
	slices.Sort(codes)
	var out []string
	for _, c := range slices.Compact(codes) {
		out = append(out, name(c))
	}
	return strings.Join(out, " ")
}

// TestAgreesWithSSLScan holds what we find of servers of many kinds against what sslscan finds.
func TestAgreesWithSSLScan(t *testing.T) {
	dir := pki(t)
	rsa, ecdsa := []string{"-cert", "rsa.crt", "-key", "rsa.key"}, []string{"-cert", "ecdsa.crt", "-key", "ecdsa.key"}
	both := append(slices.Clone(rsa), "-dcert", "ecdsa.crt", "-dkey", "ecdsa.key")
	with := func(certificates []string, more ...string) func(*testing.T) string {
		return func(t *testing.T) string { return openssl(t, dir, append(slices.Clone(certificates), more...)...) }
	}
	const nginxRSA = "ssl_certificate rsa.crt; ssl_certificate_key rsa.key; "
	for _, server := range []struct {
		name  string
		start func(*testing.T) string
	}{
		{"openssl as it comes", with(rsa)},
		{"openssl, anonymous and without encryption", with(both, "-cipher", "ALL:eNULL:@SECLEVEL=0", "-min_protocol", "TLSv1.1")},
		{"openssl, TLS 1.0 to 1.2, all but anonymous", with(both, "-cipher", "ALL:!aNULL:@SECLEVEL=0", "-min_protocol", "TLSv1", "-max_protocol", "TLSv1.2")},
		{"openssl, TLS 1.3 alone, one suite, one group", with(ecdsa, "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-groups", "P-384")},
		{"openssl, TLS 1.3 with CCM", with(ecdsa, "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256:TLS_AES_256_GCM_SHA384")},
		{"openssl, TLS 1.2 alone, whitelisted suites", with(both, "-tls1_2", "-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM", "-groups", "X25519:P-256")},
		{"openssl, CBC and static RSA", with(rsa, "-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA384")},
		{"nginx as it comes", func(t *testing.T) string { return nginx(t, dir, nginxRSA) }},
		{"nginx, hardened", func(t *testing.T) string {
			return nginx(t, dir, "ssl_certificate ecdsa.crt; ssl_certificate_key ecdsa.key; "+nginxRSA+
				"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; ssl_ecdh_curve X25519:prime256v1; ssl_prefer_server_ciphers on;")
		}},
		{"nginx, TLS 1.1 too", func(t *testing.T) string {
			return nginx(t, dir, nginxRSA+"ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;")
		}},
	} {
		t.Run(server.name, func(t *testing.T) {
			address := server.start(t)
			want := sslscan(t, address)
			r, err := Scan(t.Context(), Config{Address: address, ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			got := ours(r)
			for _, v := range versions {
				v := versionName(v)
				_, wanted := want.suites[v]
				if _, ok := got.suites[v]; v != "SSL 3.0" && ok != wanted {
					t.Errorf("%s: accepted %v, sslscan says %v", v, ok, wanted)
				}
				if a, b := names(got.suites[v], SuiteName), names(want.suites[v], SuiteName); v != "SSL 3.0" && a != b {
					t.Errorf("%s suites:\n   ours: %s\nsslscan: %s", v, a, b)
				}
				if v < "TLS 1.2" { // sslscan asks for groups from TLS 1.2 on
					continue
				}
				if a, b := names(got.groups[v], groupName), names(want.groups[v], groupName); a != b {
					t.Errorf("%s groups:\n   ours: %s\nsslscan: %s", v, a, b)
				}
			}
			if len(r.Chains) == 0 {
				t.Error("no certificate was seen")
			}
		})
	}
}
