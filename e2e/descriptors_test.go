package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/setting"
)

// smallSegments has the log begin a segment after about eighty padded calls.
var smallSegments = strings.Replace(standard, "audit: {dir: audit}", "audit: {dir: audit, segment_size: 1MiB}", 1) + unlimited

// rotate makes large reads by a transport until a segment is followed by another.
func (w *world) rotate(p *process, transport http.RoundTripper, round int) {
	w.t.Helper()
	before := len(w.segments())
	for i := 0; len(w.segments()) == before; i++ {
		r := p.orderRequest(0, orderName(round, i))
		r.URL.RawQuery += "&resource_name=" + padding
		if got := send(w.t, transport, r); got.status != http.StatusOK {
			w.t.Fatalf("call %d of round %d: %d %s", i, round, got.status, got.body)
		}
		if i == 1000 {
			w.t.Fatal("no segment is begun")
		}
	}
}

// TestFewDescriptors starts a gateway with fewer descriptors than its bounds need, and it has more idle connections than that. It says so,
// takes fewer connections, and all calls, while segments follow each other.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"1024", "64"} {
		t.Run(limit, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(smallSegments)
			p := w.startWith("prlimit", "--nofile="+limit+":"+limit)
			for range 1100 {
				c, err := net.Dial("tcp", p.address("plain"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			for round := range 3 {
				w.rotate(p, &http.Transport{DisableKeepAlives: true}, round)
			}
			status, body := p.readyz()
			if status != http.StatusOK || !strings.Contains(body, "the process may have "+limit+" files open and needs 3") {
				t.Errorf("/readyz: %d %s", status, body)
			}
			if !strings.Contains(p.log(), "its listeners take fewer connections") {
				t.Error("the log does not say that listeners take fewer connections")
			}
			p.stop()
			checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
		})
	}
}

// TestDescriptorsRunOut takes all descriptors from a running gateway while segments follow each other. Calls on open connections go on.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(smallSegments)
	p := w.start()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	w.rotate(p, transport, 1)
	p.limitDescriptors(p.lowestFree())
	for round := range 6 {
		w.rotate(p, transport, 2+round)
	}
	p.limitDescriptors(20000)
	w.serves(p, orderName(9))
	p.stop()
	checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
}

// limitDescriptors lets the process have no descriptor of this number or a higher one.
func (p *process) limitDescriptors(n uint64) {
	p.t.Helper()
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: 20000}, nil); err != nil {
		p.t.Fatalf("limiting the gateway's descriptors: %v", err)
	}
}

// lowestFree is the number of the descriptor that the process would get next.
func (p *process) lowestFree() (n uint64) {
	p.t.Helper()
	for ; ; n++ {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", p.cmd.Process.Pid, n)); err != nil {
			return n
		}
	}
}

// TestPrune starts on a log of old records, whose process ran for days and was killed. It is pruned while the gateway runs, verifies,
// and a start goes on from it.
func TestPrune(t *testing.T) {
	t.Parallel()
	if !soaking() {
		t.Skip("old records are looked for five minutes after a start; the short form is audit.TestPruneOfALongRun")
	}
	config := replaceOnce(t, standard+unlimited, "{dir: audit}", "{dir: audit, keep: 1h, keep_less_than_180_days: true}")
	w := newWorld(t, bsssim.Config{}).configure(config)
	w.oldLog(6)
	p := w.start()
	w.serves(p, orderName(1))
	deadline := time.Now().Add(6 * time.Minute)
	for p.metric("tollgate_audit_pruned_records") == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Second)
	}
	w.serves(p, orderName(2))
	p.stop()
	if hashes, err := filepath.Glob(w.file("audit/*.hashes")); err != nil || len(hashes) == 0 {
		t.Errorf("no segment was pruned: %v", err)
	}
	w.verified()
	p = w.start()
	w.serves(p, orderName(3))
	p.stop()
	w.verified()
}

// oldLog makes a log of so many days, the last of which is yesterday.
func (w *world) oldLog(days int) {
	w.t.Helper()
	now := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	l, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: w.file("audit"), Deadline: setting.Duration(days) * setting.Duration(48*time.Hour)}, Now: func() time.Time { return now }})
	if err != nil {
		w.t.Fatal(err)
	}
	for day := range days {
		call := "old-" + strconv.Itoa(day)
		if err := l.Intent(w.t.Context(), &logfile.Record{Call: call, Effect: "read"}); err != nil {
			w.t.Fatal(err)
		}
		if err := l.Outcome(w.t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
			w.t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	if err := l.Close(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
