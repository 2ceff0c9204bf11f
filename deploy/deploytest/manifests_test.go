package deploytest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tollgate/config"
	"tollgate/fleet"
)

// TestManifests decodes the manifests strictly, loads the configurations in their ConfigMaps, and holds each pod against the Pod Security
// Standard "restricted" and the configuration of the gateway in it.
func TestManifests(t *testing.T) {
	for _, name := range []string{"central", "sidecar"} {
		t.Run(name, func(t *testing.T) {
			file := "deploy/kubernetes/" + name + ".yaml"
			checkGateway(t, file, mustDecode(t, file, readFile(t, file)))
		})
	}
}

// checkGateway checks objects that deploy one gateway: its configuration, its pod, and how the two fit together.
func checkGateway(t *testing.T, name string, objects []runtime.Object) (*config.Config, *apps.StatefulSet) {
	t.Helper()
	for _, pod := range podsOf(objects) {
		for _, problem := range checkHardened(&pod) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	sets := of[*apps.StatefulSet](objects)
	if len(sets) != 1 {
		t.Fatalf("%s: %d StatefulSets", name, len(sets))
	}
	pod := &sets[0].Spec.Template.Spec
	c := configurationOf(t, name, objects, pod)
	gateway := gatewayOf(pod)
	checkStop(t, c, pod, gateway)
	checkProbes(t, gateway)
	checkSecrets(t, pod, gateway)
	if c.Fleet != nil {
		checkMembers(t, c.Fleet, sets[0], gateway)
		checkDisruptions(t, objects, sets[0])
	}
	checkPolicies(t, objects)
	return c, sets[0]
}

// configurationOf loads the configuration in a ConfigMap, and checks that each file that it names is below a mount.
func configurationOf(t *testing.T, name string, objects []runtime.Object, pod *core.PodSpec) *config.Config {
	t.Helper()
	for _, m := range of[*core.ConfigMap](objects) {
		text, found := m.Data["tollgate.yaml"]
		if !found {
			continue
		}
		for _, match := range absolutePath.FindAllStringSubmatch(text, -1) {
			if !isMounted(match[1], gatewayOf(pod)) {
				t.Errorf("%s: %s is below no mount", name, match[1])
			}
		}
		return load(t, name+", ConfigMap "+m.Name, []byte(text))
	}
	t.Fatalf("%s: no ConfigMap has tollgate.yaml", name)
	return nil
}

var absolutePath = regexp.MustCompile(`(?:file|cert|key|ca|client_ca|dir|socket): (/[^,} \n]+)`)

func isMounted(file string, c *core.Container) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return strings.HasPrefix(file, m.MountPath+"/") })
}

// gatewayOf returns the container of the gateway: a sidecar is an init container.
func gatewayOf(pod *core.PodSpec) *core.Container {
	return &containersOf(pod)[0]
}

// checkStop checks that a pod is not killed while its gateway drains.
func checkStop(t *testing.T, c *config.Config, pod *core.PodSpec, gateway *core.Container) {
	t.Helper()
	stop := stopTime(c)
	if l := gateway.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		stop += time.Duration(l.PreStop.Sleep.Seconds) * time.Second
	}
	if pod.TerminationGracePeriodSeconds == nil || time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second < stop {
		t.Errorf("the pod is killed too early: the gateway takes up to %v", stop)
	}
	if s := pod.SecurityContext; s == nil || s.FSGroup == nil || s.FSGroupChangePolicy == nil || *s.FSGroupChangePolicy != core.FSGroupChangeOnRootMismatch {
		t.Error("the kubelet changes the group of all files again at each start")
	}
}

const (
	readyProbe = "/usr/bin/tollgate health --config /etc/tollgate/tollgate.yaml"
	liveProbe  = "/usr/bin/tollgate health --live --config /etc/tollgate/tollgate.yaml"
)

// checkProbes checks what the kubelet asks. A start that reads a long log must not be killed for it.
func checkProbes(t *testing.T, gateway *core.Container) {
	t.Helper()
	if got := asked(gateway.ReadinessProbe); got != readyProbe {
		t.Errorf("the probe for readiness runs %q", got)
	}
	start := gateway.StartupProbe
	if got := asked(start); got != liveProbe && (got != readyProbe || start.FailureThreshold != math.MaxInt32) {
		t.Errorf("the probe of the start runs %q", got)
	}
	if got := asked(gateway.LivenessProbe); got != "" && got != liveProbe {
		t.Errorf("the probe for liveness runs %q", got)
	}
}

