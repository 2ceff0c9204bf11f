package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/setting"
)

// Invariant 2: of any caller, and for any call, an upstream never sees a signature by a credential of the wrong
// class. Every operation of both sites is called by a caller whose grant of everything is for a partner credential, and
// by one whose grant is for a customer credential.
func TestEveryOperationIsSignedByTheRightClassOnly(t *testing.T) {
	drivers := []struct {
		caller, account string
		class           catalog.Class
		keys            map[string]string // site to the one access key that may sign
	}{
		{partnerCaller, partnerAccount, catalog.ClassPartner, map[string]string{"cn": "AK-partner-main", "intl": "AK-partner-intl"}},
		{customerCaller, customerAccount, catalog.ClassCustomer, map[string]string{"cn": "AK-acme", "intl": "AK-acme-intl"}},
	}
	total := 0
	for _, d := range drivers {
		for _, site := range catalog.Sites() {
			t.Run(d.caller+"/"+site, func(t *testing.T) {
				f := start(t)
				f.listener.Hosts = append(f.listener.Hosts, "intl.test")
				sent := 0
				for _, o := range catalog.Operations(site) {
					total++
					got := f.call(t, callOf(o, d.caller, d.account))
					if o.Class != d.class && o.Class != catalog.ClassEither {
						got.wantCode(t, "TG.3002")
						continue
					}
					sent++
					if got.status != 200 {
						t.Errorf("%s: answer %d %s", o.Name, got.status, got.body)
					}
				}
				arrivals := f.origin.all()
				if len(arrivals) != sent {
					t.Errorf("%d calls arrived, want %d", len(arrivals), sent)
				}
				for _, a := range arrivals {
					if key := a.upstreamAccessKey(t); key != d.keys[site] {
						t.Errorf("%s was signed by %s, want %s", a.line, key, d.keys[site])
					}
				}
				for _, r := range f.log.of(logfile.KindIntent) {
					if r.AccessKey != d.keys[site] || r.Class != d.class.String() {
						t.Errorf("%s: recorded as signed by %s of class %s", r.Operation, r.AccessKey, r.Class)
					}
				}
			})
		}
	}
	if total != 2*216 {
		t.Errorf("%d calls were driven, want each of 216 operations twice", total)
	}
}

// bodyOf returns a body that has what an act needs that the operation is.
func bodyOf(o *catalog.Operation) string {
	body := map[string]any{}
	for i := 0; o.Act != nil && i < len(o.Act.Parts); i++ {
		part := &o.Act.Parts[i]
		field, list := strings.CutSuffix(part.Fields[0], "[]")
		var value any = "x1"
		switch {
		case part.Kind == catalog.FieldAmount:
			value = "1"
		case len(part.Values) > 0:
			value = part.Values[0]
		case list:
			value = []string{"x1"}
		}
		if !strings.Contains(o.Path, "{"+field+"}") {
			body[field] = value
		}
	}
	return string(must(json.Marshal(body)))
}

// callOf is a call of an operation, as a caller would make it for its own account.
func callOf(o *catalog.Operation, caller, account string) signed {
	target := strings.NewReplacer("{domain_id}", account, "{partner_id}", account).Replace(o.Path)
	for begin := strings.IndexByte(target, '{'); begin >= 0; begin = strings.IndexByte(target, '{') {
		target = target[:begin] + "x1" + target[strings.IndexByte(target, '}')+1:]
	}
	s := signed{caller: caller, method: o.Method, target: target}
	if o.Method == http.MethodPost || o.Method == http.MethodPut {
		s.body = bodyOf(o)
	}
	if o.Name == "autoRenew" {
		s.target += "?action_id=autorenew"
	}
	if o.Site == "intl" {
		s.host = "intl.test"
	}
	return s
}

