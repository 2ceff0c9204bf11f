package deploytest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestChartPackage: the package has what the chart needs, the alerts of deploy/prometheus among it, and nothing else.
func TestChartPackage(t *testing.T) {
	archive, err := chartutil.Save(openChart(t, chartFolder), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if want := "tollgate-" + newestVersion(t) + ".tgz"; filepath.Base(archive) != want {
		t.Errorf("the package is %s, want %s", filepath.Base(archive), want)
	}
	checkPackage(t, archive)
}

func checkPackage(t *testing.T, archive string) {
	t.Helper()
	got, want := entriesOf(t, archive), chartFiles(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the package has %q\nwant %q", got, want)
	}
}

// chartFiles returns the files of the chart, and what its links lead to.
func chartFiles(t *testing.T) []string {
	t.Helper()
	files := []string{".helmignore", "Chart.yaml", "README.md", "values.schema.json", "values.yaml"}
	for folder, from := range map[string]string{"templates": chartFolder + "/templates", "files/prometheus": "deploy/prometheus", "files/grafana": "deploy/grafana"} {
		err := fs.WalkDir(os.DirFS(filepath.Join(root, from)), ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && (folder == "templates" || filepath.Dir(name) == ".") {
				files = append(files, folder+"/"+name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		files[i] = "tollgate/" + files[i]
	}
	return files
}

// entriesOf returns the names of what is in an archive of a chart.
func entriesOf(t *testing.T, archive string) (names []string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for reader := tar.NewReader(unpacked); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

// newestVersion returns the newest version in the changelog that is out.
func newestVersion(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - `).FindSubmatch(readFile(t, "CHANGELOG.md"))
	if match == nil {
		t.Fatal("CHANGELOG.md has no version")
	}
	return string(match[1])
}

// TestChartVersion: chart and gateway are released together, and what depends on the chart names this version.
func TestChartVersion(t *testing.T) {
	version := newestVersion(t)
	if m := openChart(t, chartFolder).Metadata; m.AppVersion != version || m.Version != version {
		t.Errorf("the chart is %s of %s, and the newest version %s", m.Version, m.AppVersion, version)
	}
	if d := openChart(t, exampleFolder+"app").Metadata.Dependencies; len(d) != 1 || d[0].Version != version {
		t.Errorf("the sample of an application depends on %+v", d)
	}
}

// TestChartDashboards: the chart deploys the dashboards of deploy/grafana, all of them and as they are.
func TestChartDashboards(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "deploy/grafana/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	maps := of[*core.ConfigMap](objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, "monitoring")))
	i := slices.IndexFunc(maps, func(m *core.ConfigMap) bool { return m.Labels["grafana_dashboard"] == "1" })
	if i < 0 || len(maps[i].Data) != len(files) {
		t.Fatalf("ConfigMap %d of %d has not %d dashboards", i, len(maps), len(files))
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || maps[i].Data[filepath.Base(file)] != string(text) {
			t.Errorf("%s differs: %v", filepath.Base(file), err)
		}
	}
}

// TestChartRules: the chart deploys the alerts of deploy/prometheus, all of them and as they are.
func TestChartRules(t *testing.T) {
	rules := of[*monitoring.PrometheusRule](objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, "monitoring")))
	if len(rules) != 1 {
		t.Fatalf("%d PrometheusRules", len(rules))
	}
	files, err := filepath.Glob(filepath.Join(root, "deploy/prometheus/*.yml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files of rules, %v", len(files), err)
	}
	want := monitoring.PrometheusRuleSpec{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var one monitoring.PrometheusRuleSpec
		if err := yaml.UnmarshalStrict(text, &one); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		want.Groups = append(want.Groups, one.Groups...)
	}
	byName := func(a, b monitoring.RuleGroup) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(rules[0].Spec.Groups, byName)
	slices.SortFunc(want.Groups, byName)
	got, _ := yaml.Marshal(rules[0].Spec)
	if wanted, _ := yaml.Marshal(want); string(got) != string(wanted) {
		t.Errorf("the chart's rules are\n%s\nwant\n%s", got, wanted)
	}
}
