package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/bsssim"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// simulated puts the simulator behind the gateway, with the credentials of two of its accounts: p-1 and its customer c-17.
func simulated(t *testing.T, sim *bsssim.Server) adjustment {
	return func(f *fixture) {
		server := httptest.NewServer(sim)
		t.Cleanup(server.Close)
		target := must(url.Parse(server.URL))
		u := f.upstream["bss"]
		u.Host = target.Host
		transport := upstream.New(upstream.Config{URL: setting.Target{Scheme: target.Scheme, Host: target.Host}}, nil)
		t.Cleanup(transport.Close)
		u.Transport = transport
		for _, a := range bsssim.DefaultAccounts() {
			c := credential.Facts{Upstream: "bss", DomainID: setting.Account(a.DomainID)}
			switch a.DomainID {
			case "p-1":
				c.Name, c.Class = "partner-main", catalog.ClassPartner
			case "c-17":
				c.Name, c.Class = "acme", catalog.ClassCustomer
			default:
				continue
			}
			f.credentials[c.Name] = signer(c, func() (credential.Keys, error) {
				return credential.Keys{AccessKey: a.AccessKey, SecretKey: secret.New(a.SecretKey), SecurityToken: secret.New(a.SecurityToken)}, nil
			})
		}
	}
}

// An independent verifier, that of the simulator, takes every signature, and finds every credential in its own class.
func TestSimulatorTakesEverySignature(t *testing.T) {
	for caller, account := range map[string]string{partnerCaller: "p-1", customerCaller: "c-17"} {
		t.Run(caller, func(t *testing.T) {
			sim := bsssim.New(bsssim.Config{Unthrottled: true})
			f := start(t, simulated(t, sim))
			for _, o := range catalog.Operations("cn") {
				f.call(t, callOf(o, caller, account))
			}
			calls := sim.Calls()
			if len(calls) == 0 || len(calls) != len(f.log.of(logfile.KindIntent)) {
				t.Errorf("%d calls arrived with %d intents", len(calls), len(f.log.of(logfile.KindIntent)))
			}
			for _, c := range calls {
				if c.Signature != bsssim.VerdictValid || c.Account != account || c.Protocol != "HTTP/1.1" {
					t.Errorf("%s: signature %s of account %q over %s", c.Operation, c.Signature, c.Account, c.Protocol)
				}
			}
		})
	}
}

// Money moves once, also where the answer is lost after it has moved.
func TestLostAnswerOfAPayment(t *testing.T) {
	for _, kind := range []bsssim.FaultKind{bsssim.Drop, bsssim.Truncate, bsssim.BadGateway} {
		t.Run(string(kind), func(t *testing.T) {
			sim := bsssim.New(bsssim.Config{})
			f := start(t, simulated(t, sim))
			if err := sim.Inject(bsssim.Fault{Operation: "PayOrders", Kind: kind}); err != nil {
				t.Fatal(err)
			}
			got := f.call(t, signed{caller: customerCaller, method: http.MethodPost, target: payTarget, body: payBody})
			if kind == bsssim.BadGateway && got.code() != "" || kind != bsssim.BadGateway && got.code() != "TG.7002" {
				t.Errorf("answer %d %s", got.status, got.body)
			}
			if n := len(sim.Calls()); n != 1 {
				t.Errorf("%d payments arrived", n)
			}
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown {
				t.Errorf("outcome %q", r.Outcome)
			}
		})
	}
}