// The account in a path is the credential's, whatever the provider checks.
func TestPathAccountMustBeTheCredentials(t *testing.T) {
	f := start(t)
	tested := 0
	for _, o := range catalog.Operations("cn") {
		if !strings.Contains(o.Path, "{domain_id}") && !strings.Contains(o.Path, "{partner_id}") {
			continue
		}
		tested++
		for _, caller := range []string{partnerCaller, customerCaller} {
			if o.DomainIsCustomer() && caller == partnerCaller {
				continue // TestPartnerNamesCustomerInThePath
			}
			if got := f.call(t, callOf(o, caller, "another-account")); got.status != 403 {
				t.Errorf("%s: answer %d %s", o.Name, got.status, got.body)
			}
		}
	}
	if tested == 0 {
		t.Error("no operation has an account in its path")
	}
	f.origin.none(t)
}

// With a partner's key the account in the path of queryOrderDetail is a customer that the grant covers; the call is on record as one
// about that customer, allowed or refused.
func TestPartnerNamesCustomerInThePath(t *testing.T) {
	for _, site := range catalog.Sites() {
		for _, tt := range []struct {
			name, caller, account string
			granted               []setting.Account
			code, key             string
		}{
			{"any", partnerCaller, "c-17", nil, "", "AK-partner-"},
			{"one of those granted", partnerCaller, "c-17", []setting.Account{"c-17"}, "", "AK-partner-"},
			{"another", partnerCaller, "c-18", []setting.Account{"c-17"}, "TG.3004", ""},
			{"the partner itself", partnerCaller, partnerAccount, []setting.Account{"c-17"}, "TG.3004", ""},
			{"a customer's own", customerCaller, customerAccount, nil, "", "AK-acme"},
			{"another's, with a customer's key", customerCaller, "c-18", nil, "TG.3003", ""},
		} {
			t.Run(site+"/"+tt.name, func(t *testing.T) {
				f := start(t, func(f *fixture) {
					f.listener.Hosts = append(f.listener.Hosts, "intl.test")
					given := usualGrants(f.credentials)
					for i := range given {
						if given[i].Caller == partnerCaller && given[i].Credential != "" {
							given[i].Customers = tt.granted
						}
					}
					f.plan.Grants = f.table(t, given)
				})
				got := f.call(t, callOf(catalog.Find(site, "queryOrderDetail"), tt.caller, tt.account))
				kind := logfile.KindIntent
				if tt.code != "" {
					kind = logfile.KindRefusal
					got.wantCode(t, tt.code)
					f.origin.none(t)
				} else if a := f.origin.only(t); !strings.HasPrefix(a.upstreamAccessKey(t), tt.key) {
					t.Errorf("signed by %s", a.upstreamAccessKey(t))
				}
				want := []logfile.Field{
					{Name: "domain_id", Kind: "customer", Values: []string{tt.account}}, {Name: "order_id", Kind: "order", Values: []string{"x1"}},
				}
				if r := f.log.only(t, kind); !reflect.DeepEqual(r.Fields, want) {
					t.Errorf("recorded: %+v", r.Fields)
				}
			})
		}
	}
}

// What an upstream's amounts are in, if that is not what its site's are, is on record.
func TestCurrencyOfTheUpstream(t *testing.T) {
	f := start(t, func(f *fixture) {
		f.listener.Hosts = append(f.listener.Hosts, "intl.test")
		f.upstream["bss-intl"].Currency = "XXX"
	})
	for site, want := range map[string]string{"cn": "", "intl": "XXX"} {
		f.call(t, callOf(catalog.Find(site, "ListSubCustomers"), partnerCaller, partnerAccount))
		f.call(t, callOf(catalog.Find(site, "PayOrders"), partnerCaller, partnerAccount)).wantCode(t, "TG.3002")
		for _, kind := range []logfile.Kind{logfile.KindIntent, logfile.KindOutcome, logfile.KindRefusal} {
			for _, r := range f.log.of(kind) {
				if r.Site == site && r.Currency != want {
					t.Errorf("%s of %s: currency %q, want %q", kind, site, r.Currency, want)
				}
			}
		}
	}
}

