package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for something that should come at once, on a machine that has other tests to run.
const patience = time.Minute

// raceOptions are for a binary with the race detector: it ends at the first race, and otherwise without its usual wait of
// a second for late reports.
const raceOptions = "GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=0"

// process is a running gateway.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	up     chan struct{} // closed when the gateway says that it is up
	exited chan struct{} // closed when it has ended and all its output is read
	stdout bytes.Buffer  // to be read once exited

	mu        sync.Mutex
	stderr    bytes.Buffer
	addresses map[string]string // of listeners by name; of the admin listener by "admin"
}

// launch starts `tollgate run` and returns at once. The process is killed at the end of the test if it still runs.
func launch(t testing.TB, config string, env []string) *process {
	t.Helper()
	return launchBinary(t, binary, config, env)
}

func launchBinary(t testing.TB, binary, config string, env []string) *process {
	t.Helper()
	cmd := exec.Command(binary, "run", "--config", config)
	cmd.Env = append(env[:len(env):len(env)], raceOptions)
	return launchCommand(t, cmd)
}

func launchCommand(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, up: make(chan struct{}), exited: make(chan struct{}), addresses: map[string]string{}}
	p.cmd.Stdout = &p.stdout
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.watch(pipe)
	t.Cleanup(func() {
		p.kill()
		if strings.Contains(p.log(), "DATA RACE") {
			t.Error("the gateway has a data race")
		}
		if t.Failed() {
			t.Logf("what the gateway logged:\n%s", p.log())
		}
	})
	return p
}

// watch reads the operational log until its end.
func (p *process) watch(pipe io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line(lines.Bytes())
	}
	_ = p.cmd.Wait() // the exit code says it all
}

func (p *process) line(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.Write(line)
	p.stderr.WriteByte('\n')
	var entry struct{ Msg, Listener, Address string }
	if json.Unmarshal(line, &entry) != nil {
		return
	}
	switch entry.Msg {
	case "listening":
		p.addresses[entry.Listener] = entry.Address
	case "admin listening", "review listening":
		p.addresses[strings.TrimSuffix(entry.Msg, " listening")] = entry.Address
	case "answering ACME challenges":
		p.addresses["challenges"] = entry.Address
	case "tollgate is up":
		close(p.up)
	}
}

// wait returns when the gateway is ready: it says so itself and on /readyz.
func (p *process) wait() *process {
	p.t.Helper()
	select {
	case <-p.up:
	case <-p.exited:
		p.t.Fatal("the gateway ended before it was up")
	case <-time.After(patience):
		p.t.Fatal("the gateway does not come up")
	}
	if status, body := p.readyz(); status != http.StatusOK {
		p.t.Fatalf("the gateway is up but not ready: %d %s", status, body)
	}
	return p
}

func (p *process) address(name string) string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.addresses[name] == "" {
		p.t.Fatalf("the gateway did not say where it listens for %q", name)
	}
	return p.addresses[name]
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

func (p *process) readyz() (status int, body string) {
	p.t.Helper()
	return p.admin("/readyz")
}

func (p *process) admin(path string) (status int, body string) {
	p.t.Helper()
	client := http.Client{Timeout: patience}
	response, err := client.Get("http://" + p.address("admin") + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// kill ends the process as a power cut would, and waits for its end.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, syscall.ESRCH) && !strings.Contains(err.Error(), "finished") {
		p.t.Errorf("killing the gateway: %v", err)
	}
	<-p.exited
}

func (p *process) terminate() {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("asking the gateway to stop: %v", err)
	}
}

// code waits for the end of the process.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the gateway does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the gateway in good order.
func (p *process) stop() {
	p.t.Helper()
	p.terminate()
	if code := p.code(); code != 0 {
		p.t.Errorf("the gateway ended with exit code %d:\n%s", code, p.log())
	}
}

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command of the binary to its end.
func run(t testing.TB, env []string, args ...string) result {
	t.Helper()
	return runBinary(t, binary, env, args...)
}

func runBinary(t testing.TB, binary string, env []string, args ...string) result {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(env[:len(env):len(env)], raceOptions)
	return runCommand(t, cmd)
}

func runCommand(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
