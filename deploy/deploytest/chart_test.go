package deploytest

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	chartFolder   = "deploy/helm/tollgate"
	exampleFolder = "deploy/helm/examples/"
)

// examples are the files of values that are used together, in this order.
var examples = map[string][]string{
	"central":    {"central"},
	"fleet":      {"central", "fleet"},
	"monitoring": {"central", "monitoring"},
	"production": {"central", "fleet", "monitoring", "production"},
}

// valuesOf returns the values of the files of an example, merged as the command merges those of several --values.
func valuesOf(t *testing.T, example string) map[string]any {
	t.Helper()
	merged := map[string]any{}
	for _, name := range examples[example] {
		values, err := loader.LoadValues(bytes.NewReader(readFile(t, exampleFolder+name+".yaml")))
		if err != nil {
			t.Fatal(err)
		}
		merged = loader.MergeMaps(merged, values)
	}
	return merged
}

// with returns the values of an example with others besides, which are YAML.
func with(t *testing.T, example, text string) map[string]any {
	t.Helper()
	more, err := loader.LoadValues(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return loader.MergeMaps(valuesOf(t, example), more)
}

func openChart(t *testing.T, folder string) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render returns what the templates of a chart make, those of tests among it, as the command `helm template` does.
func render(c *chart.Chart, release string, values map[string]any) (files map[string]string, err error) {
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: "tollgate", Revision: 1, IsInstall: true}
	all, err := commonutil.ToRenderValues(c, values, options, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// objectsOf renders a chart and decodes the objects strictly.
func objectsOf(t *testing.T, c *chart.Chart, release string, values map[string]any) (objects []runtime.Object) {
	t.Helper()
	files, err := render(c, release, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		made, err := decode([]byte(files[name]))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, files[name])
		}
		objects = append(objects, made...)
	}
	return objects
}

// TestChart renders the chart with the values of each example, decodes the objects strictly, and checks the gateway that they deploy.
func TestChart(t *testing.T) {
	for example := range examples {
		t.Run(example, func(t *testing.T) {
			objects := objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, example))
			checkGateway(t, example, objects)
			checkServices(t, objects)
			checkNames(t, objects)
		})
	}
}

// TestChartSidecar does so with the sample of an application's chart, which includes the templates of the sidecar.
func TestChartSidecar(t *testing.T) {
	app := openChart(t, exampleFolder+"app")
	app.AddDependency(openChart(t, chartFolder))
	objects := objectsOf(t, app, "shop", nil)
	_, set := checkGateway(t, "app", objects)
	checkNames(t, objects)
	pod := set.Spec.Template.Spec
	if gateway := pod.InitContainers[0]; gateway.RestartPolicy == nil || *gateway.RestartPolicy != "Always" {
		t.Error("it is no sidecar: the pod waits for its end")
	}
	if start := pod.InitContainers[0].StartupProbe; asked(start) != readyProbe {
		t.Errorf("the application starts after %q", asked(start))
	}
	if len(of[*core.Service](objects)) != 1 || len(podsOf(objects)) != 1 {
		t.Error("the chart makes objects of a central gateway besides")
	}
}

// TestChartLint lints the chart as helm lint --strict does: warnings are failures.
func TestChartLint(t *testing.T) {
	check := func(folder string, values map[string]any) {
		t.Helper()
		for _, m := range lint.RunAll(filepath.Join(root, folder), values, "tollgate").Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %v", folder, m)
			}
		}
	}
	check(chartFolder, nil)
	for example := range examples {
		check(chartFolder, valuesOf(t, example))
	}
}

// TestChartNotes: the notes name the next commands, and what is left open.
func TestChartNotes(t *testing.T) {
	const open = "networkPolicy.callers is empty"
	for example, isOpen := range map[string]bool{"central": true, "production": false} {
		files, err := render(openChart(t, chartFolder), "tollgate", valuesOf(t, example))
		if err != nil {
			t.Fatal(err)
		}
		notes := files["tollgate/templates/NOTES.txt"]
		if !strings.Contains(notes, "helm -n tollgate test tollgate") || strings.Contains(notes, open) != isOpen {
			t.Errorf("%s: %s", example, notes)
		}
	}
}
