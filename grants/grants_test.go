package grants

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// fixture is one signed and one unsigned upstream with three credentials.
type fixture struct {
	upstreams                  []Upstream
	more                       []*credential.Facts
	partner, distributor, acme *credential.Facts
	other                      *credential.Facts
}

func newFixture(t testing.TB) fixture {
	t.Helper()
	app, err := catalog.Declare(catalog.Declaration{Name: "Ledger", Method: "*", Path: "/app/{path...}", Effect: catalog.Write})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{
		upstreams: []Upstream{
			{Name: "bss", Operations: catalog.Operations("cn"), Signed: true},
			{Name: "strict", Operations: catalog.Operations("intl"), Signed: true, ForbidDeprecated: true},
			{Name: "app", Operations: []*catalog.Operation{app}},
		},
		partner:     newCredential("partner-main", "bss", catalog.ClassPartner, "p-1"),
		distributor: newCredential("top", "bss", catalog.ClassPartner, "p-9", catalog.KindDistributor),
		acme:        newCredential("acme", "bss", catalog.ClassCustomer, "d-1"),
		other:       newCredential("other", "bss", catalog.ClassCustomer, "d-2"),
	}
}

func newCredential(name, upstream string, class catalog.Class, domain setting.Account, kinds ...catalog.Kind) *credential.Facts {
	return &credential.Facts{Name: name, Upstream: upstream, Class: class, DomainID: domain, Kinds: kinds}
}

func (f fixture) credentials() []*credential.Facts {
	return append([]*credential.Facts{f.partner, f.distributor, f.acme, f.other}, f.more...)
}

