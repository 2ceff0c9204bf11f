package deploytest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tollgate/config"
)

// gatewayIn renders the chart, and returns the gateway's configuration and its StatefulSet.
func gatewayIn(t *testing.T, example, values string) (*config.Config, *apps.StatefulSet) {
	t.Helper()
	objects := objectsOf(t, openChart(t, chartFolder), "tollgate", with(t, example, values))
	set := of[*apps.StatefulSet](objects)[0]
	return configurationOf(t, values, objects, &set.Spec.Template.Spec), set
}

// TestChartStopTime: the pod has the time that the gateway may take to stop, and not much more.
func TestChartStopTime(t *testing.T) {
	for _, values := range []string{
		"{}", "config: {bounds: {drain: 1h}}", "config: {bounds: {drain: 1m15s}}", "config: {bounds: {drain: 1m15999ms}}",
		"config: {audit: {deadline: 1m}}", "config: {audit: {deadline: 10ms}}", "preStopSeconds: 30",
	} {
		c, set := gatewayIn(t, "central", values)
		pod := &set.Spec.Template.Spec
		checkStop(t, c, pod, gatewayOf(pod))
		needed := stopTime(c) + time.Duration(gatewayOf(pod).Lifecycle.PreStop.Sleep.Seconds)*time.Second
		if spare := time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second - needed; spare > 10*time.Second {
			t.Errorf("%s: %v to spare", values, spare)
		}
	}
	if _, set := gatewayIn(t, "central", "terminationGracePeriodSeconds: 400"); *set.Spec.Template.Spec.TerminationGracePeriodSeconds != 400 {
		t.Error("terminationGracePeriodSeconds is not what is set")
	}
}

// TestChartImmutable: what the API server does not let change of a StatefulSet is the same for all values of one release that can change,
// and for all versions of the chart.
func TestChartImmutable(t *testing.T) {
	fixed := func(example string, values string, version string) string {
		c := openChart(t, chartFolder)
		c.Metadata.Version, c.Metadata.AppVersion = version, version
		spec := of[*apps.StatefulSet](objectsOf(t, c, "tollgate", with(t, example, values)))[0].Spec
		return fmt.Sprint(spec.Selector, spec.ServiceName, spec.PodManagementPolicy, spec.VolumeClaimTemplates)
	}
	want := fixed("central", "{}", "0.1.0")
	for _, got := range []string{fixed("central", "{}", "9.9.9+build"), fixed("fleet", "{}", "0.1.0"), fixed("monitoring", "podLabels: {a: b}", "0.2.0")} {
		if got != want {
			t.Errorf("%s\nis not\n%s", got, want)
		}
	}
}

const restartAnnotation = "tollgate/restart-settings"

// TestChartRestarts: the pods are made new where the configuration changed in what a running gateway does not take, as the gateway itself says
// it, and only there: it reloads the rest.
func TestChartRestarts(t *testing.T) {
	restarts := 0
	for _, values := range []string{
		"{admin: {address: '127.0.0.1:9091'}}", "{admin: null}", "{metrics: {bearer_token: {file: /run/secrets/tollgate/other}}}",
		"{review: {hosts: [other.corp.example]}}", "{log: {format: text}}", "{hardening: {landlock: require}}", "{hardening: {paths: [{path: /srv/next}]}}",
		"{bounds: {replay: 2000001}}", "{bounds: {unauthenticated_records: 65MiB}}",
		"{fleet: {redis: {address: 'other.redis.svc:6379'}}}", "{fleet: {redis: {prefix: other}}}",
		"{audit: {dir: /var/lib/tollgate/other}}", "{audit: {keep: 401d}}", "{audit: {checkpoints: {every: 11s}}}", "{audit: {deadline: 3s}}",
		"{callers: {finance-reports: {grants: []}}}", "{limits: {max_wait: 3s}}", "{bounds: {bodies: 128MiB}}", "{bounds: {drain: 80s}}", "{reload: null}",
		"{fleet: {members: [tollgate-0, tollgate-1, tollgate-2]}}", "{fleet: {patience: 6ms}}", "{metrics: {callers: 100}}", "{log: {level: debug}}",
		"{upstreams: {bss: {deprecated: allow}}}", "{identities: {li-wei: {roles: [reviewer]}}}",
	} {
		if restarted(t, "production", "{}", "config: "+values) {
			restarts++
		}
	}
	const acme = `config: {http_challenge: {address: ":8080"}, listeners: [{address: ":8443", hosts: [gateway.corp.example], tls: {certificate: {acme: {
		directory: "https://ca.corp.example/directory", hosts: [gateway.corp.example], email: ops@corp.example, dir: /var/lib/tollgate/acme, challenge: http-01}}}}]}`
	if !restarted(t, "central", acme, strings.ReplaceAll(acme, "8080", "8081")) || restarts < 15 {
		t.Errorf("%d changes need a restart, and that of http_challenge", restarts)
	}
}

