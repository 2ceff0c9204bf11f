package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/spend/journal"
)

// followed is a follow-up whose provider answers as the test says.
type followed struct {
	followUp
	at       time.Time
	status   map[string]string // of orders; "" or none: the read fails
	refuses  error             // the log does
	looked   []string          // orders
	resolved []string          // "call outcome by call"
	open     []journal.Unknown
}

func newFollowed(open ...journal.Unknown) *followed {
	f := &followed{at: ended, status: map[string]string{}, open: open}
	f.followUp = followUp{
		unknown: func() []journal.Unknown { return f.open }, look: f.answer, resolve: f.settle, logger: zap.NewNop(),
		now: func() time.Time { return f.at },
	}
	return f
}

func (f *followed) answer(_ context.Context, l *gateway.Lookup) (gateway.Found, error) {
	order := strings.TrimPrefix(l.Query.Path, "/v2/orders/customer-orders/details/")
	f.looked = append(f.looked, order)
	if f.status[order] == "" {
		return gateway.Found{}, errors.New("no answer")
	}
	body := fmt.Appendf(nil, `{"order_info":{"order_id":%q,"status":%s}}`, order, f.status[order])
	return gateway.Found{
		Call: "own-" + order, Body: body, Result: bss.ReadAnswer(catalog.Find("cn", "ShowCustomerOrderDetails"), nil, 200, "application/json", body),
	}, nil
}

func (f *followed) settle(_ context.Context, call, outcome string, d journal.Decision) error {
	if f.refuses != nil {
		return f.refuses
	}
	f.resolved = append(f.resolved, call+" "+outcome+" "+d.By+" "+d.From)
	f.open = slices.DeleteFunc(slices.Clone(f.open), func(u journal.Unknown) bool { return u.Call == call })
	return nil
}

// until runs rounds, as often as the service does, until so long after the calls ended.
func (f *followed) until(d time.Duration) {
	for ; !f.at.After(ended.Add(d)); f.at = f.at.Add(lookEvery) {
		f.round(context.Background())
	}
}

var ended = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

func payment(call string, orders ...string) journal.Unknown {
	return journal.Unknown{Call: call, Act: "pay", Site: "cn", Upstream: "bss", Orders: orders, Ended: ended}
}

// TestFollowUp: an order that is paid settles its payment, one that is not does after fifteen minutes, and nothing else does.
func TestFollowUp(t *testing.T) {
	for status, c := range map[string]struct {
		before, after string // a quarter of an hour after the end, and an hour
	}{
		"5": {"c succeeded gateway own-CS-1", "c succeeded gateway own-CS-1"},
		"6": {"", "c failed gateway own-CS-1"},
		"":  {}, "4": {}, "3": {}, "1": {}, "5.0": {}, "null": {}, `"paid"`: {},
	} {
		f := newFollowed(payment("c", "CS-1"))
		f.status["CS-1"] = status
		f.until(unpaidFor - time.Second)
		if got := strings.Join(f.resolved, ", "); got != c.before {
			t.Errorf("status %q, early: %q, want %q", status, got, c.before)
		}
		f.until(time.Hour)
		if got := strings.Join(f.resolved, ", "); got != c.after {
			t.Errorf("status %q: %q, want %q", status, got, c.after)
		}
	}
}

// TestFollowUpBacksOff: a payment that stays unknown is looked up ever more seldom, and never abandoned.
func TestFollowUpBacksOff(t *testing.T) {
	f := newFollowed(payment("c", "CS-1"))
	f.until(time.Hour)
	if n := len(f.looked); n < 5 || n > 8 {
		t.Errorf("%d looks in an hour", n)
	}
	for range 40 {
		f.at = f.at.Add(24 * time.Hour)
		f.round(t.Context())
	}
	before := len(f.looked)
	f.at = f.at.Add(longestLook)
	if f.round(t.Context()); len(f.looked) != before+1 {
		t.Error("it is not looked up any more")
	}
}

