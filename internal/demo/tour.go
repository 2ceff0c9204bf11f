package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// step is one call of the tour, with the result that it must have.
type step struct {
	title     string
	signed    bool // over HTTPS with the shop's keys; otherwise over the loopback port
	key       string
	method    string
	path      string
	body      string
	fault     bsssim.FaultKind // injected into the simulator before
	operation string           // that the fault is for

	status  int
	code    string // error_code in the answer's body
	header  string // that the answer must have
	outcome string // in the audit log; "refused" for a refusal
	arrives int    // how many requests the simulator sees
	repeat  int    // calls more of the same before this one
}

// scenario lists the steps. Each shows one thing that the gateway is for.
func scenario() []step {
	return []step{
		{title: "partner reads its customers", signed: true, method: "POST", path: "/v2/partners/sub-customers/query", body: `{"limit":10}`,
			status: 200, outcome: logfile.Succeeded, arrives: 1},
		{title: "customer reads its balance", signed: true, method: "GET", path: "/v2/accounts/customer-accounts/balances",
			status: 200, outcome: logfile.Succeeded, arrives: 1},
		{title: "customer pays an order", signed: true, method: "POST", path: "/v3/orders/customer-orders/pay",
			body: `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`, status: 204, outcome: logfile.Succeeded, arrives: 1},
		{title: "the same order again, by the old API", signed: true, method: "POST", path: "/v1.0/c-17/customer/order-mgr/order/pay",
			body: `{"orderId":"CS-1001","payAccountType":2}`, status: 409, code: "TG.4008", outcome: logfile.Refused},
		{title: "batch: HTTP 200 with a failed part", signed: true, method: "POST", path: "/v2/orders/subscriptions/resources/unsubscribe",
			body: `{"resource_ids":["res-1","no-such-resource"],"unsubscribe_type":1}`, status: 200, outcome: logfile.Partial, arrives: 1},
		{title: "v1: HTTP 200 that means failure", signed: true, method: "POST", path: "/v1.0/c-17/customer/order-mgr/order/pay",
			body: `{"orderId":"CS-1002","payAccountType":2}`, status: 200, code: "CBC.5003", outcome: logfile.Failed, arrives: 1},
		{title: "partner creates a customer", signed: true, method: "POST", path: "/v2/partners/sub-customers",
			body:   `{"domain_name":"demo-customer","xaccount_id":"demo-x-1","xaccount_type":"DEMO_IDP","password":"Demo-Passw0rd"}`,
			status: 204, outcome: logfile.Succeeded, arrives: 1},
		{title: "distributor lists its resellers", signed: true, method: "POST", path: "/v2/partners/indirect-partners/query", body: `{"limit":10}`,
			status: 200, outcome: logfile.Succeeded, arrives: 1},
		{title: "wrong credential class", method: "POST", path: "/v3/payments/free-resources/query", body: `{}`,
			status: 403, code: "TG.3002", outcome: logfile.Refused},
		{title: "unknown caller", signed: true, key: "TGUNKNOWN", method: "GET", path: "/v2/accounts/customer-accounts/balances",
			status: 401, code: "TG.2004", outcome: logfile.Refused},
		{title: "deprecated operation: works, marked", signed: true, method: "POST", path: "/v1.0/p-1/partner/customer-mgr/query", body: `{}`,
			status: 200, header: "Deprecation", outcome: logfile.Succeeded, arrives: 1},
		{title: "burst over the limit (third of three)", method: "GET", path: "/v2/systems/configs/cities?province_code=1", repeat: 2,
			status: 429, code: "TG.5001", header: "Retry-After", outcome: logfile.Refused, arrives: 2},
		{title: "payment, and the connection drops", signed: true, method: "POST", path: "/v3/orders/customer-orders/pay",
			body: `{"order_id":"CS-1002","use_coupon":"NO","use_discount":"NO"}`, fault: bsssim.Drop, operation: "PayOrders",
			status: 502, code: "TG.7002", outcome: logfile.Unknown, arrives: 1},
	}
}

// seen is the answer to the call of a step.
type seen struct {
	status int
	header http.Header
	code   string
	call   string
}

// runner makes the calls of the tour.
type runner struct {
	setup  *world
	client *http.Client
	key    signing.Key
	out    io.Writer
}

func newRunner(setup *world, out io.Writer) *runner {
	return &runner{
		setup: setup, out: out, key: signing.SDK.NewKey(shopKey, secret.New(shopSecret)),
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: setup.ca.Pool(), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		}},
	}
}

