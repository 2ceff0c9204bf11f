package redistest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// dial connects to an address for inline commands, the plainest of Redis's protocol.
func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection, bufio.NewReader(connection)
}

// ask sends a command and returns the line that comes back within a while.
func ask(t *testing.T, c net.Conn, r *bufio.Reader, within time.Duration, command string) (string, error) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	return r.ReadString('\n')
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	connection, reader := dial(t, s.Address())
	s.Do("SET", "a", "1")
	snapshot := s.Snapshot()
	s.Do("SET", "b", "1")

	s.Stop()
	if answer, err := ask(t, connection, reader, 50*time.Millisecond, "PING"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stopped server answers %q, %v", answer, err)
	}
	s.Continue()
	if answer, err := ask(t, connection, reader, patience, "PING"); err != nil || answer != "+PONG\r\n" {
		t.Errorf("a server that goes on answers %q, %v", answer, err)
	}

	first := s.Info("run_id")
	for _, c := range []struct {
		name     string
		snapshot []byte
		want     string
	}{{"empty", nil, ""}, {"from a snapshot", snapshot, "a"}} {
		s.Restart(c.snapshot)
		if keys := s.Do("KEYS", "*"); keys != c.want {
			t.Errorf("restarted %s: keys %q, want %q", c.name, keys, c.want)
		}
	}
	if s.Info("run_id") == first {
		t.Error("the restarted server is the same process")
	}
	s.Kill()
	if c, err := net.Dial("tcp", s.Address()); err == nil {
		_ = c.Close()
		t.Error("a killed server accepts a connection")
	}
}

// TestServersEnd: a server ends with its test, running, suspended or dead, by its own process id.
func TestServersEnd(t *testing.T) {
	t.Parallel()
	var servers []*Server
	t.Run("with servers", func(t *testing.T) {
		for _, act := range []func(*Server){func(*Server) {}, (*Server).Stop, (*Server).Kill} {
			s := Start(t, Options{})
			act(s)
			servers = append(servers, s)
		}
	})
	for i, s := range servers {
		if s.running() {
			t.Errorf("server %d has outlived its test", i)
		}
	}
}

