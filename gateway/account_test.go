package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/setting"
)

// withAccounts grants the local caller credentials of these accounts; an empty one is not configured.
func withAccounts(t *testing.T, accounts ...string) adjustment {
	return func(f *fixture) {
		fixed(f)
		var given []grants.Grant
		for i, account := range accounts {
			name := "c" + string(rune('0'+i))
			c := signer(credential.Facts{Name: name, Upstream: "bss", Class: catalog.ClassCustomer, DomainID: setting.Account(account)}, func() (credential.Keys, error) {
				return credential.Keys{AccessKey: upstreamKeyOf(name), SecretKey: secretOf("acme")}, nil
			})
			f.credentials[name] = c
			given = append(given, grants.Grant{Caller: localCaller, Upstream: "bss", Operations: []string{"*"}, Credential: c.Name()})
		}
		f.plan.Grants = f.table(t, given)
	}
}

// The account that a caller names is the one whose money moves, or the call is refused. Where nothing is known of the credential's
// account, the name is on record.
func TestNamedAccount(t *testing.T) {
	for _, tt := range []struct {
		what     string
		accounts []string
		header   []string
		code     string // of the refusal
		key      string // whose key signs
		recorded bool
	}{
		{"another account", []string{"c-17"}, []string{"X-Domain-Id: c-18"}, "TG.3003", "", true},
		{"the account", []string{"c-17"}, []string{"X-Domain-Id: c-17"}, "", "c0", false},
		{"nothing known", []string{""}, []string{"X-Domain-Id: c-18"}, "", "c0", true},
		{"nothing named", []string{"c-17"}, nil, "", "c0", false},
		{"an empty name", []string{"c-17"}, []string{"X-Domain-Id:"}, "", "c0", false},
		{"chooses", []string{"c-17", "c-18"}, []string{"X-Domain-Id: c-18"}, "", "c1", false},
		{"chooses the first", []string{"c-18", ""}, []string{"X-Domain-Id: c-18"}, "", "c0", false},
		{"chooses the known one", []string{"", "c-18"}, []string{"X-Domain-Id: c-18"}, "", "c1", false},
		{"chooses among two of it", []string{"c-18", "c-17", "c-18"}, []string{"X-Domain-Id: c-18"}, "TG.3006", "", true},
		{"does not choose by what it is not", []string{"c-17", ""}, []string{"X-Domain-Id: c-18"}, "TG.3006", "", true},
		{"of none", []string{"c-17", "c-18"}, []string{"X-Domain-Id: c-19"}, "TG.3003", "", true},
		{"with the credential", []string{"c-17", "c-18"}, []string{"X-Domain-Id: c-18", "Tollgate-Credential: c1"}, "", "c1", false},
		{"against the credential", []string{"c-17", "c-18"}, []string{"X-Domain-Id: c-18", "Tollgate-Credential: c0"}, "TG.3003", "", true},
		{"with a credential of an unknown account", []string{"", "c-18"}, []string{"X-Domain-Id: c-18", "Tollgate-Credential: c0"}, "", "c0", true},
		{"twice", []string{"c-17"}, []string{"X-Domain-Id: c-17", "X-Domain-Id: c-17"}, "TG.1001", "", false},
		{"no account id", []string{""}, []string{"X-Domain-Id: c 17"}, "TG.1001", "", false},
		{"too long", []string{""}, []string{"X-Domain-Id: " + strings.Repeat("a", 65)}, "TG.1001", "", false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := start(t, withAccounts(t, tt.accounts...))
			got := f.send(t, plain("POST", payTarget, payBody, tt.header...))
			if got.code() != tt.code {
				t.Fatalf("answer %d %s, want %q", got.status, got.body, tt.code)
			}
			kind := logfile.KindIntent
			if tt.code != "" {
				kind = logfile.KindRefusal
				f.origin.none(t)
			} else if a := f.origin.only(t); a.upstreamAccessKey(t) != upstreamKeyOf(tt.key) {
				t.Errorf("upstream got %q", a)
			}
			fields := f.log.only(t, kind).Fields
			if has := slices.ContainsFunc(fields, func(f logfile.Field) bool { return f.Name == "X-Domain-Id" }); has != tt.recorded {
				t.Errorf("fields %+v", fields)
			}
		})
	}
}

// A call that is meant for one account is not made with another credential because the grant of that account's refuses it.
func TestNamedAccountWhoseCredentialRefuses(t *testing.T) {
	for header, code := range map[string]string{
		"X-Domain-Id: c-17": "TG.3004", "X-Domain-Id: c-17\r\nTollgate-Credential: bare": "", "X-Domain-Id: c-18": "", "X-Other: c-17": "",
	} {
		f := start(t, fixed, func(f *fixture) {
			grant := func(name string, domain setting.Account, customers []setting.Account) grants.Grant {
				c := signer(credential.Facts{Name: name, Upstream: "bss", Class: catalog.ClassPartner, DomainID: domain}, func() (credential.Keys, error) {
					return credential.Keys{AccessKey: upstreamKeyOf(name), SecretKey: secretOf("acme")}, nil
				})
				f.credentials[name] = c
				return grants.Grant{
					Caller: localCaller, Upstream: "bss", Operations: []string{"ListCustomerOnDemandResources"}, Credential: c.Name(), Customers: customers,
				}
			}
			f.plan.Grants = f.table(t, []grants.Grant{grant("c17", "c-17", []setting.Account{"k-1"}), grant("bare", "", nil)})
		})
		got := f.send(t, plain("POST", "/v2/partners/sub-customers/on-demand-resources/query", `{"customer_id":"k-2"}`, header))
		if got.code() != code {
			t.Errorf("%q: answer %d %s, want %q", header, got.status, got.body, code)
		}
		if code != "" {
			f.origin.none(t)
		} else if a := f.origin.only(t); a.upstreamAccessKey(t) != upstreamKeyOf("bare") {
			t.Errorf("%q: upstream got %q", header, a)
		}
	}
}

// What chooses the account must be signed where a signature says who calls.
func TestNamedAccountMustBeSigned(t *testing.T) {
	const name = "X-Domain-Id: " + customerAccount
	choice := signed{caller: bothCaller, method: "GET", target: "/v2/orders/customer-orders", signHeader: []string{name}}
	taken, added := start(t), start(t)
	if got := taken.call(t, choice); got.status != 200 {
		t.Fatalf("signed: answer %d %s", got.status, got.body)
	}
	if a := taken.origin.only(t); a.upstreamAccessKey(t) != upstreamKeyOf("acme") {
		t.Errorf("upstream got %q", a)
	}
	choice.signHeader, choice.header = nil, []string{name}
	added.call(t, choice).wantCode(t, "TG.2006")
	added.origin.none(t)
}
