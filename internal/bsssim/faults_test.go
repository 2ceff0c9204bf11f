package bsssim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// overNetwork sends one payment to a real server, so that broken connections can be seen.
func overNetwork(t *testing.T, w *world) (status int, body string, err error) {
	t.Helper()
	server := httptest.NewServer(w.server)
	defer server.Close()
	pay := `{"order_id":"CS-1001"}`
	r, err := http.NewRequest("POST", server.URL+"/v3/orders/customer-orders/pay", strings.NewReader(pay))
	if err != nil {
		t.Fatal(err)
	}
	sign(withHost(r), pay, customerAK, w.server.accounts[customerAK].SecretKey, w.now)
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

func withHost(r *http.Request) *http.Request { r.Host = r.URL.Host; return r }

func TestFaults(t *testing.T) {
	tests := []struct {
		kind   FaultKind
		status int  // seen by the caller; 0: the connection breaks
		acts   bool // the order is paid
	}{
		{Drop, 0, true},
		{DropBeforeRead, 0, false},
		{CloseAfterRead, 0, false},
		{ServerError, 500, false},
		{BadGateway, 502, true},
		{BadSignature, 401, false},
		{Partial, 204, true}, // no batch: nothing to fail
	}
	for _, test := range tests {
		w := newWorld(t, Config{})
		if err := w.server.Inject(Fault{Operation: "PayOrders", Kind: test.kind}); err != nil {
			t.Fatal(err)
		}
		status, body, err := overNetwork(t, w)
		if status != test.status || (err != nil) != (test.status == 0) {
			t.Errorf("%s: %d %q, %v, want %d", test.kind, status, body, err, test.status)
		}
		check(t, string(test.kind)+": paid", w.server.state.orders["CS-1001"].Status == orderDone, test.acts)
		check(t, string(test.kind)+": calls", len(w.server.Calls()), 1)
		check(t, string(test.kind)+": operation", w.server.Calls()[0].Operation, "PayOrders")
		w.want(customerAK, "GET", typesPath, "", 200, "") // used up, and of another operation
	}
}

func TestTruncate(t *testing.T) {
	w := newWorld(t, Config{})
	if err := w.server.Inject(Fault{Kind: Truncate}); err != nil {
		t.Fatal(err)
	}
	status, body, err := overNetwork(t, w)
	if err == nil || status == 0 || len(body) == 0 {
		t.Errorf("%d %q, %v, want half an answer", status, body, err)
	}
	check(t, "paid", w.server.state.orders["CS-1001"].Status, orderDone)
}

func TestPartialFault(t *testing.T) {
	w := newWorld(t, Config{})
	if err := w.server.Inject(Fault{Operation: "CancelResourcesSubscription", Kind: Partial}); err != nil {
		t.Fatal(err)
	}
	got := w.want(customerAK, "POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":["res-1","res-2"],"unsubscribe_type":1}`, 200, "")
	failed := list(got, "fail_resource_infos")
	if len(failed) != 1 || member(failed[0], "resource_id") != "res-2" || member(failed[0], "error_code") != "CBC.99003651" {
		t.Errorf("%s", got.text)
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		if err := w.server.Inject(Fault{Kind: Slow, Delay: 3 * time.Second}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w.want(partnerAK, "GET", typesPath, "", 200, "")
		check(t, "delay", time.Since(began), 3*time.Second)
	})
}

func TestFaultTimes(t *testing.T) {
	w := newWorld(t, Config{})
	if err := w.server.Inject(Fault{Kind: ServerError, Times: 2}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{500, 500, 200} {
		check(t, "status", w.call(partnerAK, "GET", typesPath, "").status, status)
	}
	if err := w.server.Inject(Fault{Kind: ServerError, Times: -1}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.want(partnerAK, "GET", typesPath, "", 500, "CBC.0999")
	}
	w.server.Reset()
	w.want(partnerAK, "GET", typesPath, "", 200, "")
}

func TestInjectRefuses(t *testing.T) {
	w := newWorld(t, Config{})
	for _, f := range []Fault{
		{}, {Kind: "nice"}, {Kind: Drop, Operation: "Nothing"}, {Kind: Slow}, {Kind: Slow, Delay: time.Hour}, {Kind: Drop, Delay: -1},
	} {
		if err := w.server.Inject(f); err == nil {
			t.Errorf("took %+v", f)
		}
	}
	for range maxFaults {
		if err := w.server.Inject(Fault{Kind: Drop}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.server.Inject(Fault{Kind: Drop}); err == nil {
		t.Error("faults are not bounded")
	}
}

func TestRingIsBounded(t *testing.T) {
	var g ring
	for range maxCalls + 5 {
		g.add(Call{})
	}
	check(t, "calls", len(g.calls), maxCalls)
	body := make([]byte, maxKept)
	for range 2*maxKeptSum/maxKept + 3 {
		g.add(Call{Body: body})
	}
	check(t, "kept bytes", g.bytes <= maxKeptSum, true)
	check(t, "newest kept", len(g.calls[len(g.calls)-1].Body), maxKept)
}

func TestCallsKeepLargeBodiesByHash(t *testing.T) {
	w := newWorld(t, Config{})
	body := `{"order_id":"` + strings.Repeat("x", 100_000) + `"}`
	w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", body, 400, "CBC.30000010")
	c := w.server.Calls()[0]
	if c.BodySize != len(body) || len(c.Body) != maxKept || len(c.BodySHA256) != 64 || c.Signature != VerdictValid || c.Account != "c-17" {
		t.Errorf("size %d, kept %d, hash %q, signature %q, account %q", c.BodySize, len(c.Body), c.BodySHA256, c.Signature, c.Account)
	}
}

// TestConcurrentPayments pays one order from many sides: money must move once.
func TestConcurrentPayments(t *testing.T) {
	w := newWorld(t, Config{Unthrottled: true})
	var wait sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		wait.Go(func() {
			r := w.request(customerAK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1001"}`)
			recorder := httptest.NewRecorder()
			w.server.ServeHTTP(recorder, r)
			statuses[i] = recorder.Code
			w.server.Calls()
		})
	}
	wait.Wait()
	paid := 0
	for _, status := range statuses {
		if status == 204 {
			paid++
		}
	}
	check(t, "successes", paid, 1)
	check(t, "balance", w.balance("c-17"), 401_00)
}

