package grants

import (
	"slices"
	"testing"

	"tollgate/bss"
	"tollgate/internal/setting"
)

// FuzzDecide: whatever a caller puts into Tollgate-Credential, a path's account and its customers, what signs is the
// credential that it named and was granted, for its own account and granted customers; a refusal does not repeat the name.
func FuzzDecide(f *testing.F) {
	fix := newFixture(f)
	coupons := []setting.Account{"c-1", "c-2"}
	p := fix.table(f,
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"orderPay"}, Credential: fix.acme.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"orderPay"}, Credential: fix.other.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CreatePartnerCoupons"}, Credential: fix.partner.Name, Customers: coupons},
	)
	accounts := map[string]string{"acme": "d-1", "other": "d-2"}
	f.Add("acme", "d-1", "c-1", "")
	f.Add("", "d-2", "c-3", "c-1")
	f.Add("Acme ", "", "", "")
	f.Add("partner-main", "p-1", "c-2", "c-9")
	f.Fuzz(func(t *testing.T, named, domain, customer, second string) {
		pay := call(t, "bss", "cn", "orderPay", map[string]string{"domain_id": domain}, bss.Accounts{})
		pay.Credential = named
		if d, err := p.Decide(pay); err == nil {
			if name := d.Credential.Name; named != "" && name != named || accounts[name] == "" || domain != "" && domain != accounts[name] {
				t.Errorf("named %q for the account %q: %s signs", named, domain, name)
			}
		} else if reasonOf(err) == CredentialNotGranted && slices.Contains([]string{"acme", "other"}, named) || reasonOf(err) == "" {
			t.Errorf("named %q: %v", named, err)
		}
		issue := call(t, "bss", "cn", "CreatePartnerCoupons", nil, bss.Accounts{Customers: []string{customer, second}})
		issue.Credential = named
		_, err := p.Decide(issue)
		want := slices.Contains(coupons, setting.Account(customer)) && slices.Contains(coupons, setting.Account(second)) && (named == "" || named == "partner-main")
		if (err == nil) != want {
			t.Errorf("named %q for %q and %q: %v", named, customer, second, err)
		}
	})
}
