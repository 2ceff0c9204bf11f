package deploytest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the gateway's, built once as `make build` does.
var program = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tollgate-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tollgate")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3", "-o", file, "./cmd/proxy")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return os.ReadFile(file)
})

// stack is a deployment whose containers are processes of this machine: their paths are below a folder, their hosts are ports on loopback.
type stack struct {
	t   *testing.T
	dir string // its path is short, as that of a socket has to be, and every user may enter it
}

func newStack(t *testing.T) *stack {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of a deployment have owners, which only root can set")
	}
	dir, err := os.MkdirTemp("", "tollgate-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stack{t, dir}
	text, err := program()
	if err == nil {
		err = os.WriteFile(s.file("tollgate"), text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stack) file(name string) string { return filepath.Join(s.dir, name) }

// folder makes a folder that one user may use.
func (s *stack) folder(name string, owner int) string {
	s.t.Helper()
	if err := os.MkdirAll(s.file(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
	return s.own(name, owner)
}

// write writes a file that one user may use.
func (s *stack) write(name, text string, owner int) string {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.own(name, owner)
}

func (s *stack) own(name string, owner int) string {
	s.t.Helper()
	if err := os.Chown(s.file(name), owner, owner); err != nil {
		s.t.Fatal(err)
	}
	return s.file(name)
}

// process is a process of a stack, which is killed at its end.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start starts a process of a user.
func (s *stack) start(owner int, env []string, args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(args[0], args[1:]...), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = env, p, p, s.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(owner), Gid: uint32(owner)}, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // how it ends is asked of cmd.ProcessState
	}()
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", filepath.Base(args[0]), p.output())
		}
	})
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // one that has ended cannot be killed
	<-p.exited
}

// says waits until the output matches, and returns the first group.
func (p *process) says(pattern string) string {
	p.t.Helper()
	expression := regexp.MustCompile(pattern)
	var found []string
	eventually(p.t, "a process says "+pattern, func() bool {
		select {
		case <-p.exited:
			p.t.Fatalf("%s ended", p.cmd.Path)
		default:
		}
		found = expression.FindStringSubmatch(p.output())
		return found != nil
	})
	return found[len(found)-1]
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// freePort returns a port of loopback that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// redis starts a Redis of a configuration for port 6379, and returns the port that it has. The text has the paths of this machine.
func (s *stack) redis(text string) string {
	s.t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		s.t.Fatal("this test needs redis-server, which is not installed. On Debian: apt-get install redis-server")
	}
	port := freePort(s.t)
	text = replaceOnce(s.t, text, "tls-port 6379", "tls-port "+port) + "bind 127.0.0.1\n"
	s.start(0, []string{"PATH=" + os.Getenv("PATH")}, "redis-server", s.write("redis.conf", text, 0)).says("Ready to accept connections")
	return port
}

// simulator starts the simulated billing API with a certificate, and returns its port.
func (s *stack) simulator(cert, key string) string {
	s.t.Helper()
	p := s.start(user, nil, s.file("tollgate"), "simulate", "--listen", "127.0.0.1:0", "--cert", cert, "--key", key)
	return p.says(`on 127\.0\.0\.1:(\d+)`)
}

// member is a gateway of a fleet.
type member struct {
	*process
	s       *stack
	config  string
	env     []string
	address string // where its callers call
}

// member starts a gateway with a configuration, as the user of the image. In the configuration container paths become those of this machine.
func (s *stack) member(name, variable, text string, paths ...string) *member {
	s.t.Helper()
	paths = append(paths, "/var/lib/tollgate", s.folder(name+"-state", user), "/run/tollgate", s.folder(name+"-run", user))
	m := &member{s: s, config: s.write(name+".yaml", strings.NewReplacer(paths...).Replace(text), user), env: []string{variable + "=" + name}}
	m.process = s.start(user, m.env, s.file("tollgate"), "run", "--config", m.config)
	return m
}

// ready waits until the gateway takes calls.
func (m *member) ready() {
	m.t.Helper()
	m.says(`"msg":"tollgate is up"`)
	m.address = "localhost:" + m.says(`"msg":"listening","listener":"central","address":"127\.0\.0\.1:(\d+)"`)
}

// command runs a command that asks this gateway, as its user.
func (m *member) command(args ...string) string {
	m.t.Helper()
	p := m.s.start(user, m.env, append(append([]string{m.s.file("tollgate")}, args...), "--config", m.config)...)
	<-p.exited
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		m.t.Fatalf("%v: exit code %d\n%s", args, code, p.output())
	}
	return p.output()
}

// replaceOnce replaces what is in a text once.
func replaceOnce(t *testing.T, text, old, replacement string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%q is there %d times", old, n)
	}
	return strings.Replace(text, old, replacement, 1)
}
