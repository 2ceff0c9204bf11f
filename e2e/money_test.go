package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	sdkrequest "github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"

	"tollgate/internal/bsssim"
)

// moneyCallers are callers that spend: two of one customer, of whom only the till's money is capped, and a partner's.
const moneyCallers = `
listeners:
  - {name: keys, address: "127.0.0.1:0", upstreams: [bss]}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 20s, tls: {ca: ca.pem}}
credentials:
  partner:  {class: partner, upstream: bss, domain_id: p-1, access_key: {env: P1_AK}, secret_key: {env: P1_SK}}
  customer: {class: customer, upstream: bss, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants: [{operations: [effect:read, effect:spend], credential: customer, may_repeat: true}]
  till:
    auth: [{access_key: {id: TGTILL, secret: {env: TILL_SK}}}]
    grants: [{operations: [PayOrders, oldPayOrderV2, orderPay, RenewalResources], credential: customer}]
  office:
    auth: [{access_key: {id: TGOFFICE, secret: {file: office.sk}}}]
    grants: [{operations: [effect:read, effect:spend], credential: partner}]
limits: {published: false}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: info, format: json}
`

// moneyConfig has the till pay 200 a day at the most, and the office issue coupons of 1000.
const moneyConfig = moneyCallers + `
caps:
  - {name: till-day, match: {callers: [till]}, each: day, amount: {CNY: "200"}}
  - {name: coupons, match: {callers: [office]}, each: day, units: [coupon], amount: {CNY: "1000"}}
`

// newMoneyWorld has a provider that pays an order as often as it is asked to, and a customer who can.
func newMoneyWorld(t testing.TB, config string) *world {
	t.Helper()
	w := newWorld(t, bsssim.Config{Unthrottled: true, PayAgain: true})
	if err := w.simulator.Deposit("c-17", "1000000"); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "TILL_SK="+tillSecret)
	return w.configure(config)
}

