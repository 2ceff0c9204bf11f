package deploytest

import (
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
)

// checkServices checks that each Service selects the gateway's pods alone and has ports of theirs, and each ServiceMonitor one Service, with a
// port that it has.
func checkServices(t *testing.T, objects []runtime.Object) {
	t.Helper()
	pods, services := podsOf(objects), of[*core.Service](objects)
	for _, s := range services {
		for i, pod := range pods {
			if selected := covers(s.Spec.Selector, pod.Labels); selected != (i == 0) {
				t.Errorf("Service %s selects pod %d of %d: %v", s.Name, i, len(pods), selected)
			}
		}
		for _, port := range s.Spec.Ports {
			if !hasPort(&pods[0].Spec, port.TargetPort.StrVal) {
				t.Errorf("Service %s: no pod has port %q", s.Name, port.TargetPort.StrVal)
			}
		}
	}
	for _, m := range of[*monitoring.ServiceMonitor](objects) {
		if n := scraped(m, services); n != 1 {
			t.Errorf("ServiceMonitor %s: %d Services", m.Name, n)
		}
	}
}

// scraped returns how many Services have what a ServiceMonitor asks.
func scraped(m *monitoring.ServiceMonitor, services []*core.Service) (n int) {
	for _, s := range services {
		if !covers(m.Spec.Selector.MatchLabels, s.Labels) {
			continue
		}
		for _, port := range s.Spec.Ports {
			if port.Name == m.Spec.Endpoints[0].Port {
				n++
			}
		}
	}
	return n
}

// checkNames checks names and labels as the API server does, and that the names fit which controllers make of them.
func checkNames(t *testing.T, objects []runtime.Object) {
	t.Helper()
	for _, o := range objects {
		object, err := meta.Accessor(o)
		if err != nil {
			t.Fatal(err)
		}
		problems := validation.IsDNS1035Label(object.GetName())
		if _, ok := o.(*apps.StatefulSet); ok {
			problems = append(problems, validation.IsDNS1123Label(object.GetName()+"-0123456789")...) // controller-revision-hash
		}
		for key, value := range object.GetLabels() {
			problems = append(append(problems, validation.IsQualifiedName(key)...), validation.IsValidLabelValue(value)...)
		}
		if len(problems) > 0 {
			t.Errorf("%T %s: %s", o, object.GetName(), strings.Join(problems, "; "))
		}
	}
	checkPodNames(t, podsOf(objects))
}

func checkPodNames(t *testing.T, pods []core.PodTemplateSpec) {
	t.Helper()
	for _, pod := range pods {
		for _, volume := range pod.Spec.Volumes {
			if problems := validation.IsDNS1123Label(volume.Name); problems != nil {
				t.Errorf("volume %s: %s", volume.Name, problems)
			}
		}
		for _, c := range containersOf(&pod.Spec) {
			for _, port := range c.Ports {
				if problems := validation.IsValidPortName(port.Name); problems != nil {
					t.Errorf("port %s: %s", port.Name, problems)
				}
			}
		}
	}
}

// TestChartNames: names are valid however the release and the chart are called.
func TestChartNames(t *testing.T) {
	long := strings.Repeat("a", 53) // the most that Helm allows of a release
	for _, values := range []string{"{}", "nameOverride: " + strings.Repeat("b", 63), "fullnameOverride: " + strings.Repeat("c", 52), "nameOverride: a"} {
		t.Run(values, func(t *testing.T) {
			objects := objectsOf(t, openChart(t, chartFolder), long, with(t, "central", values))
			checkNames(t, objects)
			checkServices(t, objects)
		})
	}
}
