package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/peek"
)

// TestDrain stops the gateway during a payment: the payment ends and its caller learns how, new calls find
// no listener, and the exit code is 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	hold := w.holdPayments()
	done := make(chan error, 1)
	var tapped tap
	go func() { done <- pay(w.shop(p).through(tapped.pass).bss(t), "CS-1001") }()
	<-hold.arrived
	p.terminate()
	eventually(t, "the gateway says that it is stopping", func() bool {
		status, body := p.readyz()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	})
	eventually(t, "no listener any more", func() bool {
		connection, err := net.Dial("tcp", p.address("https"))
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	})
	select {
	case <-p.exited:
		t.Fatal("the gateway did not wait for the payment")
	default:
	}
	close(hold.release)
	if err := <-done; err != nil {
		t.Errorf("the payment under way: %v", err)
	}
	if code := p.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := w.consistent()[tapped.call()]; got == nil || got.outcome == nil || got.outcome.Outcome != logfile.Succeeded {
		t.Errorf("on record: %+v", got)
	}
	w.endedWell()
}

// TestSecondSignal stops at once, whatever is under way.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	hold := w.holdPayments()
	defer close(hold.release)
	done := make(chan error, 1)
	go func() { done <- pay(w.shop(p).bss(t), "CS-1001") }()
	<-hold.arrived
	p.terminate()
	eventually(t, "the gateway says that it is stopping", func() bool { return strings.Contains(p.log(), "a second signal stops at once") })
	eventually(t, "the gateway has ended", func() bool { // it takes a moment until the second signal counts
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	})
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the gateway ended with %v", p.cmd.ProcessState)
	}
	if err := <-done; err == nil {
		t.Error("the payment was answered")
	}
}

// TestCallerLeavesDuringAPayment hangs up. The payment ends all the same, and its outcome is on record.
func TestCallerLeavesDuringAPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	hold := w.holdPayments()
	transport := &http.Transport{}
	r := request(t, "POST", "http://"+p.address("plain")+"/v3/orders/customer-orders/pay", `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := transport.RoundTrip(r.WithContext(ctx))
		done <- err
	}()
	<-hold.arrived
	leave()
	if err := <-done; err == nil {
		t.Error("the caller did not leave")
	}
	close(hold.release)
	eventually(t, "the payment's outcome is on record", func() bool {
		for _, r := range w.records() {
			if r.Kind == logfile.KindOutcome && r.Outcome == logfile.Succeeded {
				return true
			}
		}
		return false
	})
	p.stop()
}

// TestDrainIsBounded has a provider that never answers, and payments that wait for keys on trial behind those that it has. The gateway ends
// within its drain time: each caller is answered, and the outcome of each payment is on record before the next start.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	const sent, waiting = 3, 9 // three of one caller try keys that are on trial
	w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "bounds: {drain: 20s}", "bounds: {drain: 100ms}"))
	p := w.start()
	hold := w.holdPayments()
	codes := make(chan string, sent+waiting)
	for range sent + waiting {
		go func() {
			r := request(t, "POST", "http://"+p.address("plain")+"/v3/orders/customer-orders/pay", `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`)
			codes <- errorCode(r)
		}()
	}
	for range sent {
		<-hold.arrived
	}
	eventually(t, "all payments are intended", func() bool { return w.count(logfile.KindIntent) == sent+waiting })
	p.terminate()
	codesSeen := map[string]int{}
	for range sent + waiting {
		codesSeen[<-codes]++
	}
	if codesSeen["TG.7002"] != sent || codesSeen["TG.6009"] != waiting {
		t.Errorf("the callers got %v", codesSeen)
	}
	if code := p.code(); code != 1 {
		t.Errorf("exit code %d, want 1: payments were abandoned", code)
	}
	close(hold.release)
	outcomes := map[string]int{}
	for _, h := range w.consistent() {
		if h.outcome != nil {
			outcomes[h.outcome.Outcome]++
		}
	}
	if outcomes[logfile.Unknown] != sent || outcomes[logfile.NotSent] != waiting {
		t.Errorf("on record: %v", outcomes)
	}
	w.endedWell()
}

// errorCode returns the error code of an answer, or why there is none.
func errorCode(r *http.Request) string {
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var body struct {
		Code string `json:"error_code"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return err.Error()
	}
	return body.Code
}

// count returns how many records of a kind there are.
func (w *world) count(kind logfile.Kind) (n int) {
	for _, r := range w.records() {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

// TestStopWithIdleConnections stops the gateway while hundreds of callers keep connections open, call at that moment, and then now and then.
// Each call is answered that is written on a connection that the gateway has taken and not closed yet. Callers that are asked to leave
// open another connection, until none is taken any more.
func TestStopWithIdleConnections(t *testing.T) {
	t.Parallel()
	const callers = 258
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(standard + unlimited)
	p := w.start()
	warm := make(chan struct{}, callers)
	stopped := make(chan struct{})
	ended := make(chan keepAlive, callers)
	for i := range callers {
		c := keepAlive{dial: func() (net.Conn, error) { return net.Dial("tcp", p.address("plain")) }}
		if i%4 == 0 { // these are unknown, and get an answer that says so
			c.dial = func() (net.Conn, error) {
				return tls.Dial("tcp", p.address("https"), &tls.Config{RootCAs: w.pool(), ServerName: gatewayName})
			}
		}
		go func() {
			c.call()
			warm <- struct{}{}
			<-stopped
			for c.call(); c.refused == nil && c.lost == nil; c.call() {
				<-time.After(rand.N(500 * time.Millisecond)) // how a caller spends its time: nothing is waited for
			}
			ended <- c
		}()
	}
	for range callers {
		<-warm
	}
	p.terminate()
	close(stopped)
	calls := 0
	for range callers {
		c := <-ended
		calls += c.calls
		if c.lost != nil {
			t.Errorf("a call is lost: %v", c.lost)
		}
	}
	if calls <= 2*callers { // one before, one at the moment of the stop, and others on connections that were opened after it
		t.Errorf("only %d calls of %d callers were answered", calls, callers)
	}
	if code := p.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.endedWell()
}

// keepAlive is a caller that keeps its connection as long as it may.
type keepAlive struct {
	dial    func() (net.Conn, error)
	conn    net.Conn
	reader  *bufio.Reader
	calls   int
	refused error // a connection was
	lost    error // a call was, which was written
}

func (k *keepAlive) call() {
	fresh := k.conn == nil || k.closed()
	if fresh {
		if k.conn, k.refused = k.dial(); k.refused != nil {
			return
		}
		k.reader = bufio.NewReader(k.conn)
	}
	_, err := io.WriteString(k.conn, "GET /v2/systems/configs/provinces HTTP/1.1\r\nHost: "+gatewayName+"\r\n\r\n")
	var response *http.Response
	if err == nil {
		response, err = http.ReadResponse(k.reader, nil)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if fresh && errors.Is(err, syscall.ECONNRESET) { // it came just after the last one that was taken
		k.refused = err
		return
	}
	if k.lost = err; err != nil {
		return
	}
	if k.calls++; response.Close {
		_ = k.conn.Close()
		k.conn = nil
	}
}

// closed reports whether the gateway has closed the connection, as HTTP libraries notice before they use one again.
func (k *keepAlive) closed() bool {
	raw := k.conn
	if secured, ok := raw.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	quiet, _ := peek.Quiet(raw)
	return !quiet
}
