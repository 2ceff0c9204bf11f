package gateway_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// bodied frames an answer.
func bodied(format string, args ...any) string {
	return jsonAnswer(200, fmt.Sprintf(format, args...))
}

// An answer that names another order is the answer to another call. Neither its caller nor the record sees it, its connection is
// not used again, and the outcome is unknown whatever it says.
func TestForeignAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"success":       bodied(`{"order_id":"CS-9999","secret":"of another"}`),
		"failure":       jsonAnswer(400, `{"error_code":"CBC.99000088","order_id":"CS-9999"}`, "X-Request-Id: of-another"),
		"gateway error": jsonAnswer(502, `{"order_id":"CS-9999"}`),
		"cut JSON":      bodied(`{"order_id":"CS-9999",`),
		"case":          bodied(`{"ORDER_ID":"CS-9999"}`),
		"twice":         bodied(`{"order_id":"CS-1001","order_id":"CS-9999"}`),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(answer))
			got := f.send(t, pay())
			got.wantCode(t, "TG.7002")
			r := f.log.only(t, logfile.KindOutcome)
			if r.Outcome != logfile.Unknown || r.Fields != nil || r.AnswerHash != "" || r.RequestID != "" || r.Status != 0 || r.Reason != "unknown" {
				t.Errorf("outcome %+v", r)
			}
			const want = "the answer's order_id is not the request's: it is the answer to another call; " +
				"PayOrders may have had its effect: do not repeat it, look the order up first"
			if r.Detail != want || got.problem(t).Detail != want {
				t.Errorf("detail %q, the caller reads %q", r.Detail, got.problem(t).Detail)
			}
			if all := f.written() + got.body + fmt.Sprint(got.header); strings.Contains(all, "CS-9999") || strings.Contains(all, "another\"") || strings.Contains(all, "of-another") {
				t.Errorf("something of another call's answer was passed on: %s", all)
			}
			f.origin.set(saying(bodied(`{"order_id":"CS-1001"}`)), nil)
			if got := f.send(t, look()); got.status != 200 {
				t.Errorf("the next call: %d %s", got.status, got.body)
			}
			f.origin.mutex.Lock()
			defer f.origin.mutex.Unlock()
			if n := len(f.origin.conns); n != 2 {
				t.Errorf("%d connections for two calls: the next call came on that of the foreign answer", n)
			}
		})
	}
}

// What the catalog does not mark, and other effects, are no concern of it.
func TestAnswersThatRepeatNothing(t *testing.T) {
	for name, tt := range map[string]struct{ request, answer string }{
		"its own order":  {pay(), `{"order_id":"CS-1001"}`},
		"another member": {pay(), `{"order_ids":["CS-9999"]}`},
		"a write":        {plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`), `{"order_id":"CS-9999"}`},
		"a read":         {look(), `{"order_id":"CS-9999"}`},
	} {
		f := start(t, fixed, answering(bodied("%s", tt.answer)))
		got := f.send(t, tt.request)
		if r := f.log.only(t, logfile.KindOutcome); got.status != 200 || got.body != tt.answer || r.Outcome != logfile.Succeeded {
			t.Errorf("%s: answer %d %s, outcome %q", name, got.status, got.body, r.Outcome)
		}
	}
}

// An upstream that answers each payment twice, the second time up to 400 microseconds later: no payment is answered or recorded to
// have succeeded by the answer to another, with connections enough and with a single one.
func TestPaymentsAnsweredTwice(t *testing.T) {
	calls := 3000
	if testing.Short() || raceEnabled {
		calls = 500
	}
	for _, connections := range []int{100, 1} {
		f := start(t, fixed)
		u := f.upstream["bss"]
		transport := upstream.New(upstream.Config{URL: setting.Target{Scheme: "http", Host: u.Host}, MaxConnections: connections}, nil)
		t.Cleanup(transport.Close)
		u.Transport = transport
		var delay atomic.Int64
		f.origin.set(func(c net.Conn, a *arrival) bool {
			answer := bodied("%s", a.body[:strings.IndexByte(a.body, ',')]+"}")
			_, _ = io.WriteString(c, answer)
			time.Sleep(time.Duration(delay.Load())) // the fault itself: nothing waits for it
			_, err := io.WriteString(c, answer)
			return err == nil
		}, nil)
		client := f.dial(t)
		unknown := 0
		for i := range calls {
			delay.Store(rand.Int64N(400_000))
			order := fmt.Sprintf(`"CS-%d"`, i)
			client.write(plain("POST", payTarget, `{"order_id":`+order+`,"use_coupon":"NO","use_discount":"NO"}`))
			got := client.answer()
			succeeded := got.header.Get("Tollgate-Outcome") == logfile.Succeeded
			if succeeded && !strings.Contains(got.body, order) || !succeeded && got.code() != "TG.7002" {
				t.Fatalf("%d connections: the payment of %s is answered %d %s", connections, order, got.status, got.body)
			}
			if !succeeded {
				unknown++
			}
		}
		recorded := 0
		for _, r := range f.log.of(logfile.KindOutcome) {
			if r.Outcome == logfile.Unknown {
				recorded++
			}
		}
		if recorded != unknown {
			t.Errorf("%d connections: %d payments unknown, %d on record", connections, unknown, recorded)
		}
		t.Logf("%d connections: %d of %d payments unknown", connections, unknown, calls)
	}
}

// A payment whose answer came without a byte of its body is unknown where the connection ended with it: it may have been cut.
func TestEmptyAnswersThatEndWithTheConnection(t *testing.T) {
	for name, coding := range map[string]string{"plain": "", "identity": "Content-Encoding: identity\r\n", "br": "Content-Encoding: br\r\n", "gzip": "Content-Encoding: gzip\r\n"} {
		f := start(t, fixed)
		f.origin.set(breaking("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+coding+"Connection: close\r\n\r\n"), nil)
		f.send(t, pay())
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown {
			t.Errorf("%s: %s", name, r.Outcome)
		}
	}
	f := start(t, fixed, answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
	f.send(t, pay())
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
		t.Errorf("204: %s", r.Outcome)
	}
}
