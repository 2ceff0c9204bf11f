package tlspolicy

import (
	"bufio"
	"crypto/tls"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// serve shakes hands with all that connect, until the test ends.
func serve(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { serveOne(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	return l.Addr().String()
}

func serveOne(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil { // shakes hands first
		_, _ = conn.Write([]byte("pong\n"))
	}
}

// openSSLClient connects and says one line.
func openSSLClient(t *testing.T, address string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.Command(openssl(t), append([]string{"s_client", "-connect", address, "-ign_eof"}, args...)...)
	cmd.Stdin = strings.NewReader("ping\n")
	raw, err := cmd.CombinedOutput()
	return string(raw), err
}

// openSSLServer serves until the test ends.
func openSSLServer(t *testing.T, args ...string) (address string) {
	t.Helper()
	dir := writePKI(t)
	cmd := exec.Command(openssl(t), append([]string{"s_server", "-accept", "127.0.0.1:0", "-naccept", "16",
		"-cert", filepath.Join(dir, "cert.pem"), "-key", filepath.Join(dir, "key.pem")}, args...)...)
	if _, err := cmd.StdinPipe(); err != nil { // held open: s_server ends with its input
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			return address
		}
	}
	t.Fatal("openssl s_server did not say its port")
	return ""
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// TestOpenSSLPeers12 plays every TLS 1.2 suite that OpenSSL has against a listener.
func TestOpenSSLPeers12(t *testing.T) {
	policy := mustNamed(t, Default)
	address := serve(t, policy.testServer())
	for code, name := range opensslNames(t) {
		if strings.HasPrefix(name, "TLS_") || strings.Contains(name, "PSK") || strings.Contains(name, "SRP") {
			continue // TLS 1.3, or in need of a shared secret
		}
		out, _ := openSSLClient(t, address, "-tls1_2", "-cipher", name+":@SECLEVEL=0")
		want := slices.Contains(policy.offered(tls.VersionTLS12), code)
		if got := strings.Contains(out, "Cipher is "+name+"\n"); got != want {
			t.Errorf("%s: connected %t, want %t\n%s", name, got, want, out)
		}
	}
}
