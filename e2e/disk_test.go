package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// inject has the kernel treat some system calls of the gateway as a failing disk would, until remove is called. The rule is
// one of strace's: fdatasync:error=EIO. A program without shared libraries can be got at in no other way.
func (p *process) inject(rule string) (remove func()) {
	p.t.Helper()
	end := p.trace(rule)
	return func() { end(syscall.SIGTERM) } // then strace lets go
}

// trace does what inject does. What it returns ends strace by a signal.
func (p *process) trace(rule string) (end func(syscall.Signal)) {
	p.t.Helper()
	calls, _, _ := strings.Cut(rule, ":")
	cmd := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+rule, "-p", fmt.Sprint(p.cmd.Process.Pid))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("a disk that fails needs strace: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	eventually(p.t, "strace has the gateway in its hands", func() bool {
		select {
		case <-ended:
			p.t.Fatalf("strace cannot get at the gateway (it needs the right to ptrace): %s", stderr.String())
		default:
		}
		return p.traced()
	})
	return func(s syscall.Signal) {
		_ = cmd.Process.Signal(s)
		<-ended
	}
}

// traced reports whether every thread has a tracer.
func (p *process) traced() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err == nil && strings.Contains(string(status), "\nTracerPid:\t0\n") {
			return false
		}
	}
	return true
}

// refuses has one call of each kind refused because there would be no record of it, and none arrive.
func (w *world) refuses(p *process, round int) {
	w.t.Helper()
	before := len(w.simulator.Calls())
	for kind := range orderKinds {
		got := send(w.t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, orderName(round, kind)))
		if got.status != http.StatusServiceUnavailable || got.code != "TG.6001" || got.header.Get("Retry-After") == "" {
			w.t.Errorf("%s: got %d %s, want 503 TG.6001 with Retry-After", orderKinds[kind].method, got.status, got.body)
		}
	}
	if n := len(w.simulator.Calls()) - before; n != 0 {
		w.t.Errorf("%d calls went out without a record", n)
	}
}

// serves waits until the gateway is ready, and makes a call.
func (w *world) serves(p *process, order string) {
	w.t.Helper()
	eventually(w.t, "the gateway is ready", func() bool {
		status, _ := p.readyz()
		return status == http.StatusOK
	})
	if got := send(w.t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(0, order)); got.status != http.StatusOK {
		w.t.Errorf("got %d %s", got.status, got.body)
	}
}

// TestSlowDisk has syncs that take longer than a call may wait. Calls are refused, and go on when the disk does. The gateway is not ready
// meanwhile, whether calls come or not.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
	p := w.start()
	w.serves(p, orderName(1))
	remove := p.inject("fdatasync:delay_enter=1500000")
	w.refuses(p, 2)
	for range 200 {
		if status, body := p.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "the disk") {
			t.Fatalf("/readyz: %d %s", status, body)
		}
		time.Sleep(30 * time.Millisecond)
	}
	remove()
	w.serves(p, orderName(3))
	p.stop()
	w.notSent(2)
	checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
}

// notSent has the log say of each refused call that it was not sent, if its intent came to be written all the same.
func (w *world) notSent(round int) {
	w.t.Helper()
	recorded := w.ordersOnRecord()
	for kind := range orderKinds {
		h := recorded[orderName(round, kind)]
		if h != nil && (h.outcome == nil || h.outcome.Outcome != logfile.NotSent) {
			w.t.Errorf("the refused %s is on record as %+v", orderKinds[kind].method, h.outcome)
		}
	}
}

// TestFailingWrites has writes that fail for a while. The log takes up where it was.
func TestFailingWrites(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"EIO", "ENOSPC"} {
		t.Run(fault, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
			p := w.start()
			w.serves(p, orderName(1))
			remove := p.inject("pwrite64:error=" + fault)
			w.refuses(p, 2)
			if status, body := p.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "audit log") {
				t.Errorf("/readyz: %d %s", status, body)
			}
			remove()
			w.serves(p, orderName(3))
			p.stop()
			w.notSent(2)
			checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
		})
	}
}

// TestFailedSync has syncs that fail. What is on disk is not known then: nothing is sent until a restart has looked, however
// well the disk does by then.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
	p := w.start()
	w.serves(p, orderName(1))
	remove := p.inject("fdatasync:error=EIO")
	w.refuses(p, 2)
	remove()
	w.endsUnready(p, 3)
}

// endsUnready has a gateway whose log has ended: it refuses calls and says why, and the next one goes on.
func (w *world) endsUnready(p *process, round int) {
	w.t.Helper()
	w.refuses(p, round)
	if status, body := p.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "restart to recover the log") {
		w.t.Errorf("/readyz: %d %s", status, body)
	}
	p.terminate()
	if code := p.code(); code != 1 {
		w.t.Errorf("exit code %d, want 1: the log was not closed in good order", code)
	}
	p = w.start()
	w.serves(p, orderName(round+1))
	p.stop()
	checkOnce(w.t, w.ordersThatArrived(), w.ordersOnRecord())
}