func TestPasswordAndUsers(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Password: "of-the-default", Users: []string{"tollgate on >secret ~{tollgate}* +@all"}})
	for command, want := range map[string]string{
		"PING":                              "-NOAUTH Authentication required.\r\n",
		"AUTH wrong":                        "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
		"AUTH of-the-default":               "+OK\r\n",
		"AUTH tollgate secret":              "+OK\r\n",
		"AUTH tollgate secret\r\nGET other": "+OK\r\n",
	} {
		connection, reader := dial(t, s.Address())
		if answer, err := ask(t, connection, reader, patience, command); err != nil || answer != want {
			t.Errorf("%q: %q, %v; want %q", command, answer, err, want)
		}
		if strings.HasSuffix(command, "GET other") {
			if answer, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(answer, "-NOPERM") {
				t.Errorf("the user's foreign key: %q, %v", answer, err)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := testpki.Must(testpki.New())
	s := Start(t, Options{CA: ca, Clients: true, Password: "p"})
	client := testpki.Must(ca.Client("member"))
	for _, c := range []struct {
		name         string
		certificates []tls.Certificate
		want         bool
	}{{"with a certificate", []tls.Certificate{client}, true}, {"without", nil, false}} {
		connection, err := tls.Dial("tcp", s.Address(), &tls.Config{RootCAs: ca.Pool(), Certificates: c.certificates})
		if err == nil {
			_, err = ask(t, connection, bufio.NewReader(connection), patience, "PING")
			_ = connection.Close()
		}
		if (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if replica := s.Replica(); replica.Info("role") != "slave" {
		t.Error("the replica is none")
	}
}

// TestSentinel has a replica follow its master by an order, and by the master's death; the latter loses what it has not.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := Start(t, Options{Password: "p"})
	replica := master.Replica()
	sentinel := StartSentinel(t, "fleet", master, 1)
	if got := sentinel.Master(); got != master.Address() {
		t.Fatalf("the master is %s, want %s", got, master.Address())
	}
	sentinel.Failover()
	if got := sentinel.Master(); got != replica.Address() {
		t.Errorf("after a failover the master is %s, want %s", got, replica.Address())
	}
	if role := replica.Info("role"); role != "master" {
		t.Errorf("the new master's role is %s", role)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	one := StartCluster(t, Options{}, 1)
	if one.Owner("{tollgate}a") != one.Nodes[0] {
		t.Error("the only node does not own all slots")
	}
	three := StartCluster(t, Options{Password: "p"}, 3)
	owner := three.Owner("{tollgate}a")
	owner.Do("SET", "{tollgate}a", "1")
	to := three.Nodes[0]
	if to == owner {
		to = three.Nodes[1]
	}
	three.Move("{tollgate}a", to)
	if three.Owner("{tollgate}a") != to || to.Do("GET", "{tollgate}a") != "1" {
		t.Error("the slot has not moved")
	}
	if answer, err := owner.cli("GET", "{tollgate}a"); err == nil || !strings.Contains(err.Error(), "MOVED") {
		t.Errorf("the old owner answers %q, %v", answer, err)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	const short = 100 * time.Millisecond
	for _, c := range []struct {
		name   string
		fault  func(*Proxy)
		answer string
		err    error
	}{
		{"pass", (*Proxy).Pass, ":1\r\n", nil},
		{"delay", func(p *Proxy) { p.Delay(time.Hour) }, "", os.ErrDeadlineExceeded},
		{"black hole", (*Proxy).BlackHole, "", os.ErrDeadlineExceeded},
		{"lost answers", (*Proxy).LoseAnswers, "", os.ErrDeadlineExceeded},
		{"nonsense", func(p *Proxy) { p.Answer("HTTP/1.1 400 Bad Request\r\n") }, "HTTP/1.1 400 Bad Request\r\n", nil},
		{"half", (*Proxy).Half, ":1", os.ErrDeadlineExceeded},
		{"cut", func(p *Proxy) { p.Cut(3) }, ":1\r", io.EOF},
		{"refuse", (*Proxy).Refuse, "", io.EOF},
		{"reset", (*Proxy).Reset, "", syscall.ECONNRESET},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Do("DEL", "n")
			p := NewProxy(t, s.Address())
			connection, reader := dial(t, p.Address())
			if answer, err := ask(t, connection, reader, patience, "PING"); err != nil || answer != "+PONG\r\n" {
				t.Fatalf("before: %q, %v", answer, err)
			}
			c.fault(p)
			answer, err := ask(t, connection, reader, short, "INCR n")
			if closed := errors.Is(c.err, io.EOF); answer != c.answer || !closed && !errors.Is(err, c.err) || closed && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
				t.Errorf("%q, %v; want %q, %v", answer, err, c.answer, c.err)
			}
			p.Pass()
			connection, reader = dial(t, p.Address())
			if answer, err := ask(t, connection, reader, patience, "PING"); err != nil || answer != "+PONG\r\n" {
				t.Errorf("after: %q, %v", answer, err)
			}
		})
	}
}

// TestWhatAProxyLoses: requests reach the server where only answers are lost, and nowhere else.
func TestWhatAProxyLoses(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	p := NewProxy(t, s.Address())
	for i, c := range []struct {
		fault func(*Proxy)
		want  string
	}{{(*Proxy).BlackHole, "0"}, {func(p *Proxy) { p.Answer("+OK\r\n") }, "0"}, {(*Proxy).LoseAnswers, "1"}, {(*Proxy).Half, "1"}} {
		s.Do("SET", "n", "0")
		p.Pass()
		connection, reader := dial(t, p.Address())
		c.fault(p)
		_, _ = ask(t, connection, reader, 100*time.Millisecond, "INCR n")
		if got := s.Do("GET", "n"); got != c.want {
			t.Errorf("fault %d: the server counts %s, want %s", i, got, c.want)
		}
	}
}
