package deploytest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"tollgate/internal/soaktest"
)

// TestChartByCommand lints, renders and packages with the command helm itself, which takes 100 seconds of processor time to compile. The other
// tests call the packages that it is made of.
func TestChartByCommand(t *testing.T) {
	if !soaktest.On() {
		t.Skip("make soak runs it")
	}
	command := filepath.Join(t.TempDir(), "helm")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "helm.sh/helm/v4/cmd/helm").CombinedOutput(); err != nil {
		t.Fatalf("building helm: %v\n%s", err, out)
	}
	for _, variable := range []string{"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		t.Setenv(variable, t.TempDir())
	}
	chartPath := filepath.Join(root, chartFolder)
	for _, example := range slices.Sorted(maps.Keys(examples)) {
		t.Run(example, func(t *testing.T) {
			helm(t, command, append([]string{"lint", "--strict", chartPath}, filesOf(example)...)...)
			text := helm(t, command, append([]string{"template", "tollgate", chartPath, "--namespace=tollgate"}, filesOf(example)...)...)
			sameObjects(t, mustDecode(t, example, []byte(text)), objectsOf(t, openChart(t, chartFolder), "tollgate", valuesOf(t, example)))
		})
	}
	packages := t.TempDir()
	helm(t, command, "package", chartPath, "--destination="+packages)
	checkPackage(t, filepath.Join(packages, "tollgate-"+newestVersion(t)+".tgz"))
	sidecarByCommand(t, command)
}

// sidecarByCommand follows the steps of a user whose chart depends on this one.
func sidecarByCommand(t *testing.T, command string) {
	t.Helper()
	deploy := t.TempDir()
	if err := os.CopyFS(filepath.Join(deploy, "helm/examples/app"), os.DirFS(filepath.Join(root, exampleFolder, "app"))); err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(filepath.Join(root, chartFolder))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(source, filepath.Join(deploy, "helm/tollgate")); err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(deploy, "helm/examples/app")
	helm(t, command, "dependency", "build", app)
	helm(t, command, "lint", "--strict", app)
	own := openChart(t, exampleFolder+"app")
	own.AddDependency(openChart(t, chartFolder))
	text := helm(t, command, "template", "shop", app, "--namespace=tollgate")
	sameObjects(t, mustDecode(t, "app", []byte(text)), objectsOf(t, own, "shop", nil))
}

func filesOf(example string) (flags []string) {
	for _, name := range examples[example] {
		flags = append(flags, "--values="+filepath.Join(root, exampleFolder, name+".yaml"))
	}
	return flags
}

func helm(t *testing.T, command string, args ...string) string {
	t.Helper()
	var problems strings.Builder
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s%s", args, err, out, problems.String())
	}
	return string(out)
}

// sameObjects checks that two renderings have the same objects, in any order.
func sameObjects(t *testing.T, got, want []runtime.Object) {
	t.Helper()
	texts := func(objects []runtime.Object) (texts []string) {
		for _, o := range objects {
			text, err := yaml.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		slices.Sort(texts)
		return texts
	}
	if a, b := texts(got), texts(want); !slices.Equal(a, b) {
		t.Errorf("helm template renders\n%s\nand the tests look at\n%s", strings.Join(a, "---\n"), strings.Join(b, "---\n"))
	}
}