func (f fixture) table(t testing.TB, grants ...Grant) *Table {
	t.Helper()
	p, problems := New(f.upstreams, f.credentials(), grants)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func call(t *testing.T, upstream, site, operation string, params map[string]string, accounts bss.Accounts) *Call {
	t.Helper()
	op := catalog.Find(site, operation)
	if op == nil {
		t.Fatalf("no operation %s", operation)
	}
	return &Call{Caller: "app", Upstream: upstream, Operation: op, Param: func(name string) string { return params[name] }, Accounts: accounts}
}

func reasonOf(err error) Reason {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return ""
}

// TestProblems: what can never be honoured is found when the table is made.
func TestProblems(t *testing.T) {
	f := newFixture(t)
	noAccount := newCredential("bare", "bss", catalog.ClassCustomer, "")
	f.more = append(f.more, noAccount)
	for name, c := range map[string]struct {
		grant   Grant
		message string
	}{
		"wrong class named":   {Grant{Upstream: "bss", Operations: []string{"PayOrders"}, Credential: f.partner.Name}, "customer credentials only"},
		"wrong kind named":    {Grant{Upstream: "bss", Operations: []string{"ListIndirectPartners"}, Credential: f.partner.Name}, "distributor"},
		"unknown name":        {Grant{Upstream: "bss", Operations: []string{"PayOrder"}, Credential: f.acme.Name}, "no operation \"PayOrder\""},
		"unknown pattern":     {Grant{Upstream: "bss", Operations: []string{"efect:read"}, Credential: f.acme.Name}, "unknown pattern"},
		"unknown effect":      {Grant{Upstream: "bss", Operations: []string{"effect:reed"}, Credential: f.acme.Name}, "reed"},
		"unknown site":        {Grant{Upstream: "bss", Operations: []string{"site:eu"}, Credential: f.acme.Name}, "unknown site"},
		"empty pattern":       {Grant{Upstream: "bss", Operations: []string{"site:intl"}, Credential: f.acme.Name}, "covers no operation"},
		"unknown class":       {Grant{Upstream: "bss", Operations: []string{"oldResourceDaily"}, Credential: f.acme.Name}, "class_confirmed"},
		"account missing":     {Grant{Upstream: "bss", Operations: []string{"orderPay"}, Credential: noAccount.Name}, "has no domain_id"},
		"no customers named":  {Grant{Upstream: "bss", Operations: []string{"ReclaimPartnerCoupons"}, Credential: f.partner.Name, Customers: []setting.Account{"c-1"}}, "names no customer"},
		"no credential":       {Grant{Upstream: "bss", Operations: []string{"PayOrders"}}, "needs a credential"},
		"credential unneeded": {Grant{Upstream: "app", Operations: []string{"Ledger"}, Credential: f.acme.Name}, "takes no credential"},
		"foreign credential":  {Grant{Upstream: "strict", Operations: []string{"PayOrders"}, Credential: f.acme.Name}, "belongs to upstream bss"},
		"unknown credential":  {Grant{Upstream: "bss", Operations: []string{"PayOrders"}, Credential: "acm"}, "unknown credential"},
		"unknown upstream":    {Grant{Upstream: "bs", Operations: []string{"PayOrders"}, Credential: f.acme.Name}, "unknown upstream"},
		"nothing":             {Grant{Upstream: "bss", Credential: f.acme.Name}, "names no operations"},
	} {
		p, problems := New(f.upstreams, f.credentials(), []Grant{c.grant})
		if p != nil || len(problems) != 1 || !strings.Contains(problems[0].Message, c.message) {
			t.Errorf("%s: table %v, problems %v, want one with %q", name, p != nil, problems, c.message)
		}
	}
	_, problems := New(f.upstreams, f.credentials(), []Grant{{Upstream: "bss", Operations: []string{"PayOrder"}, Credential: f.acme.Name}})
	if !slices.Contains(problems[0].Nearest, "PayOrders") {
		t.Errorf("nearest names %v", problems[0].Nearest)
	}
}

// TestPatternsCoverOnlyTheClass: a pattern never lets a credential sign for the other class.
func TestPatternsCoverOnlyTheClass(t *testing.T) {
	f := newFixture(t)
	p := f.table(t, Grant{Caller: "app", Upstream: "bss", Operations: []string{"*"}, Credential: f.partner.Name})
	for _, operation := range catalog.Operations("cn") {
		decision, err := p.Decide(&Call{Caller: "app", Upstream: "bss", Operation: operation,
			Param: func(name string) string {
				if strings.Contains(operation.Path, "{"+name+"}") {
					return "p-1"
				}
				return ""
			}})
		may := (operation.Class == catalog.ClassPartner || operation.Class == catalog.ClassEither) && operation.Kind == catalog.KindAny
		if allowed := err == nil; allowed != may {
			t.Errorf("%s (%s %s): allowed %v, %v", operation.Name, operation.Class, operation.Kind, allowed, err)
		}
		if err == nil && decision.Credential != f.partner {
			t.Errorf("%s: credential %v", operation.Name, decision.Credential)
		}
	}
	coverage := p.Coverage()[0]
	if coverage.Covers == 0 || coverage.LeftOut == 0 || coverage.Covers+coverage.LeftOut != len(catalog.Operations("cn")) {
		t.Errorf("coverage %+v", coverage)
	}
}

func TestDecide(t *testing.T) {
	f := newFixture(t)
	p := f.table(t,
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"effect:read", "CreatePartnerCoupons"}, Credential: f.partner.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"PayOrders", "orderPay", "ListCustomerOrders"}, Credential: f.acme.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"PayOrders"}, Credential: f.acme.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"oldResourceDaily"}, Credential: f.acme.Name, ClassConfirmed: true},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CancelCustomerOrder", "orderActions"}, Credential: f.acme.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CancelCustomerOrder", "orderActions"}, Credential: f.other.Name},
		Grant{Caller: "else", Upstream: "bss", Operations: []string{"RenewalResources"}, Credential: f.acme.Name},
	)
	domain := func(id string) map[string]string { return map[string]string{"domain_id": id} }
	for _, c := range []struct {
		operation string
		params    map[string]string
		named     string
		want      Reason
		signs     *credential.Facts
	}{
		{operation: "PayOrders", signs: f.acme},
		{operation: "ListSubCustomers", signs: f.partner},
		{operation: "RenewalResources", want: NoGrant},
		{operation: "ListFreeResourceInfos", want: WrongClass},
		{operation: "ListIndirectPartners", want: WrongClass},
		{operation: "orderPay", params: domain("d-1"), signs: f.acme},
		{operation: "orderPay", params: domain("d-2"), want: WrongAccount},
		{operation: "oldResourceDaily", params: domain("d-1"), signs: f.acme},
		{operation: "CancelCustomerOrder", want: AmbiguousCredential},
		{operation: "CancelCustomerOrder", named: "other", signs: f.other},
		{operation: "CancelCustomerOrder", named: "partner-main", want: CredentialNotGranted},
		{operation: "orderActions", params: domain("d-2"), signs: f.other},
		{operation: "ListCustomerOrders", want: AmbiguousCredential},
		{operation: "ListCustomerOrders", named: "acme", signs: f.acme},
	} {
		asked := call(t, "bss", "cn", c.operation, c.params, bss.Accounts{})
		asked.Credential = c.named
		decision, err := p.Decide(asked)
		if reasonOf(err) != c.want || decision.Credential != c.signs {
			t.Errorf("%s %v %q: %v, %v; want reason %q", c.operation, c.params, c.named, decision.Credential, err, c.want)
		}
	}
	var refusal *Refusal
	_, err := p.Decide(call(t, "bss", "cn", "CancelCustomerOrder", nil, bss.Accounts{}))
	if !errors.As(err, &refusal) || !slices.Equal(refusal.Choices, []string{"acme", "other"}) {
		t.Errorf("choices %+v", refusal)
	}
}

