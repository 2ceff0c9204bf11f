package e2e

import (
	"context"
	"net"
	"net/http"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestDrain tells the gateway to stop during a payment: the payment ends and its caller learns how, new calls find
// nobody, and the exit code is 0.
func TestDrain(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	hold := w.holdPayments()
	done := make(chan error, 1)
	var tapped tap
	go func() { done <- pay(w.shop(p).through(tapped.pass).bss(t), "CS-1001") }()
	<-hold.arrived
	p.terminate()
	eventually(t, "nobody listens any more", func() bool {
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

// TestCallerLeavesDuringAPayment hangs up. The payment ends all the same, and its outcome is on record.
func TestCallerLeavesDuringAPayment(t *testing.T) {
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

// TestDrainGivesUp has a provider that never answers: the gateway ends within its drain time, and the next one closes the
// payment as unknown.
func TestDrainGivesUp(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(replaceOnce(t, standard, "bounds: {drain: 20s}", "bounds: {drain: 100ms}"))
	p := w.start()
	hold := w.holdPayments()
	done := make(chan error, 1)
	go func() { done <- pay(w.shop(p).bss(t), "CS-1001") }()
	<-hold.arrived
	p.terminate()
	if code := p.code(); code != 1 {
		t.Errorf("exit code %d, want 1: a payment was left alone", code)
	}
	if err := <-done; err == nil {
		t.Error("the caller was told that the payment went through")
	}
	close(hold.release)
	w.start().stop()
	unknown := 0
	for _, h := range w.consistent() {
		if h.outcome != nil && h.outcome.Outcome == logfile.Unknown {
			unknown++
		}
	}
	if unknown != 1 {
		t.Errorf("%d calls are closed as unknown, want 1", unknown)
	}
}