// restarted reports whether a change of values makes new pods, and checks that the gateway needs it.
func restarted(t *testing.T, example, before, after string) bool {
	t.Helper()
	old, was := parsed(t, example, before)
	changed, is := parsed(t, example, after)
	annotation := is.Annotations[restartAnnotation]
	made := annotation != was.Annotations[restartAnnotation]
	if keys := config.Restarts(old, changed); made != (len(keys) > 0) {
		t.Errorf("%s: pods are made new: %v; the gateway needs a restart for %q", after, made, keys)
	}
	is.Annotations[restartAnnotation] = was.Annotations[restartAnnotation]
	is.Spec.TerminationGracePeriodSeconds = was.Spec.TerminationGracePeriodSeconds
	if !reflect.DeepEqual(is, was) {
		t.Errorf("%s: the pod changes in more than %s", after, restartAnnotation)
	}
	return made
}

// parsed renders the chart, and returns the configuration, which may leave something to remark on, and the pods.
func parsed(t *testing.T, example, values string) (*config.Config, *core.PodTemplateSpec) {
	t.Helper()
	objects := objectsOf(t, openChart(t, chartFolder), "tollgate", with(t, example, values))
	c, err := config.Parse("tollgate.yaml", configText(objects), "/etc/tollgate", config.Options{})
	if err != nil {
		t.Fatalf("%s: %v", values, err)
	}
	return c, &of[*apps.StatefulSet](objects)[0].Spec.Template
}

func configText(objects []runtime.Object) []byte {
	for _, m := range of[*core.ConfigMap](objects) {
		if text, ok := m.Data["tollgate.yaml"]; ok {
			return []byte(text)
		}
	}
	return nil
}

// TestChartExistingConfig: a configuration of one's own is mounted where the probes look for it.
func TestChartExistingConfig(t *testing.T) {
	for kind, values := range map[string]string{
		"Secret":    "{existingConfig: {kind: Secret, name: mine}, terminationGracePeriodSeconds: 95}",
		"ConfigMap": "{existingConfig: {kind: ConfigMap, name: mine}, terminationGracePeriodSeconds: 95}",
	} {
		objects := objectsOf(t, openChart(t, chartFolder), "tollgate", with(t, "", values))
		pod := of[*apps.StatefulSet](objects)[0].Spec.Template.Spec
		v := pod.Volumes[0]
		secret, configMap := v.Secret != nil && v.Secret.SecretName == "mine", v.ConfigMap != nil && v.ConfigMap.Name == "mine"
		if len(of[*core.ConfigMap](objects)) != 0 || secret != (kind == "Secret") || configMap == secret || pod.Containers[0].VolumeMounts[0].MountPath != "/etc/tollgate" {
			t.Errorf("%s: %+v, %+v", kind, v, pod.Containers[0].VolumeMounts[0])
		}
	}
}

// TestChartNetworkPolicy: who is named comes in, and no one else; what is not on does not open a port.
func TestChartNetworkPolicy(t *testing.T) {
	policyOf := func(example, values string) networking.NetworkPolicySpec {
		return of[*networking.NetworkPolicy](objectsOf(t, openChart(t, chartFolder), "tollgate", with(t, example, values)))[0].Spec
	}
	open := policyOf("central", "{}")
	if len(open.Ingress) != 1 || len(open.Ingress[0].From) != 0 || len(open.Egress) != 2 {
		t.Errorf("central: %+v", open)
	}
	closed := policyOf("production", "{}")
	if len(closed.Ingress) != 3 || len(closed.Egress) != 4 {
		t.Fatalf("production: %+v", closed)
	}
	for i, rule := range closed.Ingress {
		if len(rule.From) == 0 {
			t.Errorf("production: all come in by rule %d", i)
		}
	}
	for i, rule := range closed.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Errorf("production: rule %d goes out to all: %+v", i, rule)
		}
	}
	off := objectsOf(t, openChart(t, chartFolder), "tollgate", with(t, "central", "networkPolicy: {enabled: false}"))
	if len(of[*networking.NetworkPolicy](off)) != 0 || !strings.Contains(fmt.Sprint(open.PodSelector), "gateway") {
		t.Error("the policy cannot be turned off")
	}
}