// addOrders adds n unpaid orders of c-17, of one amount each.
func (w *world) addOrders(n int, amount string) (ids []string) {
	w.t.Helper()
	for i := range n {
		id := fmt.Sprintf("CS-T%d", i)
		if err := w.simulator.AddOrder(bsssim.Order{ID: id, Customer: "c-17", Amount: amount}); err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// identity is an access key that the gateway has issued.
type identity struct{ key, secret string }

var (
	asShop   = identity{shopKey, shopSecret}
	asTill   = identity{tillKey, tillSecret}
	asOffice = identity{officeKey, officeSecret}
)

// attempt is one call that spends.
type attempt struct {
	who        identity
	path, body string
	header     []string // names and values, which are signed too
}

// payVersions are the three versions of the call that pays an order.
var payVersions = []struct{ path, body string }{
	{"/v3/orders/customer-orders/pay", `{"order_id":"%s","use_coupon":"NO","use_discount":"NO"}`},
	{"/v2/orders/customer-orders/pay", `{"order_id":"%s"}`},
	{"/v1.0/c-17/customer/order-mgr/order/pay", `{"orderId":"%s"}`},
}

func paying(who identity, version int, order string) attempt {
	v := payVersions[version%len(payVersions)]
	return attempt{who: who, path: v.path, body: fmt.Sprintf(v.body, order)}
}

func couponIssue(value string) attempt {
	return attempt{who: asOffice, path: "/v2/promotions/benefits/partner-coupons", body: `{"quota_id":"Q-1","customer_ids":["c-17"],"face_value":` + value + `}`}
}

// signatures numbers what is signed, so that no two signatures are the same.
var signatures atomic.Int64

// send has the provider's SDK sign the call, and sends it.
func (a attempt) send(transport http.RoundTripper, address string) (answer, error) {
	n := signatures.Add(1)
	body := a.body + strings.Repeat(" ", int(n%101))
	date := time.Now().UTC().Add(-time.Duration(n/101%200) * time.Second)
	b := sdkrequest.NewHttpRequestBuilder().WithEndpoint("http://"+address).WithMethod("POST").WithPath(a.path).WithBody("", body).
		AddHeaderParam("Content-Type", "application/json").AddHeaderParam("X-Sdk-Date", date.Format("20060102T150405Z"))
	for i := 0; i+1 < len(a.header); i += 2 {
		b.AddHeaderParam(a.header[i], a.header[i+1])
	}
	signed := b.Build()
	authorization, err := signer.Sign(signed, a.who.key, a.who.secret)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequest("POST", "http://"+address+a.path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, headers := range []map[string]string{signed.GetHeaderParams(), authorization} {
		for name, value := range headers {
			r.Header.Set(name, value)
		}
	}
	return ask(transport, r)
}

// try sends a call that must get an answer.
func (w *world) try(p *process, a attempt) answer {
	w.t.Helper()
	got, err := a.send(http.DefaultTransport, p.address("keys"))
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// turnsDown checks that an attempt gets a refusal that no SDK repeats, with a status and a code, and returns what it says.
func (w *world) turnsDown(p *process, a attempt, status int, code string) string {
	w.t.Helper()
	got := w.try(p, a)
	if got.status != status || got.code != code || got.header.Get("Retry-After") != "" {
		w.t.Errorf("%s %s: %d %s Retry-After %q: %s, want %d %s", a.path, a.body, got.status, got.code, got.header.Get("Retry-After"), got.body, status, code)
	}
	return got.body
}

// does checks that an attempt is done, and returns its call.
func (w *world) does(p *process, a attempt) string {
	w.t.Helper()
	got := w.try(p, a)
	if got.status/100 != 2 {
		w.t.Errorf("%s %s: %d %s", a.path, a.body, got.status, got.body)
	}
	return got.header.Get("Tollgate-Call-Id")
}

// movements counts what the simulator's ledger has of a kind, of one subject or of all, and sums it up in hundredths.
func (w *world) movements(kind, subject string) (n int, sum int64) {
	for _, m := range w.simulator.Ledger() {
		if m.Kind == kind && (subject == "" || m.Subject == subject) {
			n++
			sum += int64(m.Amount)
		}
	}
	return n, sum
}

// command runs a command of the operator.
func (w *world) command(args ...string) result {
	w.t.Helper()
	return run(w.t, w.env, append(args, "--config", w.config)...)
}

// settle settles an unknown call as an operator does.
func (w *world) settle(call, outcome string) {
	w.t.Helper()
	if got := w.command("resolve", call, "--outcome", outcome, "--reason", "read at the provider"); got.code != 0 {
		w.t.Fatalf("resolve %s: %+v", call, got)
	}
}

var callID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// blocking returns the call that a refusal names as the one that holds the act. Its first call is the refused one.
func blocking(got answer) string {
	own := got.header.Get("Tollgate-Call-Id")
	for _, id := range callID.FindAllString(got.body, -1) {
		if id != own {
			return id
		}
	}
	return ""
}

// spendingPaths are where the attempts of these tests arrive, and the operations there.
var spendingPaths = map[string]string{
	payVersions[0].path: "PayOrders", payVersions[1].path: "oldPayOrderV2", payVersions[2].path: "orderPay", couponIssue("1").path: "CreatePartnerCoupons",
}

// unreliable is a provider that often fails: mostly it says so, sometimes it does not answer, whether it has acted or not.
type unreliable struct {
	next    http.Handler
	server  *bsssim.Server
	mu      sync.Mutex
	random  *rand.Rand
	calm    atomic.Bool // no longer
	arrived atomic.Int64
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if operation := spendingPaths[r.URL.Path]; operation != "" && !u.calm.Load() {
		u.arrived.Add(1)
		u.mischief(operation)
	}
	u.next.ServeHTTP(w, r)
}

// mischief has the simulator fail a call that spends. Which of those that come at once makes no difference.
func (u *unreliable) mischief(operation string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	kind := bsssim.ServerError
	switch n := u.random.IntN(1000); {
	case n < 8:
		return
	case n < 16:
		kind = bsssim.Drop
	case n < 20:
		kind = bsssim.Truncate
	case n < 30:
		kind = bsssim.CloseAfterRead
	}
	_ = u.server.Inject(bsssim.Fault{Operation: operation, Kind: kind}) // with too many waiting the call succeeds
}

// asJSON runs a command with --json and decodes what it prints.
func (w *world) asJSON(into any, args ...string) {
	w.t.Helper()
	got := w.command(append(args, "--json")...)
	if err := json.Unmarshal([]byte(got.stdout), into); err != nil || got.code != 0 {
		w.t.Fatalf("%q: %+v, %v", args, got, err)
	}
}
