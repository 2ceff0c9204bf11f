package reviewtest

import (
	"strings"

	"tollgate/config"
)

// parsed reads a configuration. What it refers to is not read.
func parsed(text string) *config.Config {
	return must(config.Parse("tollgate.yaml", []byte(text), "/etc/tollgate", config.Options{}))
}

// The configuration that is in force first; the ones after it are made of it.
const firstPlan = `
listeners:
  - name: central
    address: :8443
    hosts: [gateway.corp.example]
    upstreams: [bss, bss-intl]
    tls:
      policy: huawei-high
      certificate: {files: {cert: tls/tls.crt, key: tls/tls.key}}
      client_ca: tls/clients.pem
      client_certificate: optional
  - {name: reports, address: "127.0.0.1:8080", caller: reports, upstreams: [bss, bss-intl]}
upstreams:
  bss: {url: https://bss.myhuaweicloud.com, catalog: cn}
  bss-intl: {url: https://bss-intl.myhuaweicloud.com, catalog: intl, hosts: [intl.gateway.corp.example]}
credentials:
  partner-cn:   {class: partner, upstream: bss, domain_id: 0123456789abcdef0123456789abcdef, keys: {file: secrets/partner_cn.json}}
  partner-intl: {class: partner, upstream: bss-intl, domain_id: 00112233445566778899aabbccddeeff, keys: {file: secrets/partner_intl.json}}
  acme:         {class: customer, upstream: bss, domain_id: fedcba9876543210fedcba9876543210, keys: {file: secrets/acme.json}}
  globex:       {class: customer, upstream: bss-intl, domain_id: 8899aabbccddeeff0011223344556677, keys: {file: secrets/globex.json}}
callers:
  reports:
    grants:
      - {operations: [effect:read], credential: partner-cn}
      - {operations: [effect:read], credential: partner-intl}
  shop:
    auth:
      - access_key: {id: TGSHOP, secret: {file: secrets/shop_sk}, not_after: 2026-12-05}
    grants:
      - {operations: [effect:read, PayOrders, CancelResourcesSubscription, CancelCustomerOrder], credential: acme}
  billing-app:
    auth:
      - certificate: {uri: "spiffe://corp.example/billing-app"}
    grants:
      - {operations: [effect:read, PayOrders, RenewalResources, SetResourcesRenewConfig, orderPay], credential: acme}
      - {operations: [effect:read, PayOrders], credential: globex}
limits:
  rules:
    - {name: per-caller, per: [caller], rate: 50/s, burst: 100}
    - {name: payments, per: [caller], operations: [PayOrders], rate: 30/min, burst: 10, mode: shadow}
caps:
  - {name: shop-day, match: {callers: [shop]}, each: day, amount: {CNY: "20000"}}
  - {name: billing-month, match: {callers: [billing-app]}, each: month, amount: {CNY: "400000", USD: "60000"}}
audit: {dir: /var/lib/tollgate/audit, keep: 400d}
`

// replaced returns a configuration with some of its texts replaced: pairs of old and new.
func replaced(plan string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.Count(plan, pairs[i]) != 1 {
			panic("not once in the plan: " + pairs[i])
		}
		plan = strings.Replace(plan, pairs[i], pairs[i+1], 1)
	}
	return plan
}

// In the second, billing-app may give coupons and funds to customers of the partner, within a cap of its own; nothing but reads is
// deprecated any more.
var secondPlan = replaced(firstPlan,
	"SetResourcesRenewConfig, orderPay], credential: acme}", `SetResourcesRenewConfig], credential: acme}
      - {operations: [CreatePartnerCoupons, UpdateCustomerAccountAmount, ReclaimToPartnerAccount], credential: partner-cn, customers: [`+strings.Join(customers[:4], ", ")+`]}`,
	`audit: {dir`, `  - {name: coupons-day, match: {callers: [billing-app], operations: [CreatePartnerCoupons]}, per: customer, each: day, amount: {CNY: "1000"}, units: [coupon]}
audit: {dir`,
)

// In the third, shop may pay with globex's key too, and the limit of payments is enforced.
var thirdPlan = replaced(secondPlan,
	"CancelCustomerOrder], credential: acme}", `CancelCustomerOrder], credential: acme}
      - {operations: [PayOrders], credential: globex}`,
	", mode: shadow}", "}",
	`each: day, amount: {CNY: "20000"}}`, `each: day, amount: {CNY: "20000", USD: "3000"}}`,
)
