package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"testing"

	"tollgate/internal/bsssim"
)

// forNode has a listener with TLS for each site, on a name that resolves everywhere.
const forNode = `
listeners:
  - {name: cn, address: "127.0.0.1:0", hosts: [localhost], upstreams: [bss], tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}}}
  - {name: intl, address: "127.0.0.1:0", hosts: [localhost], upstreams: [intl], tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}}}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, tls: {ca: ca.pem}}
  intl: {url: "https://{{.Intl}}", catalog: intl, tls: {ca: ca.pem}}
credentials:
  customer: {class: customer, upstream: bss, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
  customer-intl: {class: customer, upstream: intl, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants:
      - {operations: [effect:read, effect:write, PayOrders, AutoRenewalResources], credential: customer}
      - {operations: [effect:read, PayOrders], credential: customer-intl}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`

// nodeCall is a call of the Node SDK, in its own words, and what must come of it.
type nodeCall struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	PathParams  map[string]string `json:"pathParams,omitempty"`
	QueryParams map[string]any    `json:"queryParams,omitempty"`
	Data        any               `json:"data,omitempty"`

	target string // as it must arrive; empty: nothing may arrive
	status int
	code   string
}

// nodeResult is what the Node SDK returns to its application.
type nodeResult struct {
	Status        int
	Code, Message string
}

// TestNodeSDK has the provider's SDK for Node, which signs the host and the content type, call both sites over TLS.
func TestNodeSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(forNode)
	p := w.start()
	const pay = "/v3/orders/customer-orders/pay"
	order := map[string]any{"order_id": "CS-1001", "use_coupon": "NO", "use_discount": "NO"}
	w.node(p, "cn", []nodeCall{
		{Method: "POST", URL: pay, Data: order, target: "POST " + pay, status: 204},
		{Method: "GET", URL: "/v2/orders/customer-orders", QueryParams: map[string]any{"order_id": hardText, "status": []string{"10", "2", "1", ""}},
			target: "GET /v2/orders/customer-orders?order_id=" + hardQuery + "&status=&status=1&status=10&status=2", status: 200},
		{Method: "DELETE", URL: "/v2/orders/subscriptions/resources/autorenew/{id}", PathParams: map[string]string{"id": "r1x@y+~中"},
			target: "DELETE /v2/orders/subscriptions/resources/autorenew/r1x%40y%2B~%E4%B8%AD", status: 400, code: "CBC.0101"},
		// A space in a path is escaped twice by this SDK when it signs, and once when it sends.
		{Method: "POST", URL: "/v2/orders/subscriptions/resources/autorenew/{id}", PathParams: map[string]string{"id": "r1 x"}, status: 401, code: "TG.2006"},
		{Method: "DELETE", URL: "/v2/orders/subscriptions/resources/autorenew/{id}", PathParams: map[string]string{"id": "res-1"},
			target: "DELETE /v2/orders/subscriptions/resources/autorenew/res-1", status: 204},
		{Method: "POST", URL: "/v2/orders/subscriptions/resources/renew", Data: map[string]any{"resource_ids": []string{"res-1"}}, status: 403, code: "TG.3001"},
		{Method: "GET", URL: "/v2/orders/customer-orders/details/{id}", PathParams: map[string]string{"id": "r/1"}, status: 404, code: "TG.4001"},
	})
	w.node(p, "intl", []nodeCall{
		{Method: "POST", URL: pay, Data: order, target: "POST " + pay, status: 204},
		{Method: "GET", URL: "/v2/orders/customer-orders", QueryParams: map[string]any{"order_id": hardText},
			target: "GET /v2/orders/customer-orders?order_id=" + hardQuery, status: 200},
	})
	p.stop()
}

// node makes calls with the Node SDK through a listener and checks their ends at both sides.
func (w *world) node(p *process, site string, calls []nodeCall) {
	w.t.Helper()
	before := len(w.witness.arrivals())
	results := w.runNode(p, site, calls)
	if len(results) != len(calls) {
		w.t.Fatalf("%d results for %d calls", len(results), len(calls))
	}
	arrived := w.witness.arrivals()[before:]
	for i, c := range calls {
		if got := results[i]; got.Status != c.status || got.Code != c.code || c.code != "" && got.Message == "" {
			w.t.Errorf("%s %s %s: the SDK says %+v, want %d %s", site, c.Method, c.URL, got, c.status, c.code)
		}
		if c.target == "" {
			continue
		}
		if len(arrived) == 0 || arrived[0].site != site || arrived[0].method+" "+arrived[0].target != c.target {
			w.t.Fatalf("%s: arrived %v, want %s first", site, arrived, c.target)
		}
		arrived = arrived[1:]
	}
	if len(arrived) > 0 {
		w.t.Errorf("more arrived than was to: %v", arrived)
	}
}

func (w *world) runNode(p *process, listener string, calls []nodeCall) (results []nodeResult) {
	w.t.Helper()
	_, port, err := net.SplitHostPort(p.address(listener))
	if err != nil {
		w.t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{
		"endpoint": "https://localhost:" + port, "accessKey": shopKey, "secretKey": shopSecret, "domainId": "c-17", "calls": calls,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), "node", "call.js")
	cmd.Dir, cmd.Stdin = "node", bytes.NewReader(input)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+w.file("ca.pem"))
	output, err := cmd.Output()
	last := output[bytes.LastIndexByte(output, '\n')+1:]
	if err != nil || json.Unmarshal(last, &results) != nil {
		w.t.Fatalf("the Node SDK does not run (make e2e/node/node_modules installs it): %v\n%s", err, output)
	}
	return results
}
