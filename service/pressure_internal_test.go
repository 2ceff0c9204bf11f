package service

import (
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/audit/logfile"
)

// machine stands for the machine's file system, with a control group for the process.
type machine struct {
	mu    sync.Mutex
	files map[string]string
}

const groupFolder = "sys/fs/cgroup/tollgate.service/"

// newMachine returns one whose limit is 1000 MiB. Nothing is used.
func newMachine() *machine {
	m := &machine{files: map[string]string{
		"proc/self/cgroup": "0::/tollgate.service\n", "proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	}}
	m.limit("1048576000\n")
	m.use(0, 0)
	return m
}

// Open implements [fs.FS].
func (m *machine) Open(name string) (fs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text, ok := m.files[name]; ok {
		return fstest.MapFS{name: {Data: []byte(text)}}.Open(name)
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (m *machine) set(name, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[groupFolder+name] = text
}

func (m *machine) limit(text string) { m.set("memory.max", text) }

// use sets how many MiB are used, and how many are pages of files besides.
func (m *machine) use(used, pages int) {
	m.set("memory.current", fmt.Sprintln((used+pages)<<20))
	m.set("memory.stat", fmt.Sprintf("anon %d\nactive_file %d\ninactive_file %d\n", used<<20, pages<<19, pages<<19))
}

// pressed returns the pressure of a machine, and its log.
func pressed(m *machine) (*pressure, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.InfoLevel)
	p := newPressure(m, zap.New(core))
	p.collect = func() {}
	return p, logs
}

func TestPressure(t *testing.T) {
	m := newMachine()
	p, logs := pressed(m)
	now := time.Now()
	after := func(wait time.Duration, what string, change func(), busy bool) {
		t.Helper()
		change()
		now = now.Add(wait)
		if p.look(now); p.busy.Load() != busy {
			t.Errorf("%s: busy %v", what, !busy)
		}
	}
	after(0, "little is used", func() { m.use(100, 0) }, false)
	after(memoryEvery, "a log fills the group with pages", func() { m.use(500, 490) }, false)
	after(memoryEvery, "just below", func() { m.use(899, 101) }, false)
	after(memoryEvery, "90 %", func() { m.use(900, 0) }, true)
	after(memoryEvery, "hardly better", func() { m.use(851, 149) }, true)
	after(memoryEvery, "better", func() { m.use(849, 151) }, false)
	after(memoryEvery, "and not worse enough", func() { m.use(899, 0) }, false)
	after(memoryEvery, "worse", func() { m.use(950, 0) }, true)
	after(memoryEvery, "a limit that is not looked at yet", func() { m.limit("2097152000\n") }, true)
	after(limitEvery, "a higher limit", func() {}, false)
	after(limitEvery, "a lower one", func() { m.limit("1000000000") }, true)
	after(limitEvery, "none", func() { m.limit("max\n") }, false)
	after(limitEvery, "one again", func() { m.limit("1000000000") }, true)
	after(memoryEvery, "statistics that are none", func() { m.set("memory.stat", "active_file many\n") }, false)
	after(memoryEvery, "still", func() {}, false)
	if warnings := p.warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "how much memory is in use cannot be read: memory.stat") {
		t.Errorf("warnings %q", warnings)
	}
	after(memoryEvery, "readable again", func() { m.use(100, 0) }, false)
	if warnings := p.warnings(); len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
	if n := logs.FilterMessageSnippet("cannot be read").Len(); n != 1 {
		t.Errorf("%d lines about what cannot be read", n)
	}
	if n := logs.FilterMessageSnippet("no new call begins").Len(); n != 4 {
		t.Errorf("%d lines about memory that is nearly used up", n)
	}
}

// TestGarbageIsNotInUse: before calls are refused garbage is collected, and now and then while they are.
func TestGarbageIsNotInUse(t *testing.T) {
	m := newMachine()
	p, _ := pressed(m)
	collections, left := 0, 100
	p.collect = func() { collections++; m.use(left, 0) }
	now := time.Now()
	m.use(950, 0)
	if p.look(now); p.busy.Load() || collections != 1 {
		t.Errorf("busy %v after %d collections: it was garbage", p.busy.Load(), collections)
	}
	left = 960
	m.use(960, 0)
	for range 16 { // 4 s
		now = now.Add(memoryEvery)
		p.look(now)
	}
	if !p.busy.Load() || collections != 3 {
		t.Errorf("busy %v after %d collections, want one in 2 s", p.busy.Load(), collections)
	}
}

// TestNoGroup: without a control group, or a limit, nothing is refused.
func TestNoGroup(t *testing.T) {
	p, logs := pressed(&machine{files: map[string]string{}})
	p.watch(t.Context()) // returns
	if p.busy.Load() || len(p.reasons()) != 0 || logs.FilterMessageSnippet("is not limited").Len() != 1 {
		t.Errorf("busy %v, log %v", p.busy.Load(), logs.All())
	}
	p.limitRuntime()()
}

// TestRuntimeLimit: the runtime has 90 % of the limit, unless the environment says otherwise.
func TestRuntimeLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	for _, test := range []struct {
		name, key, value, limit string
		want                    int64
	}{
		{"a limit", "", "", "1000000000", 900000000},
		{"no limit", "", "", "max", math.MaxInt64},
		{"GOMEMLIMIT", "GOMEMLIMIT", "off", "1000000000", before},
		{"another part", "AUTOMEMLIMIT", "0.5", "1000000000", 500000000},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, key := range []string{"GOMEMLIMIT", "AUTOMEMLIMIT"} {
				t.Setenv(key, "") // restores it
				if err := os.Unsetenv(key); err != nil {
					t.Fatal(err)
				}
			}
			if test.key != "" {
				t.Setenv(test.key, test.value)
			}
			m := newMachine()
			m.limit(test.limit)
			p, _ := pressed(m)
			undo := p.limitRuntime()
			if got := debug.SetMemoryLimit(-1); got != test.want {
				t.Errorf("limit %d, want %d", got, test.want)
			}
			if undo(); debug.SetMemoryLimit(-1) != before {
				t.Error("the limit stays")
			}
		})
	}
}