// Where several credentials fit, the caller chooses among those granted, and nothing is guessed.
func TestChoosingACredential(t *testing.T) {
	either := plain("GET", "/v2/orders/customer-orders", "")
	tests := []struct {
		name, header, code, key string
		choices                 []string
	}{
		{"none named", "", "TG.3006", "", []string{"acme", "partner-main"}},
		{"one named", "Tollgate-Credential: acme", "", "AK-acme", nil},
		{"the other named", "Tollgate-Credential: partner-main", "", "AK-partner-main", nil},
		{"one that is not granted", "Tollgate-Credential: partner-intl", "TG.3005", "", []string{"acme", "partner-main"}},
		{"two named", "Tollgate-Credential: acme\r\nTollgate-Credential: partner-main", "TG.1001", "", nil},
		{"named in a list", "Tollgate-Credential: acme, partner-main", "TG.3005", "", []string{"acme", "partner-main"}},
		{"an empty name", "Tollgate-Credential:", "TG.3006", "", []string{"acme", "partner-main"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			f.listener.Caller = bothCaller
			request := either
			if tt.header != "" {
				request = plain("GET", "/v2/orders/customer-orders", "", tt.header)
			}
			got := f.send(t, request)
			if tt.code == "" {
				if a := f.origin.only(t); a.upstreamAccessKey(t) != tt.key || a.values("Tollgate-Credential") != nil {
					t.Errorf("upstream got %q", a)
				}
				return
			}
			got.wantCode(t, tt.code)
			if p := got.problem(t); !slices.Equal(p.Choices, tt.choices) {
				t.Errorf("choices %q, want %q", p.Choices, tt.choices)
			}
			f.origin.none(t)
		})
	}
}

// Invariant 3: without a grant nothing goes out, and each refusal of a known caller is recorded.
func TestDenyByDefault(t *testing.T) {
	f := start(t, func(f *fixture) { f.plan.Grants = f.table(t, nil) })
	n := 0
	for _, o := range catalog.Operations("cn") {
		f.call(t, callOf(o, partnerCaller, partnerAccount)).wantCode(t, "TG.3001")
		n++
	}
	f.origin.none(t)
	refusals := f.log.of(logfile.KindRefusal)
	if len(refusals) != n {
		t.Errorf("%d refusals are recorded, want %d", len(refusals), n)
	}
	for _, r := range refusals {
		if r.Caller != partnerCaller || r.Decision != logfile.Refused || r.Reason != "no_grant" || r.Status != 403 || r.Operation == "" {
			t.Fatalf("refusal %+v", r)
		}
	}
	if refused, observed := f.metrics.counts(); refused != n || observed != 0 {
		t.Errorf("metrics counted %d refusals and %d ends", refused, observed)
	}
}

// Known callers' refusals are recorded each, whatever the bound on unauthenticated peers, and wherever on its way a call is refused
// once its caller is known.
func TestRefusalsOfKnownCallersAreRecordedEach(t *testing.T) {
	bad := signed{caller: partnerCaller, method: "GET", target: readTarget, secret: "another secret of good length"}
	tests := []struct{ name, request, reason string }{
		{"no such operation", plain("GET", "/nothing/here", ""), "unknown_operation"},
		{"ambiguous path", plain("GET", "/v2//x", ""), "ambiguous_path"},
		{"a claim of another caller", bad.text(t), "contradicting_identities"},
		{"a malformed Authorization", plain("GET", readTarget, "", "Authorization: Bearer x"), "unknown_scheme"},
		{"an unknown key", plain("GET", readTarget, "", "Authorization: SDK-HMAC-SHA256 Access=A, SignedHeaders=x-sdk-date, Signature="+strings.Repeat("0", 64)), "unknown_access_key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, func(f *fixture) {
				f.config.Refusals = audit.NewRefusals(f.log, audit.RefusalBounds{PerSource: 1, Sources: 1})
			})
			for range 4 {
				f.send(t, tt.request)
			}
			f.origin.none(t)
			refusals := f.log.of(logfile.KindRefusal)
			if len(refusals) != 4 {
				t.Errorf("%d refusals are recorded, want 4", len(refusals))
			}
			for _, r := range refusals {
				if r.Caller != localCaller || r.Reason != tt.reason {
					t.Errorf("refusal of %q for %q, want of %q for %q", r.Caller, r.Reason, localCaller, tt.reason)
				}
			}
		})
	}
}