// TestFollowUpBounds: only payments of one order are looked up, and few at a time; none of them waits for ever.
func TestFollowUpBounds(t *testing.T) {
	var open []journal.Unknown
	for i := range 3 * mostLooks {
		open = append(open, payment(fmt.Sprint("c", i), fmt.Sprint("CS-", i)))
	}
	other := payment("other", "CS-9")
	other.Act = "unsubscribe-order"
	f := newFollowed(append(open, other, payment("two", "CS-1", "CS-2"), payment("none"))...)
	f.round(t.Context())
	if len(f.looked) != 0 {
		t.Errorf("looked up at once: %q", f.looked)
	}
	for n := 1; n <= 5; n++ {
		f.at = ended.Add(firstLook)
		if f.round(t.Context()); len(f.looked) != min(n, 3)*mostLooks {
			t.Errorf("%d looks after %d rounds", len(f.looked), n)
		}
	}
	slices.Sort(f.looked)
	if len(slices.Compact(f.looked)) != 3*mostLooks {
		t.Error("some were looked up twice before others")
	}
}

// TestFollowUpWithoutLog: what the log does not take is not settled, and tried again.
func TestFollowUpWithoutLog(t *testing.T) {
	f := newFollowed(payment("c", "CS-1"))
	f.status["CS-1"], f.refuses = "5", errors.New("the disk is full")
	f.until(5 * time.Minute)
	if len(f.resolved) != 0 || len(f.looked) < 2 {
		t.Fatalf("%q after %d looks", f.resolved, len(f.looked))
	}
	f.refuses = nil
	f.until(time.Hour)
	if len(f.resolved) != 1 {
		t.Errorf("resolved %q", f.resolved)
	}
}

// pays are changes of the configuration by which app pays orders of a customer.
var pays = []string{"class: partner", "class: customer, domain_id: c-17", "app: {grants: [{operations: [ListProvinces]", "app: {grants: [{operations: [ListProvinces, PayOrders]"}

// pay pays an order.
func (g *running) pay(t *testing.T, status int, text string) (call string) {
	t.Helper()
	response, err := g.client.Post("http://"+g.Address("local")+"/v3/orders/customer-orders/pay", "application/json", strings.NewReader(`{"order_id":"CS-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(answer), text) {
		t.Errorf("payment: %d %s, %v; want %d %s", response.StatusCode, answer, err, status, text)
	}
	return response.Header.Get("Tollgate-Call-Id")
}

// TestFollowUpAfterARestart: a payment whose answer was lost is looked up also by the gateway that is started after it, which knows its order
// from the log alone. What the order says is on record, and decides whether the order can be paid.
func TestFollowUpAfterARestart(t *testing.T) {
	for status, want := range map[string]string{"5": "succeeded", "6": "failed"} {
		g := runWith(t, pays...)
		var lost atomic.Bool
		lost.Store(true)
		g.answers(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(w, `{"order_info":{"order_id":"CS-1","status":%s}}`, status)
			case lost.Load():
				dropped(w, r)
			default:
				done(w, r)
			}
		})
		call := g.pay(t, 502, "TG.7002")
		g.pay(t, 409, call)
		lost.Store(false)
		if err := g.again(t, pays...); err != nil {
			t.Fatal(err)
		}
		g.pay(t, 409, call)
		shown, err := g.resolve(t.Context(), admin.Peer{}, admin.ResolveRequest{Call: call})
		if err != nil || !slices.Contains(shown.Shows, "order_info.status: "+status) {
			t.Errorf("shown: %+v, %v", shown, err)
		}
		g.newFollowUp(func() time.Time { return time.Now().Add(time.Hour) }).round(t.Context())
		if want == "failed" {
			g.pay(t, 200, "")
		} else {
			g.pay(t, 409, "(succeeded)")
		}
		g.wantResolved(t, call, want)
	}
}

// wantResolved looks for the event that settles a call, and for the read that it names.
func (g *running) wantResolved(t *testing.T, call, outcome string) {
	t.Helper()
	reads, from := map[string]bool{}, ""
	if err := logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindIntent && r.Spending != nil && r.For == call {
			reads[r.Call] = true
		}
		if r.Event == logfile.EventResolved && r.Subject == call && r.Data["outcome"] == outcome && r.Data["by"] == "gateway" {
			from = r.Data["from"]
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !reads[from] {
		t.Errorf("the event names the read %q, of %v", from, reads)
	}
}
