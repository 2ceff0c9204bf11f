package demo

import (
	"fmt"
	"io"

	"tollgate/internal/sdkconfig"
	"tollgate/internal/text"
)

// showLines prints what a visitor can paste into another terminal, and a program with the provider's SDK.
func showLines(d *world, command string, out io.Writer) error {
	v := d.values
	program, err := sdkconfig.Lines("go", sdkconfig.Settings{
		Caller: "shop", Endpoint: "https://" + v.HTTPS, TLS: true, CA: d.file("ca.pem"), AccessKey: shopKey, SecretIn: d.file("shop.sk"),
		SecretFile: d.file("shop.sk"), DomainID: v.Customer.DomainID, Site: "cn", Operation: "ShowCustomerAccountBalances",
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
The gateway stays up until Ctrl-C. Paste into another terminal, in this folder:

  # as the caller "report", over the loopback port; no keys needed
  curl -s http://%[1]s/v2/systems/configs/provinces
  json='Content-Type: application/json'
  curl -s http://%[1]s/v2/partners/sub-customers/query -H "$json" -d '{"limit":10}'
  # refused, since "report" has no grant for it
  curl -s http://%[1]s/v3/orders/customer-orders/pay -H "$json" -d '{"order_id":"CS-2001"}'

  # the audit log: verified, listed, summed up
  export TOLLGATE_AUDIT_DIR=%[3]s
  %[5]s audit verify
  %[5]s audit list --effect spend
  %[5]s audit report --by operation

  # readiness, metrics, the lines of the log, the configuration
  curl -s http://%[2]s/readyz
  curl -s http://%[2]s/metrics | grep tollgate_
  less %[3]s/*.jsonl
  cat %[4]s

The provider's Go SDK, unmodified, as the caller "shop". Endpoint and keys are all that changes:

%[6]s`, v.Plain, v.Admin, text.ShellWord(d.file("audit")), text.ShellWord(d.file("tollgate.yaml")), command, program)
	return err
}
