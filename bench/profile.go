package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// profile samples a proxy with perf while it serves a case, keeps the samples in a file and says where the time goes.
func (w *world) profile(c contestant, t task, s settings, file string, out io.Writer) error {
	l, err := w.connect(c.at(t).address, t, connectionsFor(t, s))
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.run(s.warm); err != nil {
		return err
	}
	const length = 5 * time.Second
	perf := exec.Command("perf", "record", "-q", "-F", "4999", "-g", "-o", file, "-p", pidList(c.at(t).pids()), "--", "sleep", "5")
	perf.Stderr = os.Stderr
	if err := perf.Start(); err != nil {
		return fmt.Errorf("perf (Debian package linux-perf): %w", err)
	}
	before, err := c.at(t).cpu()
	if err != nil {
		return errors.Join(err, perf.Wait())
	}
	if err := errors.Join(l.run(length+500*time.Millisecond), perf.Wait()); err != nil {
		return err
	}
	after, err := c.at(t).cpu()
	if err != nil {
		return err
	}
	call := (after - before) / time.Duration(max(len(l.times()), 1))
	stacks, err := exec.Command("perf", "script", "-i", file, "-F", "ip,sym").Output()
	if err != nil {
		return fmt.Errorf("perf script: %w", err)
	}
	fmt.Fprintf(out, "%s, %s: %.1f µs of CPU time for each call, perf's own cost included. Samples in %s.\n\n", c.title, t.title, micros(call), file)
	all := sharesOf(stacks)
	all.print(out, call)
	return nil
}

func pidList(pids []int) string {
	var all []string
	for _, pid := range pids {
		all = append(all, strconv.Itoa(pid))
	}
	return strings.Join(all, ",")
}

// parts assigns functions to parts of the work. A sample belongs to the innermost function that is named here, so that
// what a part calls in the standard library and the kernel is counted with it.
var parts = []struct {
	part      string
	functions []string // prefixes
}{
	{"sockets", []string{"net.(*conn)", "net.(*netFD)", "runtime.netpoll"}},
	{"garbage collection", []string{"runtime.gcAssistAlloc", "runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart"}},
	{"TLS", []string{"crypto/tls."}},
	{"signing", []string{"tollgate/signing.", "tollgate/credential.", "github.com/huaweicloud/"}},
	{"audit", []string{"tollgate/audit."}},
	{"log line", []string{"go.uber.org/zap"}},
	{"reading bodies and answers", []string{"tollgate/bss."}},
	{"HTTP out", []string{
		"tollgate/upstream.", "net/http.(*Transport)", "net/http.(*persistConn)", "net/http.(*Request).write", "net/http.ReadResponse",
		"net/http.(*transferWriter)", "net/http.(*bodyEOFSignal)",
	}},
	{"HTTP in", []string{
		"tollgate/accept.", "net/http.(*conn)", "net/http.(*connReader)", "net/http.(*response)", "net/http.(*chunkWriter)", "net/http.readRequest",
		"net/http.(*http2", "net/http.http2", "net/http/internal/http2", "golang.org/x/net/http2", "net/http.(*Server)",
	}},
	{"proxying", []string{"net/http/httputil."}},
	{"other steps of a call", []string{"tollgate/", "main."}},
	{"scheduler", []string{"runtime.schedule", "runtime.park_m", "runtime.mcall", "runtime.mstart", "runtime.sysmon", "runtime.goexit0"}},
}

const unknownPart = "unassigned"

// partOf returns the part of a stack, whose innermost function is first, and the function that decided it.
func partOf(stack []string) (part, function string) {
	for _, function := range stack {
		for _, p := range parts {
			for _, prefix := range p.functions {
				if strings.HasPrefix(function, prefix) {
					return p.part, function
				}
			}
		}
	}
	return unknownPart, stack[0]
}

// shares counts samples by part, and within it by the function that decided it.
type shares struct {
	parts      map[string]map[string]int
	total      int
	allocating int // samples within the allocator, whatever part they belong to
}

// sharesOf reads the output of perf script: stacks with a line for each function, apart by empty lines.
func sharesOf(text []byte) shares {
	all := shares{parts: map[string]map[string]int{}}
	var stack []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, function, found := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if found {
			stack = append(stack, function)
			continue
		}
		all.add(stack)
		stack = stack[:0]
	}
	all.add(stack)
	return all
}

func (s *shares) add(stack []string) {
	if len(stack) == 0 {
		return
	}
	part, function := partOf(stack)
	if s.parts[part] == nil {
		s.parts[part] = map[string]int{}
	}
	s.parts[part][function]++
	s.total++
	if slices.ContainsFunc(stack, func(f string) bool { return strings.HasPrefix(f, "runtime.mallocgc") }) {
		s.allocating++
	}
}

// print writes the parts, the largest first, as shares and as what each call spends.
func (s *shares) print(out io.Writer, call time.Duration) {
	sums := map[string]int{}
	for part, functions := range s.parts {
		for _, n := range functions {
			sums[part] += n
		}
	}
	fmt.Fprint(out, "| part | µs | share | functions |\n|---|---:|---:|---|\n")
	for _, part := range byCount(sums) {
		share := float64(sums[part]) / float64(s.total)
		fmt.Fprintf(out, "| %s | %.1f | %.1f %% | %s |\n", part, share*micros(call), 100*share, s.top(part))
	}
	fmt.Fprintf(out, "\nIn all parts together, %.1f %% are spent allocating memory.\n\n", 100*float64(s.allocating)/float64(s.total))
}

// top names the functions of a part that take most, with their shares of the whole.
func (s *shares) top(part string) string {
	var all []string
	for _, name := range byCount(s.parts[part]) {
		share := 100 * float64(s.parts[part][name]) / float64(s.total)
		if len(all) == 8 || share < 0.2 {
			break
		}
		all = append(all, fmt.Sprintf("%s %.1f", name, share))
	}
	return strings.Join(all, ", ")
}

// byCount returns the names with the highest count first.
func byCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
