package deploytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestChartRefuses: values that are wrong are refused before anything is installed, by the schema or by the templates, with their name.
func TestChartRefuses(t *testing.T) {
	for _, test := range []struct{ example, values, want string }{
		{"", "{}", "config has no listeners or no upstreams: deploy/helm/examples has values to begin with"},
		{"central", "replica: 2", "additional properties 'replica' not allowed"},
		{"central", "replicas: two", "at '/replicas': got string, want integer"},
		{"central", "mode: both", "at '/mode': value must be one of 'central', 'sidecar'"},
		{"central", "image: {digest: 'sha256:abc'}", "at '/image/digest'"},
		{"central", "secrets: [{name: tollgate-secrets, path: run/secrets}]", "at '/secrets/0/path'"},
		{"central", "secrets: [{name: tollgate-secrets, path: /run/s, value: hunter2}]", "additional properties 'value' not allowed"},
		{"central", "existingConfig: {kind: File}", "at '/existingConfig/kind'"},
		{"central", "existingConfig: {name: mine}", "terminationGracePeriodSeconds must be set with existingConfig"},
		{"central", "service: {ports: []}", "at '/service/ports'"},
		{"central", "service: {ports: [{name: https, port: 443, targetPort: 9999}]}", "no listener of config has port 9999, the targetPort of https"},
		{"central", "config: {audit: {dir: /tmp/audit}}", "config.audit.dir must be below /var/lib/tollgate"},
		{"central", "config: {audit: {dir: null}}", "config.audit.dir must be below /var/lib/tollgate"},
		{"central", "config: {bounds: {drain: 1.5m}}", "config.bounds.drain is 1.5m: whole numbers of h, m, s and ms are needed"},
		{"central", "metrics: {enabled: true}", `metrics.enabled is true, and config.metrics.address is ""`},
		{"central", "review: {enabled: true}", `review.enabled is true, and config.review.address is ""`},
		{"central", "metrics: {serviceMonitor: {enabled: true}}", "metrics.serviceMonitor.enabled needs mode: central and metrics.enabled"},
		{"monitoring", "metrics: {enabled: false, serviceMonitor: {enabled: false}}", `metrics.enabled is false, and config.metrics.address is ":9443"`},
		{"monitoring", "metrics: {port: 9444}", "metrics.port is 9444, and config.metrics.address is :9443"},
		{"monitoring", "metrics: {serviceMonitor: {tlsConfig: null}}", "metrics.serviceMonitor.tlsConfig must have a serverName"},
		{"fleet", "replicas: 3", "config.fleet.members lacks tollgate-2, a pod of replicas"},
		{"fleet", "nameOverride: egress", "config.fleet.members lacks tollgate-egress-0, a pod of replicas"},
		{"fleet", "config: {fleet: {redis: {address: 'redis.redis.svc:6380'}}}", "networkPolicy.redisPorts lacks 6380"},
		{"central", "podLabels: {app.kubernetes.io/name: other}", "invalid propertyName 'app.kubernetes.io/name'"},
		{"central", "networkPolicy: {callers: [{}]}", "at '/networkPolicy/callers/0'"},
		{"central", "podDisruptionBudget: {maxUnavailable: 0}", "at '/podDisruptionBudget/maxUnavailable'"},
		{"central", "persistence: {size: 50}", "at '/persistence/size'"},
		{"central", "resources: {limits: null}", "at '/resources'"},
	} {
		_, err := render(openChart(t, chartFolder), "tollgate", with(t, test.example, test.values))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.values, err, test.want)
		}
	}
}

// TestChartRefusesSecrets: a secret in the values is refused wherever the configuration has a reference to one, and not repeated.
func TestChartRefusesSecrets(t *testing.T) {
	for _, key := range append(secretKeys(t), "token") {
		for _, form := range []string{"config: {credentials: {partner-main: {%s: hunter2}}}", "config: {callers: {shop: {auth: [{access_key: {%s: hunter2}}]}}}"} {
			_, err := render(openChart(t, chartFolder), "tollgate", with(t, "central", fmt.Sprintf(form, key)))
			if err == nil || !strings.Contains(err.Error(), key+" must be a reference") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

// TestChartRefusesHiddenSecrets: nor does one get in as a member of what should refer to it, or in an address.
func TestChartRefusesHiddenSecrets(t *testing.T) {
	for _, test := range []struct{ values, want string }{
		{"config: {credentials: {partner-main: {secret_key: {value: hunter2}}}}", "config.credentials.partner-main.secret_key must be a reference"},
		{"config: {credentials: {partner-main: {secret_key: {env: hunter2}}}}", "config.credentials.partner-main.secret_key must be a reference"},
		{"config: {credentials: {partner-main: {secret_key: {env: PARTNER, default: hunter2}}}}", "config.credentials.partner-main.secret_key must be a reference"},
		{"config: {callers: {shop: {auth: [{access_key: {id: SHOP, secret: hunter2}}]}}}", "config.callers.shop.auth[0].access_key.secret must be a reference"},
		{"config: {upstreams: {bss-cn: {proxy: 'http://user:hunter2@proxy.example:3128'}}}", "config.upstreams.bss-cn.proxy has a login in its address"},
	} {
		_, err := render(openChart(t, chartFolder), "tollgate", with(t, "central", test.values))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", test.values, err)
		}
	}
	referring := "config: {credentials: {partner-main: {secret_key: {env: PARTNER_KEY}, access_key: {file: /run/secrets/tollgate/ak}}}, callers: {shop: {auth: [{access_key: {id: SHOP, secret: {file: /run/secrets/tollgate/sk}}}]}}}"
	if _, err := render(openChart(t, chartFolder), "tollgate", with(t, "central", referring)); err != nil {
		t.Error(err)
	}
}

// secretKeys returns the keys of the configuration that refer to secrets.
func secretKeys(t *testing.T) (keys []string) {
	t.Helper()
	for _, section := range readSchema(t, "config/schema.json").Defs {
		for key, value := range section.Properties {
			if value.Ref == "#/$defs/reference" && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	if len(keys) < 5 {
		t.Errorf("the schema has references to secrets in %q", keys)
	}
	return keys
}

// TestChartSidecarNeedsItsMode: a chart whose values forgot the mode would deploy a central gateway besides.
func TestChartSidecarNeedsItsMode(t *testing.T) {
	app := openChart(t, exampleFolder+"app")
	app.AddDependency(openChart(t, chartFolder))
	_, err := render(app, "shop", with(t, "", "tollgate: {mode: central}"))
	if err == nil || !strings.Contains(err.Error(), "no listener of config has port 8443") {
		t.Errorf("%v", err)
	}
	_, err = render(app, "shop", with(t, "", "tollgate: {mode: central, service: {ports: [{name: http, port: 80, targetPort: 8080}]}}"))
	if err == nil || !strings.Contains(err.Error(), "tollgate.sidecar.container needs the value mode: sidecar") {
		t.Errorf("%v", err)
	}
}
