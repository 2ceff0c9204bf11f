package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"
	"golang.org/x/sys/unix"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// shortLog has a short deadline for a record, and signs after every second record, so that whatever happens to the disk happens to
// checkpoints as well.
var shortLog = strings.Replace(standard, "audit: {dir: audit}", "audit: {dir: audit, deadline: 300ms, checkpoints: {every: 1s, records: 2}}", 1)

// limitFiles lets the process write no file beyond so many bytes, as a full disk would: the kernel refuses the write,
// also for root. It takes the limit away again with unix.RLIM_INFINITY.
func (p *process) limitFiles(bytes uint64) {
	p.t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		p.t.Fatalf("limiting the gateway's files: %v", err)
	}
}

// TestFullDisk fills the disk under a running gateway, and makes room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(shortLog)
	p := w.start()
	shop := w.shop(p).bss(t)
	balance(t, shop)
	p.limitFiles(1)

	arrivedBefore := len(w.simulator.Calls())
	refused(t, pay(shop, "CS-1001"), http.StatusServiceUnavailable, "TG.6001")
	refused(t, pay(shop, "CS-1002"), http.StatusServiceUnavailable, "TG.6001")
	_, err := shop.ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "CS-1001"})
	refused(t, err, http.StatusServiceUnavailable, "TG.6001")
	if status, body := p.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "audit log") || !strings.Contains(body, filepath.Base(w.segments()[0])) || strings.Contains(body, "audit/next") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if n := len(w.simulator.Calls()) - arrivedBefore; n != 0 {
		t.Errorf("%d calls went out without a record", n)
	}

	p.limitFiles(unix.RLIM_INFINITY)
	eventually(t, "the gateway is ready again", func() bool {
		status, _ := p.readyz()
		return status == http.StatusOK
	})
	paid := payment("CS-1001")
	paid.Body.UseDiscount = "YES" // another signature than that of the refused payment
	if _, err := shop.PayOrders(paid); err != nil {
		t.Errorf("paying when there is room again: %v", err)
	}
	p.stop()
	w.consistent()
}

// TestDiskFillsDuringAPayment loses the disk between a payment's intent and its outcome. The caller gets the provider's
// answer, and no new call is taken.
func TestDiskFillsDuringAPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(shortLog)
	p := w.start()
	shop := w.shop(p).bss(t)
	hold := w.holdPayments()
	done := make(chan error, 1)
	go func() { done <- pay(shop, "CS-1001") }()
	<-hold.arrived
	p.limitFiles(1)
	close(hold.release)
	if err := <-done; err != nil {
		t.Errorf("the payment went through, but its caller got %v", err)
	}
	refused(t, pay(shop, "CS-1002"), http.StatusServiceUnavailable, "TG.6001")
	if n := len(arrived(w.simulator, "PayOrders")); n != 1 {
		t.Errorf("the provider saw %d payments, want 1", n)
	}
	p.limitFiles(unix.RLIM_INFINITY)
	p.stop()
	if h := w.ordersOnRecord()["CS-1001"]; h == nil || h.outcome == nil || h.outcome.Outcome != logfile.Succeeded {
		t.Errorf("the payment is on record as %+v", h)
	}
}

// TestRoomForOutcomes lets the live segment grow no more while a payment is under way. Calls go on in the room that is there,
// until only what is kept for outcomes is left. Then they are refused, and the payment's outcome is written. Checkpoints wait for
// more room.
func TestRoomForOutcomes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(shortLog + unlimited)
	p := w.start()
	hold := w.holdPayments()
	done := make(chan error, 1)
	go func() { done <- pay(w.shop(p).bss(t), "CS-1001") }()
	<-hold.arrived
	info, err := os.Stat(w.segments()[0])
	if err != nil {
		t.Fatal(err)
	}
	p.limitFiles(uint64(info.Size()))
	w.fillUp(p)
	w.refuses(p, loadWorkers)
	close(hold.release)
	if err := <-done; err != nil {
		t.Errorf("the payment went through, but its caller got %v", err)
	}
	if got := w.recorded(logfile.KindOutcome, w.callOf("CS-1001")); got.Outcome != logfile.Succeeded {
		t.Errorf("the payment is on record as %s", got.Outcome)
	}
	p.limitFiles(unix.RLIM_INFINITY)
	w.serves(p, orderName(loadWorkers+1))
	eventually(t, "all is signed", func() bool {
		return p.metric("tollgate_audit_durable_seq")-p.metric("tollgate_audit_signed_seq") <= 1
	})
	p.stop()
	checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
}

