package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// How a process was ended.
const (
	killed  = "killed"
	stopped = "stopped" // in good order
)

// raceOptions end a gateway at its first data race.
const raceOptions = "GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=0"

// life is one process of a replica.
type life struct {
	*replica
	number  int
	binary  string
	began   time.Time
	cmd     *exec.Cmd
	up      chan struct{} // closed when the gateway says that it is up
	exited  chan struct{} // closed when it has ended and its log is read
	log     *os.File
	before  resources // when it was up
	stalled bool      // its log took nothing for a while: the disk was full, or the process suspended

	mu        sync.Mutex
	addresses map[string]string // of listeners by name; of the admin listener by "admin"
	how       string            // it is ended; empty: not yet
	ending    time.Time         // when that began
	ended     time.Time
}

// launch starts a process of a replica and waits until it is up. It ends with the test's process.
func (r *replica) launch(binary string) (*life, error) {
	l := &life{
		replica: r, number: len(r.lives), binary: binary, began: time.Now(), up: make(chan struct{}), exited: make(chan struct{}),
		addresses: map[string]string{},
	}
	var err error
	if l.log, err = os.OpenFile(r.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	l.cmd = exec.Command(binary, "run", "--config", r.config)
	l.cmd.Env = []string{raceOptions, "RUNTIME_DIRECTORY=" + r.w.dir}
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := l.cmd.StderrPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	go l.watch(pipe)
	return l, l.awaitStart()
}

func (l *life) awaitStart() error {
	select {
	case <-l.up:
	case <-l.exited:
		return fmt.Errorf("gateway %s ended before it was up", l.name)
	case <-time.After(patience):
		return fmt.Errorf("gateway %s does not come up", l.name)
	}
	var err error
	l.before, err = l.resources()
	return err
}

// watch reads the operational log until its end.
func (l *life) watch(pipe io.Reader) {
	defer close(l.exited)
	defer l.log.Close()
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, _ = fmt.Fprintf(l.log, "%s\n", lines.Bytes()) // a failure shows its end
		l.line(lines.Bytes())
	}
	_ = l.cmd.Wait() // the exit code is looked at where the end was asked for
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = time.Now()
}

func (l *life) line(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var entry struct{ Msg, Listener, Address string }
	if json.Unmarshal(line, &entry) != nil {
		return
	}
	switch entry.Msg {
	case "listening":
		l.addresses[entry.Listener] = entry.Address
	case "admin listening":
		l.addresses["admin"] = entry.Address
	case "tollgate is up":
		close(l.up)
	}
}

func (l *life) address(listener string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.addresses[listener]
}

// end ends the process, by a signal that fits how, and waits.
func (l *life) end(how string) error {
	signal := syscall.SIGTERM
	if how == killed {
		signal = syscall.SIGKILL
	}
	l.mu.Lock()
	l.how, l.ending = how, time.Now()
	l.mu.Unlock()
	if err := l.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("gateway %s is not there to be %s: %w", l.name, how, err)
	}
	select {
	case <-l.exited:
	case <-time.After(patience):
		return fmt.Errorf("gateway %s does not end", l.name)
	}
	if code := l.cmd.ProcessState.ExitCode(); how == stopped && code != 0 {
		return fmt.Errorf("gateway %s was stopped in good order and ended with exit code %d", l.name, code)
	}
	return nil
}

// running reports whether the process is there. One that has ended by itself fails the test at the end.
func (l *life) running() bool {
	select {
	case <-l.exited:
		return false
	default:
		return true
	}
}

// endingBy reports how the process was being ended, or had been, at a time; empty: it was not.
func (l *life) endingBy(at time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.how == "" || l.ending.After(at) {
		return ""
	}
	return l.how
}

// startAndKill starts a process and kills it a moment later. It is no life: callers do not get to know it.
func (r *replica) startAndKill(binary string, random *rand.Rand) error {
	cmd := exec.Command(binary, "run", "--config", r.config)
	cmd.Env = []string{raceOptions, "RUNTIME_DIRECTORY=" + r.w.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	pause(random, 400*time.Millisecond)
	if err := cmd.Process.Kill(); err != nil {
		return fmt.Errorf("gateway %s ended by itself as it started: %w", r.name, err)
	}
	_ = cmd.Wait() // it was killed
	return nil
}

// interrupt asks the process to stop, and kills it a moment later. It may have ended by then.
func (l *life) interrupt(random *rand.Rand) error {
	l.mu.Lock()
	l.how, l.ending = killed, time.Now()
	l.mu.Unlock()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	pause(random, 1500*time.Millisecond)
	_ = l.cmd.Process.Kill()
	<-l.exited
	return nil
}