// Unauthenticated peers get a few records, the rest is one summary; the answers do not show the difference.
func TestRefusalsOfUnauthenticatedPeersAreBounded(t *testing.T) {
	f := start(t, func(f *fixture) {
		f.config.Refusals = audit.NewRefusals(f.log, audit.RefusalBounds{PerSource: 3, Sources: 10})
	})
	for range 20 {
		f.send(t, look()).wantCode(t, "TG.2001")
	}
	f.origin.none(t)
	if n := len(f.log.of(logfile.KindRefusal)); n != 3 {
		t.Errorf("%d refusals are recorded, want 3", n)
	}
	f.config.Refusals.Close()
	summary := f.log.only(t, logfile.KindRefusals)
	if len(summary.Counts) != 1 || summary.Counts[0].Count != 17 || summary.Counts[0].Reason != "no_identity" {
		t.Errorf("summary %+v", summary.Counts)
	}
	if refused, _ := f.metrics.counts(); refused != 20 {
		t.Errorf("metrics counted %d refusals, want 20", refused)
	}
}

// A refusal never waits for the log.
func TestRefusalsDoNotWaitForTheLog(t *testing.T) {
	f := start(t, fixed)
	f.log.intent, f.log.outcome = hang, hang
	f.send(t, plain("GET", "/nothing", "")).wantCode(t, "TG.4001")
	if f.history.has("intent begun") || f.history.has("outcome begun") {
		t.Error("a refusal waited for fsync")
	}
}

// Grants for some customers only.
func TestCustomersOfAGrant(t *testing.T) {
	f := start(t, func(f *fixture) {
		f.plan.Grants = f.table(t, []grants.Grant{{
			Caller: partnerCaller, Upstream: "bss", Operations: []string{"CreatePartnerCoupons"},
			Credential: f.credentials["partner-main"].Name(), Customers: []setting.Account{"c-17", "c-18"},
		}})
	})
	o := catalog.Find("cn", "CreatePartnerCoupons")
	for i, tt := range []struct{ body, code string }{
		{`{"quota_id":"q","face_value":5,"customer_ids":["c-17"]}`, ""},
		{`{"quota_id":"q","customer_ids":["c-17","c-19"]}`, "TG.3004"},
		{`{"quota_id":"q"}`, "TG.3004"},
		{`{"quota_id":"q","customer_ids":["c-17"],"Customer_Ids":["c-19"]}`, "TG.1005"},
		{`{"quota_id":"q","customer_ids":["c-17"],"customer_ids":["c-19"]}`, "TG.1005"},
		{`{"quota_id":"q","customer_ids":["c-17"]} {}`, "TG.1005"},
		{`{"quota_id":"q","customer_ids":["c-17"]`, "TG.1005"},
	} {
		call := callOf(o, partnerCaller, partnerAccount)
		call.body, call.signHeader = tt.body, []string{fmt.Sprintf("X-Try: %d", i)}
		got := f.call(t, call)
		if got.code() != tt.code {
			t.Errorf("%s: answer %d %s, want %q", tt.body, got.status, got.body, tt.code)
		}
	}
	f.origin.only(t)
}

// What runs under the name of a granted credential must be that credential: otherwise nothing is signed.
func TestGrantedCredentialMustBeThere(t *testing.T) {
	other := func(change func(*credential.Facts)) adjustment {
		return func(f *fixture) {
			facts := *f.credentials["acme"].Facts()
			change(&facts)
			f.credentials["acme"] = signer(facts, func() (credential.Keys, error) {
				return credential.Keys{AccessKey: "AK-acme", SecretKey: secretOf("acme")}, nil
			})
		}
	}
	for name, wrong := range map[string]adjustment{
		"none":             func(f *fixture) { delete(f.credentials, "acme") },
		"another upstream": other(func(c *credential.Facts) { c.Upstream = "bss-intl" }),
		"another class":    other(func(c *credential.Facts) { c.Class = catalog.ClassPartner }),
		"another account":  other(func(c *credential.Facts) { c.DomainID = "c-18" }),
		"fewer kinds":      other(func(c *credential.Facts) { c.Kinds = nil }),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, func(f *fixture) { f.plan.Grants = f.table(t, usualGrants(f.credentials)) }, wrong)
			f.send(t, look()).wantCode(t, "TG.9001")
			f.origin.none(t)
		})
	}
}