// TestMemoryBusy: while memory is short no call begins, one that is under way ends, and operators see it.
func TestMemoryBusy(t *testing.T) {
	g := run(t)
	release := make(chan struct{})
	arrived := make(chan struct{})
	g.answers(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		w.WriteHeader(http.StatusOK)
	})
	ended := make(chan int, 1)
	go func() {
		status, _ := g.call(t, "local")
		ended <- status
	}()
	<-arrived
	g.machine.use(950, 0)
	g.pressure.look(time.Now())
	response, err := g.client.Get("http://" + g.Address("local") + "/v2/systems/configs/provinces")
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "5" {
		t.Errorf("answer %d %v", response.StatusCode, response.Header)
	}
	g.want(t, "local", http.StatusServiceUnavailable, `"TG.6014"`)
	if r := g.readiness(); r.Ready || !slices.ContainsFunc(r.Reasons, func(text string) bool { return strings.Contains(text, "memory: 90% of what") }) {
		t.Errorf("readiness %+v", r)
	}
	if busy, used := g.metric(t, "tollgate_memory_busy"), g.metric(t, "tollgate_memory_in_use_bytes"); busy != 1 || used != 950<<20 {
		t.Errorf("metrics %v, %v", busy, used)
	}
	if close(release); <-ended != http.StatusOK {
		t.Error("the call that was under way did not end well")
	}
	g.answer.Store(nil)
	g.machine.use(100, 0)
	g.pressure.look(time.Now())
	g.want(t, "local", http.StatusOK, "")
	g.end(t)
	refused := 0
	err = logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindRefusal && r.Reason == "memory_busy" && r.Caller == "app" {
			refused++
		}
		return nil
	})
	if err != nil || refused != 2 {
		t.Errorf("%d refusals on record, want 2 (%v)", refused, err)
	}
}