// TestStartOnAFullDisk ends a gateway in two ways, after which its log cannot grow. The next one starts and takes calls all the same.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*process){"stopped": (*process).stop, "killed": (*process).kill} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(shortLog + unlimited)
			p := w.start()
			w.serves(p, orderName(1))
			end(p)
			info, err := os.Stat(w.segments()[0])
			if err != nil {
				t.Fatal(err)
			}
			p = w.startWith("prlimit", fmt.Sprintf("--fsize=%d", info.Size()))
			w.serves(p, orderName(2))
			p.stop()
			checkOnce(t, w.ordersThatArrived(), w.ordersOnRecord())
		})
	}
}

// fillUp makes calls until there is no room for another intent, of a large read or a small one.
func (w *world) fillUp(p *process) {
	w.t.Helper()
	round := loadWorkers + 10
	eventually(w.t, "no large record finds room", func() bool {
		round++ // a disk that is slow for a moment ends one early
		var working sync.WaitGroup
		for worker := range loadWorkers {
			working.Go(func() { w.fill(p, round, worker) })
		}
		working.Wait()
		return p.keepsRoom()
	})
	order := 0
	small := func(kind int) int {
		order++
		return send(w.t, http.DefaultTransport, p.orderRequest(kind, orderName(loadWorkers+2, order))).status
	}
	eventually(w.t, "no small record finds room", func() bool {
		return small(0) == http.StatusServiceUnavailable && small(3) == http.StatusServiceUnavailable && p.keepsRoom()
	})
}

// keepsRoom reports whether the gateway is not ready since what room is left is for outcomes.
func (p *process) keepsRoom() bool {
	p.t.Helper()
	status, body := p.readyz()
	return status == http.StatusServiceUnavailable && strings.Contains(body, "the rest of the room is kept for outcomes")
}

// callOf returns the id of the call about an order.
func (w *world) callOf(order string) string {
	w.t.Helper()
	for _, r := range w.records() {
		if r.Kind == logfile.KindIntent && orderOf(&r) == order {
			return r.Call
		}
	}
	w.t.Fatalf("order %s is not on record", order)
	return ""
}

// TestAuditDirectoryUnusable finds out at the start: exit code 1, and nothing listens.
func TestAuditDirectoryUnusable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.write("audit", "a file where the directory should be")
	w.configure(standard)
	got := run(t, w.env, "run", "--config", w.config)
	if got.code != 1 || !strings.Contains(got.stderr, "audit") || strings.Contains(got.stderr, `"listening"`) {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// TestOneGatewayForEachLog starts a second gateway on the same directory.
func TestOneGatewayForEachLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	text, err := os.ReadFile(w.config)
	must(t, err)
	got := run(t, w.env, "run", "--config", w.write("other.yaml", string(text))) // whose admin socket is another
	if got.code != 1 || !strings.Contains(got.stderr, "audit log") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	balance(t, w.shop(p).bss(t)) // the first one is not disturbed
}

// consistent checks the whole log of a gateway that has stopped: it verifies, it can be listed, and every intent has one
// outcome, after it.
func (w *world) consistent() map[string]*history {
	w.t.Helper()
	calls := map[string]*history{}
	records := w.records()
	listed := run(w.t, nil, "audit", "records", "--json", "--dir", w.file("audit"))
	if n := strings.Count(listed.stdout, "\n"); listed.code != 0 || n != len(records) {
		w.t.Errorf("audit records: exit code %d with %d of %d records: %s", listed.code, n, len(records), listed.stderr)
	}
	for _, r := range records {
		if r.Call == "" {
			continue
		}
		h := calls[r.Call]
		if h == nil {
			h = &history{}
			calls[r.Call] = h
		}
		h.add(w, r)
	}
	for id, h := range calls {
		if h.intent != nil && h.outcome == nil {
			w.t.Errorf("call %s has no outcome", id)
		}
	}
	if len(records) == 0 {
		w.t.Error("the audit log is empty")
	}
	w.verified()
	return calls
}

// history is what the log says of one call.
type history struct{ intent, outcome, refusal *logfile.Record }

func (h *history) add(w *world, r logfile.Record) {
	var place **logfile.Record
	switch r.Kind {
	case logfile.KindIntent:
		place = &h.intent
	case logfile.KindOutcome:
		place = &h.outcome
	case logfile.KindRefusal:
		place = &h.refusal
	default:
		return
	}
	if *place != nil {
		w.t.Errorf("call %s has two records of kind %s", r.Call, r.Kind)
	}
	if r.Kind == logfile.KindOutcome && h.intent == nil {
		w.t.Errorf("call %s has an outcome before an intent", r.Call)
	}
	*place = &r
}
