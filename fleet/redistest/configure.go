package redistest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tollgate/internal/testpki"
)

// configure writes redis.conf. Nothing is saved unless a test asks for it, so that a restart is empty.
func (s *Server) configure() {
	s.t.Helper()
	lines := []string{"bind 127.0.0.1", "dir " + s.dir, "daemonize no"}
	if !s.sentinel {
		lines = append(lines, `save ""`, "appendonly no", "repl-diskless-sync yes", "repl-diskless-sync-delay 0", "shutdown-timeout 0")
	}
	lines = append(lines, s.listen()...)
	if s.options.Password != "" {
		lines = append(lines, "requirepass "+s.options.Password)
	}
	for _, user := range s.options.Users {
		lines = append(lines, "user "+user)
	}
	lines = append(lines, s.options.Config...)
	s.write("redis.conf", strings.Join(lines, "\n")+"\n")
}

func (s *Server) listen() []string {
	if s.options.CA == nil {
		return []string{fmt.Sprintf("port %d", s.port)}
	}
	s.issue("server", testpki.Leaf{Names: []string{"127.0.0.1", "localhost"}, Server: true, Key: testpki.RSA})
	s.issue("client", testpki.Leaf{CommonName: "redis-cli"})
	s.write("ca.pem", string(s.options.CA.CertPEM()))
	clients := "no"
	if s.options.Clients {
		clients = "yes"
	}
	return []string{"port 0", fmt.Sprintf("tls-port %d", s.port), "tls-auth-clients " + clients, "tls-replication yes",
		"tls-cert-file " + s.file("server.crt"), "tls-key-file " + s.file("server.key"), "tls-ca-cert-file " + s.file("ca.pem"),
		"tls-client-cert-file " + s.file("client.crt"), "tls-client-key-file " + s.file("client.key")}
}

func (s *Server) issue(name string, leaf testpki.Leaf) tls.Certificate {
	s.t.Helper()
	certificate, err := s.options.CA.Issue(leaf)
	if err == nil {
		err = testpki.WriteFiles(certificate, s.file(name+".crt"), s.file(name+".key"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return certificate
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Do sends a command as the default user, and returns the answer as redis-cli prints it. An error that Redis answers fails the test.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	answer, err := s.cli(args...)
	if err != nil {
		s.t.Fatalf("redis-cli %q on port %d: %v", args, s.port, err)
	}
	return answer
}

// cli is redis-cli, so that nothing here depends on the client under test.
func (s *Server) cli(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "redis-cli", append(s.dial(), args...)...)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+s.options.Password)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s%s", err, stdout.String(), stderr.String())
	}
	return strings.TrimSpace(stdout.String()), err
}

func (s *Server) dial() []string {
	args := []string{"-e", "-h", "127.0.0.1", "-p", fmt.Sprint(s.port)}
	if s.options.CA == nil {
		return args
	}
	return append(args, "--tls", "--cacert", s.file("ca.pem"), "--cert", s.file("client.crt"), "--key", s.file("client.key"))
}

// SetPassword changes the password of the default user. The empty one is none. Connections that have logged in stay.
func (s *Server) SetPassword(password string) {
	s.t.Helper()
	rule := "nopass"
	if password != "" {
		rule = ">" + password
	}
	s.Do("ACL", "SETUSER", "default", "on", "resetpass", rule)
	s.options.Password = password
}

// Info returns a field of the answer to INFO.
func (s *Server) Info(field string) string {
	s.t.Helper()
	for line := range strings.Lines(s.Do("INFO", "everything")) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), field+":"); found {
			return value
		}
	}
	return ""
}
