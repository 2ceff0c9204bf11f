package gateway_test

import (
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// TestQueriesSayNothingOfAnAct: the provider reads the body of a POST. What a query says in its place would have the guard and the caps see
// another amount, another account or another unit than the provider.
func TestQueriesSayNothingOfAnAct(t *testing.T) {
	const adjust = "/v1.0/" + partnerAccount + "/partner/account-mgr/adjust-amount"
	asCaller := map[bool]adjustment{true: asPartner, false: func(*fixture) {}}
	for target, body := range map[string]string{
		adjust + "?measure_id=3":          `{"customer_id":"c-17","amount":"9990"}`,
		adjust + "?currency=USD":          `{"customer_id":"c-17","amount":"9990"}`,
		payTarget + "?order_id=X":         `{}`,
		payTarget + "?%6frder_id=CS-1001": payBody,
		"/v2/enterprises/multi-accounts/transfer-amount?balance_type=BALANCE_TYPE_CREDIT": `{"customer_id":"c-17","amount":"5"}`,
	} {
		f := start(t, fixed, guarded, asCaller[strings.HasPrefix(target, adjust)])
		if got := f.send(t, plain("POST", target, body)); got.code() != "TG.1009" {
			t.Errorf("%s: answer %d %s", target, got.status, got.body)
		}
		f.origin.none(t)
	}
}

// TestDeclaredActOfWhichNothingIsKnown: an internal app, or what stands before it, may answer with a 5xx after the act was done.
func TestDeclaredActOfWhichNothingIsKnown(t *testing.T) {
	for answer, want := range map[string]string{
		jsonAnswer(500, `{}`): logfile.Unknown, jsonAnswer(504, `{}`): logfile.Unknown, jsonAnswer(408, `{}`): logfile.Unknown,
		jsonAnswer(409, `{}`): logfile.Failed, jsonAnswer(201, `{}`): logfile.Succeeded,
	} {
		f := start(t, fixed, guarded, declaring(catalog.Declaration{
			Name: "PayInvoice", Method: "POST", Path: "/invoices/{invoice}/pay", Effect: catalog.Spend,
			Act: &catalog.ActDeclaration{Name: "pay-invoice", Keys: []string{"invoice"}, Window: 1e9 * 3600},
		}), answering(answer))
		f.send(t, plain("POST", "/invoices/i-1/pay", ""))
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != want {
			t.Errorf("%.20q: outcome %q, want %q", answer, r.Outcome, want)
		}
		second := f.send(t, plain("POST", "/invoices/I-1/pay", ""))
		if held := second.code() == "TG.4008"; held != (want != logfile.Failed) {
			t.Errorf("%.20q: a second call: %d %s", answer, second.status, second.body)
		}
	}
}
