package demo

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// world is the world of a demo: a throw-away CA, a simulator with HTTPS, and a configuration for a gateway in front.
type world struct {
	dir       string
	ca        *testpki.CA
	simulator *bsssim.Server
	server    *http.Server
	values    values
}

// values fill in the configuration.
type values struct {
	Upstream, HTTPS, Plain, Admin  string // addresses
	Partner, Distributor, Customer bsssim.Account
}

// The virtual keys of the demo's callers. They are good for the demo's gateway only.
const (
	shopKey    = "TGDEMOSHOP"
	shopSecret = "demo-shop-secret-for-loopback"
)

func newWorld() (*world, error) {
	dir, err := makeFolder()
	if err != nil {
		return nil, err
	}
	d := &world{dir: dir, simulator: bsssim.New(bsssim.Config{})}
	if err := d.prepare(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// makeFolder makes the demo's folder: among the temporary files, or where there can be none in the user's cache, or here.
func makeFolder() (string, error) {
	places := []func() (string, error){
		func() (string, error) { return os.TempDir(), nil },
		func() (string, error) {
			cache, err := os.UserCacheDir()
			if err != nil {
				return "", err
			}
			return cache, os.MkdirAll(cache, 0o700)
		},
		os.Getwd,
	}
	var failed []error
	for _, place := range places {
		parent, err := place()
		if err == nil {
			var dir string
			if dir, err = os.MkdirTemp(parent, "tollgate-demo-"); err == nil {
				return filepath.Abs(dir)
			}
		}
		failed = append(failed, err)
	}
	return "", fmt.Errorf("there is no place for the demo's files: %w", errors.Join(failed...))
}

func (d *world) prepare() error {
	var err error
	if d.ca, err = testpki.New(); err != nil {
		return err
	}
	if err := d.writeFiles(); err != nil {
		return err
	}
	if err := d.startSimulator(); err != nil {
		return err
	}
	for _, address := range []*string{&d.values.HTTPS, &d.values.Plain, &d.values.Admin} {
		if *address, err = freeAddress(); err != nil {
			return err
		}
	}
	for _, a := range bsssim.DefaultAccounts() {
		switch a.DomainID {
		case "p-1":
			d.values.Partner = a
		case "p-9":
			d.values.Distributor = a
		case "c-17":
			d.values.Customer = a
		}
	}
	return nil
}

func (d *world) file(name string) string { return filepath.Join(d.dir, name) }

// writeFiles writes what the configuration names, and the secret that an application of the shop would have.
func (d *world) writeFiles() error {
	gateway, err := d.ca.Server("localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	if err := testpki.WriteFiles(gateway, d.file("gateway.crt"), d.file("gateway.key")); err != nil {
		return err
	}
	if err := os.WriteFile(d.file("shop.sk"), []byte(shopSecret+"\n"), 0o600); err != nil {
		return err
	}
	return d.ca.WriteFile(d.file("ca.pem"))
}

func (d *world) startSimulator() error {
	certificate, err := d.ca.Server("127.0.0.1")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.values.Upstream = listener.Addr().String()
	d.server = bsssim.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), d.simulator)
	return nil
}

// freeAddress finds a loopback port that is free now. The configuration needs numbers, so that the lines to paste are true.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (d *world) close() {
	if d.server != nil {
		_ = d.server.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// secrets answers the configuration's {env: NAME} references, so that the demo touches no real environment.
func (d *world) secrets(name string) (string, bool) {
	v := d.values
	value, ok := map[string]string{
		"PARTNER_AK": v.Partner.AccessKey, "PARTNER_SK": v.Partner.SecretKey,
		"DISTRIBUTOR_AK": v.Distributor.AccessKey, "DISTRIBUTOR_SK": v.Distributor.SecretKey,
		"CUSTOMER_AK": v.Customer.AccessKey, "CUSTOMER_SK": v.Customer.SecretKey,
	}[name]
	return value, ok
}

// text returns the configuration, and leaves it in the folder, for visitors to read.
func (d *world) text() ([]byte, error) {
	var text bytes.Buffer
	if err := configTemplate.Execute(&text, d.values); err != nil {
		return nil, fmt.Errorf("demo configuration: %w", err)
	}
	return text.Bytes(), os.WriteFile(d.file("tollgate.yaml"), text.Bytes(), 0o644)
}

var configTemplate = template.Must(template.New("demo").Parse(`# The demo's gateway: an HTTPS and a plain loopback listener in front of a simulated billing API.
listeners:
  - name: https
    address: {{.HTTPS}}
    tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}}
  - name: loopback
    address: {{.Plain}}
    caller: report                 # every process that reaches this port is the caller "report"
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 10s, tls: {policy: huawei-high, ca: ca.pem}}
credentials:
  partner:     {class: partner, domain_id: {{.Partner.DomainID}}, access_key: {env: PARTNER_AK}, secret_key: {env: PARTNER_SK}}
  distributor: {class: partner, kinds: [distributor], domain_id: {{.Distributor.DomainID}}, access_key: {env: DISTRIBUTOR_AK}, secret_key: {env: DISTRIBUTOR_SK}}
  customer:    {class: customer, domain_id: {{.Customer.DomainID}}, access_key: {env: CUSTOMER_AK}, secret_key: {env: CUSTOMER_SK}}
callers:
  shop:                            # proves itself with keys that the gateway issued
    auth: [{access_key: {id: ` + shopKey + `, secret: {file: shop.sk}}}]
    grants:
      - {operations: [ListSubCustomers, CreateSubCustomer, queryCustomerInfoList], credential: partner}
      - {operations: [ListIndirectPartners], credential: distributor}
      - {operations: [ShowCustomerAccountBalances, PayOrders, CancelResourcesSubscription, orderPay], credential: customer}
  report:
    grants:
      - {operations: [effect:read], credential: partner}
limits:
  max_wait: 200ms
  rules:
    - {name: cities, per: [caller, operation], operations: [ListCities], rate: 1/min, burst: 2}
audit: {dir: audit, checkpoints: {every: 1s}}
admin: {address: {{.Admin}}, socket: none}
log: {level: warn, format: text}
bounds: {drain: 5s}
`))
