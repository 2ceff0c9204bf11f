package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/config"
)

// everything is a configuration with all kinds of sections whose keys a running gateway takes, but for those of ACME.
const everything = `
listeners:
  - {name: local, address: "127.0.0.1:0", hosts: [localhost], upstreams: [bss], caller: app, max_connections: 900}
  - {name: second, address: "127.0.0.1:0", upstreams: [bss], caller: other}
  - {name: unix, address: "unix:one.sock", upstreams: [bss], caller: other, socket: {mode: 0660}}
  - {name: tls, address: "127.0.0.1:0", hosts: [localhost], upstreams: [far, mine], tls: {policy: mine, client_ca: one.pem, client_deny: denied, certificate: {files: {cert: tls.crt, key: tls.key}}}}
  - {name: own, address: "127.0.0.1:0", hosts: [localhost], upstreams: [bss], tls: {certificate: {internal: {dir: own, hosts: [localhost], lifetime: 24h}}}}
tls_policies: {mine: {versions: ["1.2", "1.3"]}}
upstreams:
  bss: {url: %q, catalog: cn}
  far: {url: "https://bss.test", catalog: intl, tls: {ca: one.pem}}
  mine: {url: "https://mine.test", sign: true, endpoints: [{name: Look, method: GET, path: /look, effect: read, class: partner}]}
  gone: {url: "https://gone.test", catalog: cn}
credentials:
  main: {class: partner, upstream: bss, access_key: {env: AK}, secret_key: {env: SK}}
  mine: {class: partner, upstream: mine, keys: {file: keys.json}}
callers:
  app: {auth: [{access_key: {id: TGAPP, secret: {file: sk}}}, {certificate: {uri: "spiffe://test/app"}}], grants: [{operations: [ListProvinces], credential: main}]}
  other: {auth: [{certificate: {dns: other.test}}, {certificate: {common_name: other}}], grants: [{operations: [ListProvinces], credential: main}]}
  looks: {auth: [{certificate: {uri: "spiffe://test/looks"}}], grants: [{operations: [Look], credential: mine}]}
include: [callers.d]
limits: {published: false, unauthenticated: {rate: 10/s, burst: 10, sources: 1000}, rules: [{name: day, per: [caller], rate: 100/h, burst: 50}]}
caps: [{name: spent, match: {callers: [app]}, each: day, amount: {CNY: "100"}, mode: soft}]
identities: {li: {proofs: [{token: {sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}}, {certificate: {uri: "spiffe://test/li"}}], roles: [viewer]}}
audit: {dir: audit}
metrics: {callers: 7}
log: {level: info}
`