func TestControl(t *testing.T) {
	w := newWorld(t, Config{})
	control := w.server.Control()
	send := func(method, target, body string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		recorder := httptest.NewRecorder()
		control.ServeHTTP(recorder, r)
		return recorder
	}
	check(t, "fault", send("POST", "/faults", `{"operation":"PayOrders","kind":"5xx","times":1}`).Code, 204)
	w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1001"}`, 500, "CBC.0999")
	w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1001"}`, 204, "")
	for _, bad := range []string{"", "{", `{"kind":"nice"}`, `{"kind":"slow","delay":"soon"}`, `{"kind":"drop","colour":"red"}`, `{"kind":"` + strings.Repeat("x", 70_000) + `"}`} {
		check(t, "bad fault", send("POST", "/faults", bad).Code, 400)
	}
	var state struct {
		Customers []struct {
			ID      string
			Balance json.Number
		}
	}
	if err := json.Unmarshal(send("GET", "/state", "").Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	check(t, "balance shown", state.Customers[0].Balance, json.Number("401.00"))
	text := send("GET", "/calls?limit=1", "").Body.String()
	if !strings.Contains(text, "PayOrders") || strings.Contains(text, "Signature=") || strings.Count(text, `"request_id"`) != 1 {
		t.Errorf("calls: %s", text)
	}
	if w.server.Calls()[1].Header.Get("Authorization") == "[left out]" {
		t.Error("showing the calls changed them")
	}
	check(t, "bad limit", send("GET", "/calls?limit=x", "").Code, 400)
	check(t, "from a web page", send("POST", "/reset", "", "Origin", "https://evil.example").Code, 403)
	check(t, "reset", send("POST", "/reset", "").Code, 204)
	check(t, "balance after reset", w.balance("c-17"), 500_00)
	check(t, "calls after reset", len(w.server.Calls()), 0)
	check(t, "control paths in the API", w.call(partnerAK, "POST", "/reset", "").status, 404)
}

func TestNewRefusesMistakes(t *testing.T) {
	for what, config := range map[string]Config{
		"site":     {Site: "mars"},
		"twice":    {Accounts: []Account{{AccessKey: "a", Class: Partner}, {AccessKey: "a", Class: Partner}}},
		"no class": {Accounts: []Account{{AccessKey: "a"}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			New(config)
		}()
	}
}
