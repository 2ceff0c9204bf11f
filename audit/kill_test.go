package audit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// victim is the process that TestKill kills: it makes calls for ever, and says on standard output what was acknowledged.
func victim(dir string) {
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format, args...)
	}
	l, _, err := Open(Options{
		Config:      Config{Dir: dir, SegmentSize: logfile.MaxLine, Reserve: 2 * logfile.MaxLine, Checkpoints: Checkpoints{Records: 20}},
		Preallocate: 2 * logfile.MaxLine,
		Published:   func(note string) { say("C %q\n", note) },
	})
	if err != nil {
		say("E %v\n", err)
		return
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				call := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := l.Intent(context.Background(), &logfile.Record{Call: call, Path: strings.Repeat("p", i%3000)}); err != nil {
					say("E %v\n", err)
					return
				}
				say("I %s\n", call)
				if i%4 == 0 {
					continue
				}
				if err := l.Outcome(context.Background(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
					say("E %v\n", err)
					return
				}
				say("O %s\n", call)
			}
		}()
	}
	time.Sleep(time.Minute) // should the test die first
}

// TestKill kills a process that writes a log, at arbitrary moments, and checks what the next one finds.
func TestKill(t *testing.T) {
	cfg := onDisk(t)
	var h history
	for round := range 5 {
		killOnce(t, cfg.Dir, 1+round*151, &h)
		l, found, err := Open(cfg)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(found.Closed) == 0 {
			t.Errorf("round %d: no call was closed", round)
		}
		h.check(t, verify(t, cfg.Dir))
	}
}

// killOnce lets a victim write until it has said n things of its calls, and adds what it said to h.
func killOnce(t *testing.T, dir string, n int, h *history) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AUDIT_TEST_VICTIM="+dir)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(stdout)
	for said := 0; ; {
		if said == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := in.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		what, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what != "C" {
			said++
		}
		switch what {
		case "C":
			note, err := strconv.Unquote(call)
			if err != nil {
				t.Error(err)
			}
			h.published = append(h.published, note)
		case "I":
			h.intents = append(h.intents, call)
		case "O":
			h.outcomes = append(h.outcomes, call)
		default:
			t.Errorf("the victim says %q", line)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the victim ended by itself")
	}
}