// changes are, for each key of the schema that a running gateway takes, what stands in everything and what takes its place.
var changes = map[string][2]string{
	"listeners": {"\ntls_policies", "\n  - {name: more, address: \"127.0.0.1:0\", upstreams: [bss], caller: app}\ntls_policies"}, "callers": {"\ninclude", "\n  more: {}\ninclude"},
	"upstreams": {"\ncredentials", "\n  more: {url: \"https://more.test\", catalog: cn}\ncredentials"}, "tls_policies": {"{mine: {versions", "{more: {versions: [\"1.3\"]}, mine: {versions"},
	"credentials": {"\ncallers", "\n  more: {class: partner, upstream: gone, access_key: {env: AK2}, secret_key: {env: SK2}}\ncallers"},
	"include":     {"[callers.d]", "[callers.d, more.d]"}, "reload": {"\naudit", "\nreload: {watch: true}\naudit"}, "reload.watch": {"\naudit", "\nreload: {watch: true}\naudit"},
	"limits": {"{published: false, ", "{"}, "log": {"\nlog: {level: info}", "\nlog: {level: warn}"}, "log.level": {"level: info", "level: error"},
	"metrics": {"callers: 7", "callers: 8"}, "metrics.callers": {"callers: 7", "callers: 9"},
	"bounds": {"\naudit", "\nbounds: {calls: 700}\naudit"},

	"bounds.all_headers": {"\naudit", "\nbounds: {all_headers: 63MiB}\naudit"}, "bounds.bodies": {"\naudit", "\nbounds: {bodies: 255MiB}\naudit"}, "bounds.body": {"\naudit", "\nbounds: {body: 11MiB}\naudit"},
	"bounds.body_timeout": {"\naudit", "\nbounds: {body_timeout: 29s}\naudit"}, "bounds.calls": {"\naudit", "\nbounds: {calls: 1023}\naudit"}, "bounds.drain": {"\naudit", "\nbounds: {drain: 74s}\naudit"},
	"bounds.header_timeout": {"\naudit", "\nbounds: {header_timeout: 9s}\naudit"}, "bounds.headers": {"\naudit", "\nbounds: {headers: 63KiB}\naudit"}, "bounds.held_answer": {"\naudit", "\nbounds: {held_answer: 2MiB}\naudit"},
	"bounds.idle_timeout": {"\naudit", "\nbounds: {idle_timeout: 89s}\naudit"}, "bounds.write_timeout": {"\naudit", "\nbounds: {write_timeout: 59s}\naudit"},

	"listener.address": {"unix:one.sock", "unix:two.sock"}, "listener.caller": {"name: second, address: \"127.0.0.1:0\", upstreams: [bss], caller: other", "name: second, address: \"127.0.0.1:0\", upstreams: [bss], caller: app"},
	"listener.hosts": {"hosts: [localhost], upstreams: [bss], caller: app, max", "hosts: [localhost, more.test], upstreams: [bss], caller: app, max"}, "listener.max_connections": {"max_connections: 900", "max_connections: 901"},
	"listener.max_connections_per_source": {"max_connections: 900", "max_connections: 900, max_connections_per_source: 70"}, "listener.name": {"name: second", "name: third"},
	"listener.socket": {", socket: {mode: 0660}", ""}, "listener.tls": {", tls: {certificate: {internal: {dir: own, hosts: [localhost], lifetime: 24h}}}", ", caller: app"},
	"listener.upstreams": {"upstreams: [bss], caller: app, max", "upstreams: [bss, mine], caller: app, max"}, "socket.mode": {"mode: 0660", "mode: 0600"}, "socket.group": {"mode: 0660", "mode: 0660, group: root"},
	"listenerTLS.policy": {"policy: mine", "policy: huawei"}, "listenerTLS.certificate": {"{cert: tls.crt, key: tls.key}", "{cert: other.crt, key: other.key}"},
	"listenerTLS.certificates": {"certificate: {files: {cert: tls.crt, key: tls.key}}", "certificates: [{files: {cert: tls.crt, key: tls.key}}, {files: {cert: other.crt, key: other.key}}]"},
	"listenerTLS.client_ca":    {"client_ca: one.pem", "client_ca: both.pem"}, "listenerTLS.client_certificate": {"policy: mine", "policy: mine, client_certificate: required"},
	"listenerTLS.client_crl": {"client_deny: denied", "client_crl: [one.crl]"}, "listenerTLS.client_crl_missing": {"client_deny: denied", "client_crl: [one.crl], client_crl_missing: allow"},
	"listenerTLS.client_deny": {"client_deny: denied, ", ""},
	"certificate.files":       {"certificate: {files: {cert: tls.crt, key: tls.key}}", "certificate: {internal: {dir: more, hosts: [localhost]}}"},
	"certificate.internal":    {"certificate: {internal: {dir: own, hosts: [localhost], lifetime: 24h}}", "certificate: {files: {cert: tls.crt, key: tls.key}}"},
	"certificateFiles.cert":   {"{cert: tls.crt", "{cert: same.crt"}, "certificateFiles.key": {"key: tls.key}", "key: same.key}"},
	"internalCertificate.dir": {"dir: own", "dir: more"}, "internalCertificate.hosts": {"{dir: own, hosts: [localhost]", "{dir: own, hosts: [localhost, more.test]"},
	"internalCertificate.lifetime": {"lifetime: 24h", "lifetime: 48h"},
	"tlsPolicy.versions":           {"[\"1.2\", \"1.3\"]", "[\"1.3\"]"}, "tlsPolicy.groups": {"{versions", "{groups: [X25519], versions"},
	"tlsPolicy.cipher_suites": {"{versions", "{cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, ECDHE-ECDSA-AES256-GCM-SHA384], versions"},

	"upstream.addresses": {"\"https://gone.test\"", "\"https://gone.test\", addresses: public"}, "upstream.catalog": {"\"https://gone.test\", catalog: cn", "\"https://gone.test\", catalog: intl"},
	"upstream.connect_timeout": {"\"https://gone.test\"", "\"https://gone.test\", connect_timeout: 7s"}, "upstream.deprecated": {"\"https://gone.test\"", "\"https://gone.test\", deprecated: forbid"},
	"upstream.endpoints": {"endpoints: [{", "endpoints: [{name: More, method: GET, path: /more, effect: read, class: partner}, {"}, "upstream.hosts": {"\"https://gone.test\"", "\"https://gone.test\", hosts: [more.test]"},
	"upstream.max_connection_age": {"\"https://gone.test\"", "\"https://gone.test\", max_connection_age: 90s"}, "upstream.max_connections": {"\"https://gone.test\"", "\"https://gone.test\", max_connections: 7"},
	"upstream.proxy":      {"\"https://gone.test\"", "\"https://gone.test\", proxy: \"http://127.0.0.1:3128\""},
	"upstream.proxy_auth": {"\"https://gone.test\"", "\"https://gone.test\", proxy: \"http://127.0.0.1:3128\", proxy_auth: {file: login}"},
	"upstream.sign":       {"https://gone.test\", catalog: cn}", "https://gone.test\", catalog: cn}\n  plain: {url: \"http://127.0.0.1:9\", sign: false, endpoints: [{name: Plain, method: GET, path: /plain, effect: read}]}"}, "upstream.timeout": {"\"https://gone.test\"", "\"https://gone.test\", timeout: 7s"},
	"upstream.tls": {", tls: {ca: one.pem}", ""}, "upstream.url": {"https://gone.test", "https://moved.test"},
	"upstreamTLS.ca": {"{ca: one.pem", "{ca: both.pem"}, "upstreamTLS.client_certificate": {"{ca: one.pem", "{client_certificate: {cert: tls.crt, key: tls.key}, ca: one.pem"},
	"upstreamTLS.pins": {"{ca: one.pem", "{pins: [\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", \"sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\"], ca: one.pem"}, "upstreamTLS.policy": {"{ca: one.pem", "{policy: huawei, ca: one.pem"},
	"upstreamTLS.server_name": {"{ca: one.pem", "{server_name: more.test, ca: one.pem"},
	"endpoint.answer_headers": {"{name: Look,", "{name: Look, answer_headers: [X-More],"}, "endpoint.class": {"path: /look, effect: read, class: partner", "path: /look, effect: read, class: either"},
	"endpoint.content_types": {"{name: Look,", "{name: Look, content_types: [text/plain],"}, "endpoint.deprecated": {"{name: Look,", "{name: Look, deprecated: true,"},
	"endpoint.effect": {"effect: read, class", "effect: write, class"}, "endpoint.headers": {"{name: Look,", "{name: Look, headers: [X-More],"}, "endpoint.method": {"method: GET", "method: POST"},
	"endpoint.name": {"Look", "Peep"}, "endpoint.path": {"path: /look", "path: /peep"}, "endpoint.record_query": {"{name: Look,", "{name: Look, record_query: true,"},
	"endpoint.replaced_by": {"{name: Look,", "{name: Look, deprecated: true, replaced_by: [Other],"}, "endpoint.sensitive": {"{name: Look,", "{name: Look, sensitive: true,"},

	"credential.access_key": {"{env: AK}", "{env: AK2}"}, "credential.class": {"main: {class: partner", "main: {class: customer"}, "credential.domain_id": {"main: {class: partner", "main: {class: partner, domain_id: d-2"},
	"credential.keys": {"keys: {file: keys.json}", "access_key: {env: AK2}, secret_key: {env: SK2}"}, "credential.kinds": {"main: {class: partner", "main: {class: partner, kinds: [distributor]"},
	"credential.partner_id": {"main: {class: partner", "main: {class: customer, partner_id: p-2"}, "credential.secret_key": {"{env: SK}", "{env: SK2}"},
	"credential.security_token": {"secret_key: {env: SK}", "secret_key: {env: SK}, security_token: {file: token}"}, "credential.upstream": {"}\n  mine: {class", "}\n  spare: {class: partner, upstream: far, access_key: {env: AK2}, secret_key: {env: SK2}}\n  mine: {class"},
	"keyFile.file": {"keys.json", "more.json"}, "reference.env": {"{env: AK}", "{env: AK2}"}, "reference.file": {"{file: sk}", "{file: sk2}"},

	"auth.access_key": {"{access_key: {id: TGAPP, secret: {file: sk}}}, ", ""}, "auth.certificate": {", {certificate: {common_name: other}}", ""},
	"caller.auth": {", {certificate: {common_name: other}}", ""}, "caller.extends": {"[callers.d]", "[more.d]"}, "caller.grants": {"grants: [{operations: [Look], credential: mine}]", "grants: []"},
	"certificateName.common_name": {"common_name: other", "common_name: more"}, "certificateName.dns": {"other.test", "more.test"}, "certificateName.uri": {"spiffe://test/app", "spiffe://test/more"},
	"virtualKey.id": {"TGAPP", "TGMORE"}, "virtualKey.not_after": {"{id: TGAPP,", "{id: TGAPP, not_after: 2099-01-01T00:00:00Z,"}, "virtualKey.secret": {"{file: sk}", "{file: sk2}"},
	"grant.class_confirmed": {"[Look], credential: mine", "[Look], credential: mine, class_confirmed: true"}, "grant.credential": {"{operations: [Look], credential: mine}", "{operations: [Look], credential: mine}, {operations: [ListProvinces], credential: main}"},
	"grant.customers": {"[ListProvinces], credential: main", "[ListProvinces], credential: main}, {operations: [CreatePartnerCoupons], credential: main, customers: [c-17], class_confirmed: true"}, "grant.operations": {"[ListProvinces], c", "[ListProvinces, ListCities], c"},
	"guard": {"\naudit", "\nguard: {mode: shadow}\naudit"}, "guard.mode": {"\naudit", "\nguard: {mode: shadow}\naudit"}, "guard.windows": {"\naudit", "\nguard: {windows: {pay: 1h}}\naudit"},
	"caps": {"caps: [", "caps: [{name: more, each: day, count: 9}, "}, "caps_default": {"\naudit", "\ncaps_default: [{name: rest, each: day, count: 9}]\naudit"},
	"cap.name": {"name: spent", "name: paid"}, "cap.match": {"match: {callers: [app]}, ", ""}, "cap.per": {"name: spent", "name: spent, per: caller"}, "cap.each": {"each: day, a", "each: month, a"},
	"cap.zone": {"name: spent", "name: spent, zone: Europe/Berlin"}, "cap.amount": {"CNY: \"100\"", "CNY: \"101\""}, "cap.count": {"amount: {CNY: \"100\"}, mode", "count: 9, mode"}, "cap.mode": {"mode: soft}]", "mode: hard}]"},
	"cap.unpriced": {"name: spent", "name: spent, unpriced: {assume: 5 CNY}"}, "cap.units": {"name: spent", "name: spent, units: [coupon]"}, "unpriced.do": {"name: spent", "name: spent, unpriced: {do: count}"},
	"unpriced.assume": {"name: spent", "name: spent, unpriced: {assume: 6 CNY}"}, "match.callers": {"callers: [app]}, each", "callers: [other]}, each"}, "match.credentials": {"{callers: [app]}, each", "{callers: [app], credentials: [main]}, each"},
	"match.customers": {"{callers: [app]}, each", "{callers: [app], customers: [c-1]}, each"}, "match.operations": {"{callers: [app]}, each", "{callers: [app], operations: [CreatePartnerCoupons]}, each"},
	"match.effect":        {"{callers: [app]}, each: day, amount: {CNY: \"100\"}", "{callers: [app], effect: write}, each: day, count: 9"},
	"endpoint.act":        {"effect: read, class: partner}]", "effect: spend, class: partner, act: {name: look, keys: [id], window: 1h}}]"},
	"actDeclaration.name": {"effect: read, class: partner}]", "effect: spend, class: partner, act: {name: peep, keys: [id], window: 1h}}]"}, "actDeclaration.keys": {"effect: read, class: partner}]", "effect: spend, class: partner, act: {name: look, keys: [number], window: 1h}}]"},
	"actDeclaration.window": {"effect: read, class: partner}]", "effect: spend, class: partner, act: {name: look, keys: [id], window: 2h}}]"},
	"grant.may_repeat":      {"[Look], credential: mine", "[Look], credential: mine, may_repeat: true"},

	"identities": {"identities: {li", "identities: {wang: {proofs: [{certificate: {dns: wang.test}}], roles: [reviewer]}, li"}, "identity.roles": {"[viewer]", "[viewer, reviewer]"},
	"identity.proofs": {", {certificate: {uri: \"spiffe://test/li\"}}", ""}, "proof.certificate": {"spiffe://test/li", "spiffe://test/wei"}, "proof.token": {"{token: {sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}}, ", ""},
	"token.sha256": {"sha256: 2c", "sha256: 2d"},

	"limits.max_wait": {"{published", "{max_wait: 7s, published"}, "limits.published": {"published: false", "published: true"}, "limits.rules": {", rules: [{name: day, per: [caller], rate: 100/h, burst: 50}]", ""},
	"limits.unauthenticated": {"unauthenticated: {rate: 10/s, burst: 10, sources: 1000}, ", ""}, "unauthenticated.rate": {"10/s", "11/s"}, "unauthenticated.burst": {"burst: 10,", "burst: 11,"},
	"unauthenticated.sources": {"sources: 1000", "sources: 1001"}, "rule.burst": {"burst: 50", "burst: 51"}, "rule.rate": {"100/h", "101/h"}, "rule.name": {"name: day", "name: night"},
	"rule.per": {"per: [caller]", "per: [operation]"}, "rule.callers": {"per: [caller]", "per: [caller], callers: [app]"}, "rule.credentials": {"per: [caller]", "per: [caller], credentials: [main]"},
	"limits.without": {"{published", "{without: refuse, published"}, "rule.mode": {"per: [caller]", "per: [caller], mode: shadow"}, "rule.without": {"per: [caller]", "per: [caller], without: refuse"},
	"rule.quota": {"rate: 100/h, burst: 50", "quota: 100/day"}, "rule.zone": {"rate: 100/h, burst: 50", "quota: 100/day, zone: Europe/Berlin"},
	"rule.operations": {"per: [caller]", "per: [caller], operations: [ListProvinces]"}, "rule.upstreams": {"per: [caller]", "per: [caller], upstreams: [bss]"},
}