func TestCustomers(t *testing.T) {
	f := newFixture(t)
	p := f.table(t,
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CreatePartnerCoupons", "ListSubCustomerBillDetail"}, Credential: f.partner.Name, Customers: []setting.Account{"c-1", "c-2", "r-1"}},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"UpdateIndirectPartnerAccount"}, Credential: f.distributor.Name, Customers: []setting.Account{"r-1"}},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"ReclaimToPartnerAccount"}, Credential: f.partner.Name, Customers: []setting.Account{}},
	)
	for _, c := range []struct {
		operation string
		accounts  bss.Accounts
		allowed   bool
	}{
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1"}}, true},
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1", "c-2"}}, true},
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1", "c-3"}}, false},
		{"CreatePartnerCoupons", bss.Accounts{}, false},
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1"}, Ambiguous: words.Plain("twice")}, false},
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1"}, Partners: []string{"r-1"}}, true},
		{"CreatePartnerCoupons", bss.Accounts{Customers: []string{"c-1"}, Partners: []string{"r-2"}}, false},
		{"CreatePartnerCoupons", bss.Accounts{Partners: []string{"r-1"}}, false},
		{"ListSubCustomerBillDetail", bss.Accounts{Partners: []string{"r-1"}}, false},
		{"UpdateIndirectPartnerAccount", bss.Accounts{Partners: []string{"r-1"}}, true},
		{"UpdateIndirectPartnerAccount", bss.Accounts{Partners: []string{"r-2"}}, false},
		{"UpdateIndirectPartnerAccount", bss.Accounts{}, false},
		{"ReclaimToPartnerAccount", bss.Accounts{Customers: []string{"c-1"}}, false}, // an empty list
	} {
		_, err := p.Decide(call(t, "bss", "cn", c.operation, nil, c.accounts))
		if allowed := err == nil; allowed != c.allowed || (err != nil && reasonOf(err) != CustomerNotGranted) {
			t.Errorf("%s %+v: allowed %v, %v", c.operation, c.accounts, allowed, err)
		}
	}
}