// TestDiskFailsDuringAPayment breaks or slows the disk between a payment's intent and its outcome. The caller gets the
// provider's answer, and the log says after a restart what it knows.
func TestDiskFailsDuringAPayment(t *testing.T) {
	t.Parallel()
	for rule, outcomes := range map[string][]string{
		"fdatasync:delay_enter=1500000": {logfile.Succeeded},
		"fdatasync:error=EIO":           {logfile.Succeeded, logfile.Unknown}, // what was not synced may be there all the same
		"pwrite64:error=EIO":            {logfile.Unknown},
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
			p := w.start()
			hold := w.holdPayments()
			done := make(chan error, 1)
			go func() { done <- pay(w.shop(p).bss(t), "CS-1001") }()
			<-hold.arrived
			remove := p.inject(rule)
			close(hold.release)
			if err := <-done; err != nil {
				t.Errorf("the payment went through, but its caller got %v", err)
			}
			if strings.HasSuffix(rule, "EIO") {
				p.kill()
			}
			remove()
			if !strings.HasSuffix(rule, "EIO") {
				p.stop()
			}
			w.start().stop()
			h := w.ordersOnRecord()["CS-1001"]
			if h == nil || h.outcome == nil || !strings.Contains(strings.Join(outcomes, " "), h.outcome.Outcome) {
				t.Errorf("on record as %+v, want %q", h, outcomes)
			}
			if n := len(arrived(w.simulator, "PayOrders")); n != 1 {
				t.Errorf("the provider saw %d payments, want 1", n)
			}
		})
	}
}

// TestLogTakenAway has another process change the live segment or its directory.
func TestLogTakenAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ harm, mend func(segment string) error }{
		"moved away": {
			func(segment string) error { return os.Rename(segment, segment+".away") },
			func(segment string) error { return os.Rename(segment+".away", segment) },
		},
		"replaced by a copy": {
			func(segment string) error { return os.Rename(copyOf(segment), segment) },
			func(string) error { return nil },
		},
		"deleted": {
			func(segment string) error { copyOf(segment); return os.Remove(segment) },
			func(segment string) error { return os.Rename(segment+".copy", segment) },
		},
		"truncated": {
			func(segment string) error { copyOf(segment); return os.Truncate(segment, 100) },
			func(segment string) error { return os.Rename(segment+".copy", segment) },
		},
		"written to": {
			func(segment string) error { return appendTo(segment, "{}\n") },
			func(segment string) error { return cutBy(segment, 3) },
		},
		"its directory moved away": {
			func(segment string) error { return os.Rename(filepath.Dir(segment), filepath.Dir(segment)+".away") },
			func(segment string) error { return os.Rename(filepath.Dir(segment)+".away", filepath.Dir(segment)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
			p := w.start()
			w.serves(p, orderName(1))
			live := w.segments()[0]
			if err := c.harm(live); err != nil {
				t.Fatal(err)
			}
			w.refuses(p, 2)
			if err := c.mend(live); err != nil {
				t.Fatal(err)
			}
			w.endsUnready(p, 3)
		})
	}
}

// copyOf returns a copy of a file.
func copyOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(path+".copy", text, 0o600); err != nil {
		panic(err)
	}
	return path + ".copy"
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

func cutBy(path string, bytes int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()-bytes)
}

// TestStartOnAFailingDisk has syncs fail from the start: exit code 1, and nothing listens. The next start does.
func TestStartOnAFailingDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	w.start().kill() // leaves something to recover
	var stderr bytes.Buffer
	cmd := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", binary, "run", "--config", w.config)
	cmd.Env, cmd.Stderr = append(w.env, raceOptions), &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("a disk that fails needs strace: %v", err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "audit log") || strings.Contains(stderr.String(), `"listening"`) {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	p := w.start()
	w.serves(p, orderName(1))
	p.stop()
	checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
}

// TestNoNextSegment has a directory in which no file can be made: the live segment is used up to what is kept for outcomes,
// then calls are refused, until a next segment can be made.
func TestNoNextSegment(t *testing.T) {
	t.Parallel()
	if !soaking() {
		t.Skip("it writes eight megabytes of records; the short form is audit.TestRotationOnFullDisk")
	}
	config := replaceOnce(t, shortLog+unlimited, "{dir: audit, ", "{dir: audit, segment_size: 1MiB, ")
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(config)
	p := w.start()
	blocked := w.file("audit/next")
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	w.fillUp(p)
	w.refuses(p, loadWorkers)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	w.serves(p, orderName(loadWorkers+1))
	p.stop()
	if n := len(w.segments()); n < 2 {
		t.Errorf("there are %d segments: the next one was not begun", n)
	}
	checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
}

// fill makes large reads until one is refused.
func (w *world) fill(p *process, round, worker int) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for i := 0; ; i++ {
		r := p.orderRequest(0, orderName(round, worker, i))
		r.URL.RawQuery += "&resource_name=" + padding
		got, err := ask(transport, r)
		if err != nil || got.status != http.StatusOK {
			return
		}
	}
}