func asked(p *core.Probe) string {
	if p == nil || p.Exec == nil {
		return ""
	}
	return strings.Join(p.Exec.Command, " ")
}

// checkSecrets checks that what can change while the gateway runs reaches it: files in folders. An environment and a file that is mounted
// alone never follow; the name of a pod stays.
func checkSecrets(t *testing.T, pod *core.PodSpec, gateway *core.Container) {
	t.Helper()
	for _, m := range gateway.VolumeMounts {
		if m.SubPath != "" || m.SubPathExpr != "" {
			t.Errorf("%s is mounted by subPath, which never follows a change", m.MountPath)
		}
	}
	for _, e := range gateway.Env {
		if v := e.ValueFrom; v != nil && (v.FieldRef == nil || v.FieldRef.FieldPath != "metadata.name") {
			t.Errorf("%s is in the environment, which never follows a change", e.Name)
		}
	}
	for _, v := range pod.Volumes {
		if s := v.Secret; s != nil && (s.DefaultMode == nil || *s.DefaultMode != 0o440) {
			t.Errorf("the files of secret %s are not for the gateway's group alone", s.SecretName)
		}
	}
}

// checkMembers checks that the members of the fleet are the pods that a StatefulSet makes, each under its own name.
func checkMembers(t *testing.T, f *fleet.Config, set *apps.StatefulSet, gateway *core.Container) {
	t.Helper()
	var pods []fleet.Name
	for i := range *set.Spec.Replicas {
		pods = append(pods, fleet.Name(fmt.Sprintf("%s-%d", set.Name, i)))
	}
	if len(pods) < 2 || !slices.Equal(f.Members, pods) || f.Redis.TLS == nil {
		t.Errorf("%d pods %v, fleet %+v", len(pods), pods, f)
	}
	if !slices.ContainsFunc(gateway.Env, func(e core.EnvVar) bool { return e.Name == f.Name.Env && e.ValueFrom != nil }) {
		t.Errorf("no pod has its name in %s", f.Name.Env)
	}
}

// checkDisruptions checks that a drain of nodes leaves a replica, and can go on.
func checkDisruptions(t *testing.T, objects []runtime.Object, set *apps.StatefulSet) {
	t.Helper()
	for _, budget := range of[*policy.PodDisruptionBudget](objects) {
		if fmt.Sprint(budget.Spec.Selector.MatchLabels) != fmt.Sprint(set.Spec.Selector.MatchLabels) {
			continue
		}
		replicas := int(*set.Spec.Replicas)
		stay := 0
		if least := budget.Spec.MinAvailable; least != nil {
			stay = least.IntValue()
		} else if most := budget.Spec.MaxUnavailable; most != nil {
			stay = replicas - most.IntValue()
		}
		if stay < 1 || stay >= replicas {
			t.Errorf("%d of %d replicas have to stay", stay, replicas)
		}
		return
	}
	t.Error("no PodDisruptionBudget is for the gateway")
}

// checkPolicies checks that each NetworkPolicy covers pods that there are, in both directions, and names ports that they have.
func checkPolicies(t *testing.T, objects []runtime.Object) {
	t.Helper()
	pods := podsOf(objects)
	for _, p := range of[*networking.NetworkPolicy](objects) {
		i := slices.IndexFunc(pods, func(pod core.PodTemplateSpec) bool { return covers(p.Spec.PodSelector.MatchLabels, pod.Labels) })
		if i < 0 || len(p.Spec.PodSelector.MatchLabels) == 0 || len(p.Spec.PolicyTypes) != 2 {
			t.Errorf("NetworkPolicy %s: covers pod %d, types %v", p.Name, i, p.Spec.PolicyTypes)
			continue
		}
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if !hasPort(&pods[i].Spec, port.Port.StrVal) {
					t.Errorf("NetworkPolicy %s: no pod has port %q", p.Name, port.Port.StrVal)
				}
			}
		}
	}
}

func covers(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

func hasPort(pod *core.PodSpec, name string) bool {
	return slices.ContainsFunc(containersOf(pod), func(c core.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == name })
	})
}