// elsewhere says where a change of the other keys is tested.
var elsewhere = map[string]string{
	"audit": "its keys need a restart", "fleet": "TestReloadFleet", "replay": "TestReloadFleet", "grant.upstream": "of a signed upstream it says what the credential says", "certificate.acme": "TestReloadACME of e2e", "acme": "as certificate.acme", "accountBinding": "as certificate.acme",
	"acmeDNS": "as certificate.acme", "huaweiDNS": "as certificate.acme", "rfc2136": "as certificate.acme",
}

// keysTaken are the keys of which the schema says that a running gateway takes a change.
func keysTaken(t *testing.T) (keys []string) {
	t.Helper()
	type properties map[string]struct {
		Reload string `json:"x-reload"`
	}
	var schema struct {
		Properties properties                                 `json:"properties"`
		Defs       map[string]struct{ Properties properties } `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(config.Schema()), &schema); err != nil {
		t.Fatal(err)
	}
	add := func(section string, all properties) {
		for key, p := range all {
			if p.Reload == "yes" {
				keys = append(keys, section+key)
			}
		}
	}
	add("", schema.Properties)
	for section, of := range schema.Defs {
		add(section+".", of.Properties)
	}
	slices.Sort(keys)
	return keys
}

// TestEveryKeyIsTaken changes each key of which the schema says that a running gateway takes it: it is in force, under another plan.
func TestEveryKeyIsTaken(t *testing.T) {
	g := run(t)
	pki(t, g)
	base := g.fill(t)
	put := func(text string) (Reloaded, error) {
		eventually(t, "caps of the reload before count", func() bool { return g.rebuilding() == "" }) // they are changed one after the other
		c, err := config.Parse(filepath.Join(g.dir, "tollgate.yaml"), []byte(text), g.dir, config.Options{Secrets: true, LookupEnv: keyOf})
		if err != nil {
			return Reloaded{}, err
		}
		r, err := g.follow(t, c)
		if err == nil && !reflect.DeepEqual(g.config.Load(), c) {
			err = fmt.Errorf("another configuration runs")
		}
		return r, err
	}
	if _, err := put(base); err != nil {
		t.Fatal(err)
	}
	known := maps.Clone(changes)
	for _, key := range keysTaken(t) {
		section, _, _ := strings.Cut(key, ".")
		if elsewhere[key] != "" || elsewhere[section] != "" {
			continue
		}
		change, found := known[key]
		delete(known, key)
		text := strings.ReplaceAll(base, change[0], change[1])
		if !found || text == base {
			t.Errorf("%s: no change of it is tested", key)
			continue
		}
		secret := key == "virtualKey.secret" || key == "reference.file" // which plans do not say
		if r, err := put(text); err != nil || !r.Changed || !secret && (r.Plan == r.PlanBefore || len(r.Changes) == 0) {
			t.Errorf("%s: changed %v, %d changes, %v", key, r.Changed, len(r.Changes), err)
		} else if r.summary() == "" {
			t.Errorf("%s: the record does not say what has changed", key)
		}
		if _, err := put(base); err != nil {
			t.Fatalf("%s, back: %v", key, err)
		}
	}
	for key := range known {
		t.Errorf("the schema has no %s that a running gateway takes", key)
	}
}

// fill writes the files that everything, and its changes, refer to, and returns it.
func (g *running) fill(t *testing.T) string {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(g.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, text := range map[string]string{
		"denied": "", "sk": "the-first-secret-0123456789", "sk2": "the-second-secret-012345678", "token": "a-security-token-0123456789", "login": "user:password",
		"keys.json": `{"Version": 1, "AccessKeyId": "AKFILE", "SecretAccessKey": "SKFILE-0123456789"}`, "more.json": `{"Version": 1, "AccessKeyId": "AKMORE", "SecretAccessKey": "SKMORE-0123456789"}`,
		"callers.d/one.yaml": "callers: {}\n", "more.d/one.yaml": "callers: {app: {extends: true, auth: [{certificate: {dns: app.test}}]}}\n", "same.crt": read("tls.crt"), "same.key": read("tls.key"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(g.dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf(everything, g.upstream.URL)
}