// TestCustomerInThePath: with a partner's key {domain_id} of queryOrderDetail is a customer's, which the grant may restrict; with a
// customer's key, and in every other path, it is the account of the credential.
func TestCustomerInThePath(t *testing.T) {
	f := newFixture(t)
	bare := newCredential("bare", "bss", catalog.ClassPartner, "")
	f.more = append(f.more, bare)
	order := []string{"queryOrderDetail"}
	for _, c := range []struct {
		name      string
		grant     Grant
		operation string
		domain    string
		want      Reason
	}{
		{"customer's own", Grant{Operations: order, Credential: f.acme.Name}, "queryOrderDetail", "d-1", ""},
		{"another's, with a customer's key", Grant{Operations: order, Credential: f.acme.Name}, "queryOrderDetail", "d-2", WrongAccount},
		{"partner, any", Grant{Operations: order, Credential: f.partner.Name}, "queryOrderDetail", "c-7", ""},
		{"partner without an account", Grant{Operations: order, Credential: bare.Name}, "queryOrderDetail", "c-7", ""},
		{"partner, listed", Grant{Operations: order, Credential: f.partner.Name, Customers: []setting.Account{"c-1"}}, "queryOrderDetail", "c-1", ""},
		{"partner, not listed", Grant{Operations: order, Credential: f.partner.Name, Customers: []setting.Account{"c-1"}}, "queryOrderDetail", "c-7", CustomerNotGranted},
		{"partner itself, not listed", Grant{Operations: order, Credential: f.partner.Name, Customers: []setting.Account{"c-1"}}, "queryOrderDetail", "p-1", CustomerNotGranted},
		{"partner, an empty list", Grant{Operations: order, Credential: f.partner.Name, Customers: []setting.Account{}}, "queryOrderDetail", "c-1", CustomerNotGranted},
		{"partner, by pattern", Grant{Operations: []string{"effect:read"}, Credential: f.partner.Name, Customers: []setting.Account{"c-1"}}, "queryOrderDetail", "c-1", ""},
		{"customer, not listed", Grant{Operations: order, Credential: f.acme.Name, Customers: []setting.Account{"c-1"}}, "queryOrderDetail", "d-1", CustomerNotGranted},
		{"another v1 read of partners", Grant{Operations: []string{"queryRefundOrder"}, Credential: f.partner.Name}, "queryRefundOrder", "c-7", WrongAccount},
	} {
		c.grant.Caller, c.grant.Upstream = "app", "bss"
		p := f.table(t, c.grant)
		params := map[string]string{"domain_id": c.domain, "order_id": "CS-1"}
		asked := call(t, "bss", "cn", c.operation, params, bss.Accounts{})
		read, err := bss.ReadRequest(asked.Operation, asked.Param, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		asked.Accounts = read.Accounts
		decision, err := p.Decide(asked)
		if reasonOf(err) != c.want || (err == nil && decision.Credential.Name != c.grant.Credential) {
			t.Errorf("%s: %v, %v; want reason %q", c.name, decision.Credential, err, c.want)
		}
	}
}

// TestNamedAccount: a credential of the account that is named is taken, or its refusal is the call's, in whatever order they stand.
func TestNamedAccount(t *testing.T) {
	f := newFixture(t)
	bare := newCredential("bare", "bss", catalog.ClassPartner, "")
	twin := newCredential("twin", "bss", catalog.ClassPartner, "p-1")
	f.more = append(f.more, bare, twin)
	const coupons = "CreatePartnerCoupons"
	grant := func(c *credential.Facts, customers ...setting.Account) Grant {
		return Grant{Caller: "app", Upstream: "bss", Operations: []string{coupons}, Credential: c.Name, Customers: customers}
	}
	for _, c := range []struct {
		name    string
		grants  []Grant
		account string
		reason  Reason
		want    *credential.Facts
	}{
		{"refused, another of an unknown account", []Grant{grant(f.partner, "c-1"), grant(bare)}, "p-1", CustomerNotGranted, nil},
		{"refused, another of another account", []Grant{grant(f.distributor), grant(f.partner, "c-1")}, "p-1", CustomerNotGranted, nil},
		{"refused, its twin is not", []Grant{grant(bare), grant(f.partner, "c-1"), grant(twin)}, "p-1", "", twin},
		{"both of the account", []Grant{grant(bare), grant(f.partner), grant(twin)}, "p-1", AmbiguousCredential, nil},
		{"of none", []Grant{grant(f.partner), grant(f.distributor)}, "p-2", WrongAccount, nil},
		{"of none that is known, refused", []Grant{grant(f.partner, "c-1"), grant(bare)}, "p-2", "", bare},
		{"none named", []Grant{grant(f.partner, "c-1"), grant(bare)}, "", "", bare},
	} {
		for range 2 {
			asked := call(t, "bss", "cn", coupons, nil, bss.Accounts{Customers: []string{"c-2"}})
			asked.Account = c.account
			decision, err := f.table(t, c.grants...).Decide(asked)
			if reasonOf(err) != c.reason || decision.Credential != c.want {
				t.Errorf("%s: %v, %v; want %v, %q", c.name, decision.Credential, err, c.want, c.reason)
			}
			if refusal, ok := errors.AsType[*Refusal](err); ok && slices.Contains(refusal.Choices, "bare") {
				t.Errorf("%s: choices %q", c.name, refusal.Choices)
			}
			slices.Reverse(c.grants)
		}
	}
}

func TestCovers(t *testing.T) {
	f := newFixture(t)
	p := f.table(t, Grant{Caller: "app", Upstream: "bss", Operations: []string{"effect:spend"}, Credential: f.acme.Name})
	for name, want := range map[string]bool{"PayOrders": true, "CreatePartnerCoupons": false, "ListCustomerOrders": false} {
		if p.Covers("bss", name) != want || p.Covers("strict", name) {
			t.Errorf("%s: want %v on bss only", name, want)
		}
	}
}

func TestDeprecatedForbidden(t *testing.T) {
	f := newFixture(t)
	intl := newCredential("intl", "strict", catalog.ClassCustomer, "d-7")
	f.more = append(f.more, intl)
	p := f.table(t, Grant{Caller: "app", Upstream: "strict", Operations: []string{"orderPay", "PayOrders"}, Credential: intl.Name})
	_, err := p.Decide(call(t, "strict", "intl", "orderPay", map[string]string{"domain_id": "d-7"}, bss.Accounts{}))
	if reasonOf(err) != DeprecatedForbidden || !strings.Contains(err.Error(), "use PayOrders") {
		t.Errorf("deprecated operation: %v", err)
	}
	if _, err := p.Decide(call(t, "strict", "intl", "PayOrders", nil, bss.Accounts{})); err != nil {
		t.Error(err)
	}
}

func TestUnsignedUpstream(t *testing.T) {
	f := newFixture(t)
	p := f.table(t, Grant{Caller: "app", Upstream: "app", Operations: []string{"effect:write"}})
	decision, err := p.Decide(&Call{Caller: "app", Upstream: "app", Operation: f.upstreams[2].Operations[0], Param: func(string) string { return "" }})
	if err != nil || decision.Credential != nil {
		t.Errorf("%+v, %v", decision, err)
	}
	_, err = p.Decide(&Call{Caller: "unknown", Upstream: "app", Operation: f.upstreams[2].Operations[0], Param: func(string) string { return "" }})
	if reasonOf(err) != NoGrant {
		t.Errorf("an unknown caller: %v", err)
	}
}

func BenchmarkDecide(b *testing.B) {
	// One caller with a pattern and a named grant: index lookup, class check, no accounts.
	c := newCredential("acme", "bss", catalog.ClassCustomer, "d")
	p, problems := New([]Upstream{{Name: "bss", Operations: catalog.Operations("cn"), Signed: true}}, []*credential.Facts{c},
		[]Grant{{Caller: "app", Upstream: "bss", Operations: []string{"effect:read", "PayOrders"}, Credential: c.Name}})
	if problems != nil {
		b.Fatal(problems)
	}
	asked := &Call{Caller: "app", Upstream: "bss", Operation: catalog.Find("cn", "PayOrders"), Param: func(string) string { return "" }}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Decide(asked); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMayRepeat: acts may be repeated where a grant says so that allows the call with the credential that signs it, and nowhere else.
func TestMayRepeat(t *testing.T) {
	f := newFixture(t)
	p := f.table(t,
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"PayOrders"}, Credential: f.acme.Name},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"PayOrders"}, Credential: f.other.Name, MayRepeat: true},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CreatePartnerCoupons"}, Credential: f.partner.Name, Customers: []setting.Account{"c-1", "c-2"}},
		Grant{Caller: "app", Upstream: "bss", Operations: []string{"CreatePartnerCoupons"}, Credential: f.partner.Name, Customers: []setting.Account{"c-2"}, MayRepeat: true},
		Grant{Caller: "else", Upstream: "bss", Operations: []string{"*"}, Credential: f.partner.Name, MayRepeat: true},
	)
	for _, c := range []struct {
		operation, credential, customer string
		want                            bool
	}{
		{"PayOrders", "acme", "", false},
		{"PayOrders", "other", "", true},
		{"CreatePartnerCoupons", "", "c-1", false},
		{"CreatePartnerCoupons", "", "c-2", true},
	} {
		asked := call(t, "bss", "cn", c.operation, nil, bss.Accounts{})
		asked.Credential = c.credential
		if c.customer != "" {
			asked.Accounts.Customers = []string{c.customer}
		}
		decision, err := p.Decide(asked)
		if err != nil || decision.MayRepeat != c.want {
			t.Errorf("%s %s %s: %+v, %v; want may repeat %v", c.operation, c.credential, c.customer, decision, err, c.want)
		}
	}
}