// run makes all calls and returns what differed from the plan.
func (g *runner) run(ctx context.Context, log *audit.Log) ([]string, error) {
	var problems []string
	for i, s := range scenario() {
		result, arrived, err := g.do(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
		outcome, err := g.recorded(ctx, log, result.call)
		if err != nil {
			return nil, err
		}
		differences := s.compare(result, arrived, outcome)
		g.printLine(i+1, s, result, outcome, differences)
		for _, difference := range differences {
			problems = append(problems, s.title+": "+difference)
		}
	}
	return problems, nil
}

// do makes the calls of one step and counts how many arrived at the simulator.
func (g *runner) do(ctx context.Context, s step) (seen, int, error) {
	if s.fault != "" {
		if err := g.setup.simulator.Inject(bsssim.Fault{Operation: s.operation, Kind: s.fault}); err != nil {
			return seen{}, 0, err
		}
	}
	before := len(g.setup.simulator.Calls())
	for range s.repeat {
		if _, err := g.call(ctx, s); err != nil {
			return seen{}, 0, err
		}
	}
	result, err := g.call(ctx, s)
	return result, len(g.setup.simulator.Calls()) - before, err
}

func (g *runner) call(ctx context.Context, s step) (seen, error) {
	base := "http://" + g.setup.values.Plain
	if s.signed {
		base = "https://" + g.setup.values.HTTPS
	}
	r, err := http.NewRequestWithContext(ctx, s.method, base+s.path, strings.NewReader(s.body))
	if err != nil {
		return seen{}, err
	}
	if s.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.signed {
		if err := g.sign(r, s); err != nil {
			return seen{}, err
		}
	}
	response, err := g.client.Do(r)
	if err != nil {
		return seen{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return seen{response.StatusCode, response.Header, errorCode(body), response.Header.Get("Tollgate-Call-Id")}, err
}

// sign does what the provider's SDK does in an application.
func (g *runner) sign(r *http.Request, s step) error {
	key := g.key
	if s.key != "" {
		key = signing.SDK.NewKey(s.key, secret.New("a-secret-that-was-never-issued"))
	}
	query, err := signing.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	added, err := key.Sign(time.Now(), signing.Request{
		Method: r.Method, Path: signing.CanonicalPath(r.URL.Path), Query: query.Canonical(),
		Headers: []signing.Header{{Name: "host", Value: r.URL.Host}}, PayloadHash: signing.HashHex([]byte(s.body)),
	}, signing.Account{})
	for _, h := range added {
		r.Header.Set(h.Name, h.Value)
	}
	return err
}

func errorCode(body []byte) string {
	var answer struct {
		ErrorCode string `json:"error_code"`
	}
	if json.Unmarshal(bytes.TrimSpace(body), &answer) != nil || answer.ErrorCode == "CBC.0000" {
		return ""
	}
	return answer.ErrorCode
}

// recorded returns the outcome of a call by the audit log.
func (g *runner) recorded(ctx context.Context, log *audit.Log, call string) (string, error) {
	if err := settled(ctx, log); err != nil {
		return "", err
	}
	outcome := "not on record"
	err := logfile.Read(g.setup.file("audit"), func(r *logfile.Record, _ []byte) error {
		if r.Call == call && r.Kind == logfile.KindOutcome {
			outcome = r.Outcome
		}
		if r.Call == call && r.Kind == logfile.KindRefusal {
			outcome = r.Decision
		}
		return nil
	})
	return outcome, err
}

// settled waits until every record so far is on disk: reads and refusals are not waited for by calls.
func settled(ctx context.Context, log *audit.Log) error {
	want := log.Status().LastSeq
	return await(ctx, log, "durable", func(s audit.Status) bool { return s.DurableSeq >= want })
}

// signed waits until a checkpoint covers every record so far.
func signed(ctx context.Context, log *audit.Log) error {
	return await(ctx, log, "signed", func(s audit.Status) bool { return s.Signed+1 >= s.LastSeq }) // the last one is the checkpoint
}

func await(ctx context.Context, log *audit.Log, what string, holds func(audit.Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !holds(log.Status()) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the audit log does not become %s: %w", what, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// compare lists what differs from the plan.
func (s step) compare(got seen, arrived int, outcome string) []string {
	var differences []string
	check := func(what string, got, want any) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s is %v, should be %v", what, got, want))
		}
	}
	check("status", got.status, s.status)
	check("error code", got.code, s.code)
	check("outcome on record", outcome, s.outcome)
	check("number of requests upstream", arrived, s.arrives)
	if s.header != "" && got.header.Get(s.header) == "" {
		differences = append(differences, "header "+s.header+" is missing")
	}
	return differences
}

// printLine prints a step in two lines of up to 100 columns, and what differs from the plan below.
func (g *runner) printLine(number int, s step, got seen, outcome string, differences []string) {
	mark := "ok"
	if len(differences) > 0 {
		mark = "NOT AS PLANNED"
	}
	path, _, _ := strings.Cut(s.path, "?")
	fmt.Fprintf(g.out, "%2d  %-42s %d %-9s %-10s %s\n    %s %s\n", number, s.title, got.status, got.code, outcome, mark, s.method, path)
	for _, difference := range differences {
		fmt.Fprintf(g.out, "    %s\n", difference)
	}
}
