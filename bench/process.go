package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running proxy.
type process struct {
	cmd     *exec.Cmd
	address string
	log     string // where its output goes
	scratch string // a folder that is removed once it has ended
	exited  chan struct{}
	beside  *process // ends with it
	reader  *reader  // of its review pages; nil: there is none
}

// reading has the review pages read until the function returned is called.
func (p *process) reading() (end func() error) {
	if p.reader == nil {
		return func() error { return nil }
	}
	return p.reader.read()
}

// launch starts a program on the proxies' core. Its output goes to a file, as a log would.
func (w *world) launch(address string, env []string, program string, args ...string) (*process, error) {
	return w.launchOn([]int{w.cores.proxy}, address, env, program, args...)
}

// launchBeside starts a program on the cores of the callers and the upstream.
func (w *world) launchBeside(address, program string, args ...string) (*process, error) {
	return w.launchOn(w.cores.load, address, nil, program, args...)
}

func (w *world) launchOn(cores []int, address string, env []string, program string, args ...string) (*process, error) {
	output, err := os.CreateTemp(w.dir, "*-"+filepath.Base(program)+".log")
	if err != nil {
		return nil, err
	}
	defer output.Close()
	p := &process{address: address, log: output.Name(), exited: make(chan struct{})}
	p.cmd = exec.Command("taskset", append([]string{"-c", coreList(cores), program}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = output, output, w.dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

func coreList(cores []int) string {
	var list []string
	for _, core := range cores {
		list = append(list, strconv.Itoa(core))
	}
	return strings.Join(list, ",")
}

// stop ends a proxy and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its own process group: it and its workers
		<-p.exited
	}
	if p.beside != nil {
		p.beside.stop()
	}
	if p.scratch != "" {
		_ = os.RemoveAll(p.scratch) // else it goes with the world
	}
}

// output is what the proxy wrote, its last part.
func (p *process) output() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-4000):])
}

// pids are the process and its workers.
func (p *process) pids() []int {
	all := []int{p.cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children(all[i])...)
	}
	return all
}

func children(pid int) []int {
	var all []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil && !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
	}
	return all
}

// cpu is the time that the process and its workers have spent on a core, in user and kernel mode.
func (p *process) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range p.pids() {
		clock, err := cpuClock(pid)
		if err != nil {
			return 0, err
		}
		sum += clock
	}
	return sum, nil
}

// A proxy is at rest once it spends less than a fiftieth of its core.
const (
	restLook  = 50 * time.Millisecond
	restSpent = restLook / 50
	restBound = 20 * time.Second
)

// rest returns when the process does nothing any more but what it always does: an index may have to catch up.
func (p *process) rest() error {
	for deadline := time.Now().Add(restBound); time.Now().Before(deadline); {
		before, err := p.cpu()
		if err != nil {
			return err
		}
		time.Sleep(restLook)
		if now, err := p.cpu(); err != nil || now-before < restSpent {
			return err
		}
	}
	return fmt.Errorf("it does not come to rest within %s", restBound)
}

// rss is the memory that the process and its workers hold, in bytes; pages that they share count for each.
func (p *process) rss() (int64, error) {
	var sum int64
	for _, pid := range p.pids() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			return 0, errors.New("/proc/PID/statm is not as it used to be")
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += pages * int64(os.Getpagesize())
	}
	return sum, nil
}

// freeAddress finds a port of loopback on which no process listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
