package rights_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/internal/setting"
	"tollgate/review/rights"
)

const text = `
listeners:
  - {name: central, address: "127.0.0.1:8443", upstreams: [bss, app]}
  - {name: reports, address: "127.0.0.1:8080", caller: reports, upstreams: [bss]}
upstreams:
  bss: {url: https://bss.myhuaweicloud.com, catalog: cn, deprecated: forbid}
  app:
    url: http://127.0.0.1:9000
    endpoints: [{name: Balance, method: GET, path: /balance, effect: read}, {name: Pay, method: POST, path: /pay, effect: spend}]
credentials:
  partner: {class: partner, domain_id: p-1, keys: {file: partner.json}}
  acme:    {class: customer, domain_id: c-17, keys: {file: acme.json}}
callers:
  reports:
    grants: [{operations: [effect:read], credential: partner}]
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {file: shop_sk}, not_after: 2026-12-05}}, {certificate: {uri: "spiffe://corp.example/shop"}}]
    grants:
      - {operations: ["*"], credential: acme, may_repeat: true}
      - {operations: [CreatePartnerCoupons], credential: partner, customers: [c-17, c-18]}
      - {operations: [Balance, Pay], upstream: app}
limits: {rules: [{name: all, per: [caller], rate: 50/s, burst: 100}, {name: shop, callers: [shop], rate: 1/s, burst: 1}]}
caps: [{name: shop-day, match: {callers: [shop]}, each: day, amount: {CNY: "20000", USD: "1"}}, {name: others, match: {callers: [reports]}, each: day, count: 5}]
audit: {dir: /var/lib/tollgate/audit}
`

func parsed(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Parse("tollgate.yaml", []byte(text), "/etc/tollgate", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, text string) *rights.Plan {
	t.Helper()
	p, err := rights.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRows holds that each operation that the gateway's own table allows is in the row, with its terms, and no other.
func TestRows(t *testing.T) {
	c := parsed(t)
	operations, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	table, problems := c.GrantTable(operations)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var want []string
	for _, u := range c.Upstreams {
		for _, o := range operations[u.Name] {
			for _, one := range c.Callers {
				for _, i := range table.Allowing(one.Name, u.Name, o.Name) {
					if g := c.Grants[i]; !o.Deprecated || u.Name == "app" {
						want = append(want, fmt.Sprint(one.Name, u.Name, o.Effect, o.Name, g.Credential, setting.Texts(g.Customers), g.MayRepeat))
					}
				}
			}
		}
	}
	var got []string
	p := read(t, string(snapshot.Of(c, nil)))
	for _, row := range p.Rows(p.Callers) {
		for _, cell := range row.Cells {
			for _, right := range cell.Rights {
				for _, o := range right.Operations {
					got = append(got, fmt.Sprint(row.Caller, right.Upstream, cell.Effect, o.Name, right.Credential, right.Customers, right.MayRepeat))
				}
			}
		}
		if len(row.Unknown) > 0 {
			t.Errorf("%s: unknown %q", row.Caller, row.Unknown)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(got) < 50 {
		t.Errorf("%d rights, want %d:\n%s\n\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestUnknownOperations holds that a plan of a program that knew other operations is shown, and that what is not known is named.
func TestUnknownOperations(t *testing.T) {
	changed := strings.Replace(string(snapshot.Of(parsed(t), nil)), `"CreatePartnerCoupons"`, `"CreatePartnerCoupons","MintMoney","SetResourcesRenewConfig"`, 1)
	changed = strings.Replace(changed, `"catalog":"`, `"catalog":"x`, 1)
	p := read(t, changed)
	row := p.Rows([]string{"shop"})[0]
	if p.SameCatalog || !slices.Contains(row.Unknown, "MintMoney") || row.Cells[2].Count() < 3 {
		t.Errorf("unknown %q, %d operations that spend", row.Unknown, row.Cells[2].Count())
	}
}

func TestCallerFacts(t *testing.T) {
	p := read(t, string(snapshot.Of(parsed(t), nil)))
	if !p.SameCatalog || !slices.Equal(p.Callers, []string{"reports", "shop"}) || !p.HasKey("shop") || p.HasKey("reports") {
		t.Errorf("%+v", p)
	}
	proofs := []rights.Proof{{Kind: "access_key", Text: "TGSHOP", NotAfter: "2026-12-05"}, {Kind: "uri", Text: "spiffe://corp.example/shop"}}
	if got := p.Proofs("shop"); !slices.Equal(got, proofs) {
		t.Errorf("proofs %+v", got)
	}
	if got := p.Proofs("reports"); !slices.Equal(got, []rights.Proof{{Kind: "listener", Text: "reports"}}) {
		t.Errorf("proofs %+v", got)
	}
	if l, c := p.Limits("shop"), p.Caps("shop"); len(l) != 2 || len(c) != 1 || !slices.Equal(c[0].Amounts(), []string{"CNY 20,000.00", "USD 1.00"}) {
		t.Errorf("limits %+v, caps %+v", l, c)
	}
	if l, c := p.Limits("reports"), p.Caps("reports"); len(l) != 1 || len(c) != 1 || c[0].Count != 5 {
		t.Errorf("limits %+v, caps %+v", l, c)
	}
}

func TestNoPlan(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"version":2}`, `{"version":-1}`, `{"version":1,"callers":[]}`} {
		if p, err := rights.Read([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

// FuzzRead holds that a text of a log is read or refused, and that rows are made of what is read: those of its callers.
func FuzzRead(f *testing.F) {
	c, err := config.Parse("tollgate.yaml", []byte(text), "/etc/tollgate", config.Options{})
	if err != nil {
		f.Fatal(err)
	}
	whole := snapshot.Of(c, nil)
	f.Add(whole)
	f.Add([]byte(`{"version":1,"callers":{"a":{"grants":[{"operations":["*","x"],"credential":"no"},{"upstream":"u"},{"operations":["effect:"]}]}},"upstreams":{"u":{"catalog":"cn"}}}`))
	f.Add([]byte(`{"version":1,"callers":{"a":{"auth":[{"token":{"sha256":"ab"}},{}],"grants":[{"operations":["E"],"credential":"c"}]}},"credentials":{"c":{"class":"?","kinds":["?"],"upstream":"u"}},"upstreams":{"u":{"endpoints":[{"name":"E","effect":"?"},{"name":"E"}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := rights.Read(text)
		if err != nil {
			return
		}
		rows := p.Rows(p.Callers)
		for i, row := range rows {
			if row.Caller != p.Callers[i] || len(row.Cells) != len(rights.Effects) {
				t.Errorf("row %d: %+v", i, row)
			}
			p.Proofs(row.Caller)
			p.Limits(row.Caller)
			p.Caps(row.Caller)
		}
		p.People()
	})
}
