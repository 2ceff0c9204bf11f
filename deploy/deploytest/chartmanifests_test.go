package deploytest

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// likeness is what the chart and the manifests have in common, however each is written.
type likeness struct {
	Args                 []string
	Start, Ready, Live   *core.Probe
	Lifecycle            *core.Lifecycle
	RestartPolicy        *core.ContainerRestartPolicy
	Resources            core.ResourceRequirements
	User, Group, FSGroup int64
	Changed              *core.PodFSGroupChangePolicy
	AccessModes          []core.PersistentVolumeAccessMode
	State, Run           string // volumes
}

// likenessOf returns that of the StatefulSet of a gateway.
func likenessOf(t *testing.T, objects []runtime.Object) string {
	t.Helper()
	spec := of[*apps.StatefulSet](objects)[0].Spec
	pod := &spec.Template.Spec
	c := gatewayOf(pod)
	l := likeness{
		Args: c.Args, Start: c.StartupProbe, Ready: c.ReadinessProbe, Live: c.LivenessProbe, Lifecycle: c.Lifecycle, RestartPolicy: c.RestartPolicy, Resources: c.Resources,
		User: *either(c.SecurityContext.RunAsUser, pod.SecurityContext.RunAsUser), Group: *either(c.SecurityContext.RunAsGroup, pod.SecurityContext.RunAsGroup),
		FSGroup: *pod.SecurityContext.FSGroup, Changed: pod.SecurityContext.FSGroupChangePolicy, AccessModes: spec.VolumeClaimTemplates[0].Spec.AccessModes,
		State: volumeAt(pod, "/var/lib/tollgate"), Run: volumeAt(pod, "/run/tollgate"),
	}
	text, err := yaml.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func either(a, b *int64) *int64 {
	if a != nil {
		return a
	}
	return b
}

// volumeAt returns the kind and the size of the volume that the gateway has at a path.
func volumeAt(pod *core.PodSpec, path string) string {
	for _, m := range gatewayOf(pod).VolumeMounts {
		if m.MountPath != path {
			continue
		}
		for _, v := range pod.Volumes {
			if v.Name == m.Name && v.EmptyDir != nil {
				return string(v.EmptyDir.Medium) + " " + v.EmptyDir.SizeLimit.String()
			}
		}
		return "claim"
	}
	return ""
}

// TestChartIsAsTheManifests: what is deployed by the chart and by the manifests is the same gateway, with the same probes, bounds and users.
func TestChartIsAsTheManifests(t *testing.T) {
	app := openChart(t, exampleFolder+"app")
	app.AddDependency(openChart(t, chartFolder))
	for name, objects := range map[string][]runtime.Object{
		"central": objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, "fleet")),
		"sidecar": objectsOf(t, app, "shop", nil),
	} {
		file := "deploy/kubernetes/" + name + ".yaml"
		if got, want := likenessOf(t, objects), likenessOf(t, mustDecode(t, file, readFile(t, file))); got != want {
			t.Errorf("%s: the chart has\n%s\nthe manifest has\n%s", name, got, want)
		}
	}
	set := of[*apps.StatefulSet](objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, "fleet")))[0]
	manifest := of[*apps.StatefulSet](mustDecode(t, "central", readFile(t, "deploy/kubernetes/central.yaml")))[0]
	if set.Name != manifest.Name || set.Spec.VolumeClaimTemplates[0].Name != manifest.Spec.VolumeClaimTemplates[0].Name {
		t.Errorf("a release %s does not find the logs of %s", set.Name, manifest.Name)
	}
}
