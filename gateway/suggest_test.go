package gateway_test

import (
	"strings"
	"testing"

	"tollgate/gateway"
)

// TestSuggestion: a caller that is identified learns which operation it may have meant; an unauthenticated peer, and a claim that is not
// verified, learn no more than that there is none. An endpoint that the operator declared is never suggested.
func TestSuggestion(t *testing.T) {
	const meant = "; did you mean POST /v3/orders/customer-orders/pay (PayOrders)?"
	claimed := goodCall()
	claimed.method, claimed.target = "POST", "/v1/orders/customer-orders/pay"
	for name, c := range map[string]struct {
		settings []adjustment
		request  string
		code     string
		want     bool
	}{
		"version":      {[]adjustment{fixed}, plain("POST", "/v1/orders/customer-orders/pay", ""), "TG.4001", true},
		"method":       {[]adjustment{fixed}, plain("PUT", payTarget, ""), "TG.4001", true},
		"typing error": {[]adjustment{fixed}, plain("POST", "/v3/orders/customer-ordres/pay", ""), "TG.4001", true},
		"far from all": {[]adjustment{fixed}, plain("GET", "/nothing", ""), "TG.4001", false},
		"a declared":   {[]adjustment{fixed}, plain("GET", "/ecoh/x", ""), "TG.4001", false},
		"no identity":  {nil, plain("POST", "/v1/orders/customer-orders/pay", ""), "TG.2001", false},
		"a claim":      {nil, claimed.text(t), "TG.4001", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := start(t, c.settings...).send(t, c.request)
			detail := got.problem(t).Detail
			if got.code() != c.code || strings.HasSuffix(detail, meant) != c.want || strings.Contains(detail, "did you mean") != c.want {
				t.Errorf("%s %q", got.code(), detail)
			}
		})
	}
}

// TestSuggestionOfExplain: explain says it, too.
func TestSuggestionOfExplain(t *testing.T) {
	f := prepare(t, fixed)
	ruling, err := f.plan.Explain(&gateway.Question{Caller: localCaller, Method: "GET", Target: payTarget})
	const want = "this path is served for POST only; did you mean POST /v3/orders/customer-orders/pay (PayOrders)?"
	if err != nil || ruling.Refusal == nil || ruling.Refusal.Detail != want {
		t.Errorf("%+v, %v", ruling.Refusal, err)
	}
}
