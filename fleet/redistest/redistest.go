// Package redistest runs Redis servers for tests: plain ones, with TLS, with users, with replicas, under Sentinel, in a cluster. It stops
// and kills them, restarts them empty or from a snapshot, and has a proxy that breaks what passes between them and a client.
//
// Each server is a process of Debian's redis-server, with a folder of its own and on a loopback port of its own. It ends with its test,
// also when the test fails or its process is killed. A machine without redis-server fails the test: a test that is passed over
// proves nothing.
package redistest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// patience bounds every wait of this package. What it waits for takes milliseconds on a machine that has nothing else to do.
const patience = 30 * time.Second

// Options describe a server. The zero value is a plain one, without a password.
type Options struct {
	CA       *testpki.CA // issues the certificate of a server that listens with TLS only
	Clients  bool        // the server asks for clients' certificates of CA
	Password string      // of the default user
	Users    []string    // rules of further users, as in Redis's ACL files: "tollgate on >secret ~* +@all"
	Config   []string    // further lines of redis.conf
}

// Server is a process of redis-server that can be stopped, killed and restarted. Its methods fail the test.
type Server struct {
	t        testing.TB
	options  Options
	dir      string
	port     int
	sentinel bool

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	log    bytes.Buffer
}

// Start starts a server and waits until it answers.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	return start(t, o, nil)
}

// start tries further ports where another process took the one that was free.
func start(t testing.TB, o Options, more func(*Server) []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("this test needs redis-server, which is not installed. On Debian: apt-get install redis-server")
	}
	for range 5 {
		s := &Server{t: t, options: o, dir: t.TempDir(), port: freePort(t)}
		if more != nil {
			s.options.Config = append(o.Config[:len(o.Config):len(o.Config)], more(s)...)
		}
		s.configure()
		t.Cleanup(s.cleanup)
		s.launch()
		if s.ready() {
			return s
		}
		if log := s.Log(); !strings.Contains(log, "Address already in use") {
			t.Fatalf("redis-server on port %d does not start:\n%s", s.port, log)
		}
	}
	t.Fatal("no free port for redis-server")
	return nil
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Log is what the server has logged.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Write takes what the server logs.
func (s *Server) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(text)
}

// launch starts the process. The kernel kills it when the process of the test ends, in any way.
func (s *Server) launch() {
	s.t.Helper()
	args := []string{filepath.Join(s.dir, "redis.conf")}
	if s.sentinel {
		args = append(args, "--sentinel")
	}
	cmd, exited := exec.Command("redis-server", args...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = s, s
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	s.cmd, s.exited = cmd, exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // it is killed
	}()
}

// ready waits until the server answers, and reports whether it does. One that has ended does not.
func (s *Server) ready() bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if answer, err := s.cli("PING"); err == nil && answer == "PONG" {
			return true
		}
		select {
		case <-s.exited:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// Stop suspends the server (SIGSTOP): its connections stay open, and nothing is answered until [Server.Continue].
func (s *Server) Stop() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
}

// Continue ends [Server.Stop].
func (s *Server) Continue() {
	s.t.Helper()
	s.signal(syscall.SIGCONT)
}

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatalf("signal %v to redis-server: %v", signal, err)
	}
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	<-s.exited
}

// Snapshot is the server's data as they are now, for [Server.Restart]. What a save in the background is made for, a new replica for one,
// has to end before.
func (s *Server) Snapshot() []byte {
	s.t.Helper()
	s.until("the data is saved", func() bool {
		_, err := s.cli("SAVE")
		if err != nil && !strings.Contains(err.Error(), "save already in progress") {
			s.t.Fatalf("saving the data of redis-server on port %d: %v", s.port, err)
		}
		return err == nil
	})
	data, err := os.ReadFile(s.snapshot())
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// Restart starts the server again on its port, killing it first if it runs: with the data of a snapshot, or empty with none.
func (s *Server) Restart(snapshot []byte) {
	s.t.Helper()
	if s.running() {
		s.Kill()
	}
	if err := os.RemoveAll(s.snapshot()); err != nil {
		s.t.Fatal(err)
	}
	if snapshot != nil {
		if err := os.WriteFile(s.snapshot(), snapshot, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.launch()
	if !s.ready() {
		s.t.Fatalf("redis-server on port %d does not start again:\n%s", s.port, s.Log())
	}
}

func (s *Server) snapshot() string { return filepath.Join(s.dir, "dump.rdb") }

func (s *Server) running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *Server) cleanup() {
	if s.running() {
		s.Kill()
	}
	if s.t.Failed() {
		s.t.Logf("what redis-server on port %d logged:\n%s", s.port, s.Log())
	}
}

// until waits for a condition.
func (s *Server) until(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-server on port %d: not within %v: %s\n%s", s.port, patience, what, s.Log())
		}
	}
}

// freePort returns a port below those that systems take for outgoing connections: a server that is killed gets its own again.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(10000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = listener.Close()
		return port
	}
	t.Fatal("no free port on the loopback address")
	return 0
}
