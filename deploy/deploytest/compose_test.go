package deploytest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

const composeFile = "deploy/compose/compose.yaml"

// loadCompose loads the project as Compose does, held against its schema; only the variables that are given are set.
func loadCompose(t *testing.T, variables ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, composeFile)}, cli.WithEnv(variables), cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestCompose holds each service against what the others and the host are protected by.
func TestCompose(t *testing.T) {
	project := loadCompose(t)
	if names := project.ServiceNames(); !slices.Equal(names, []string{"gateway-a", "gateway-b", "grafana", "prometheus", "redis", "setup", "simulator", "try"}) {
		t.Errorf("services %v", names)
	}
	for name, s := range project.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Privileged || s.PidsLimit == 0 {
			t.Errorf("%s is not hardened", name)
		}
		if name != "setup" && len(s.CapAdd) > 0 {
			t.Errorf("%s has %v", name, s.CapAdd)
		}
		if once := s.Restart == "no"; !once && (s.HealthCheck == nil || s.MemLimit == 0 || s.Build == nil && (s.User == "" || strings.HasPrefix(s.User, "0"))) {
			t.Errorf("%s: health check %v, memory %d, user %q", name, s.HealthCheck, s.MemLimit, s.User)
		}
		checkImage(t, name, &s)
		checkVolumes(t, name, &s)
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q", name, port.Published, port.HostIP)
			}
		}
	}
	if !project.Networks["inside"].Internal {
		t.Error("the network inside reaches others")
	}
	for _, name := range []string{"redis", "simulator", "try"} {
		if networks := slices.Collect(maps.Keys(project.Services[name].Networks)); !slices.Equal(networks, []string{"inside"}) {
			t.Errorf("%s is on %v", name, networks)
		}
	}
	if on := project.Services["try"].Profiles; !slices.Equal(on, []string{"try"}) {
		t.Errorf("try runs with the profiles %v", on)
	}
}

// TestComposePorts: other ports can be chosen.
func TestComposePorts(t *testing.T) {
	for service, variable := range map[string]string{"gateway-a": "GATEWAY_A_PORT", "gateway-b": "GATEWAY_B_PORT", "prometheus": "PROMETHEUS_PORT", "grafana": "GRAFANA_PORT"} {
		if port := loadCompose(t, variable+"=7777").Services[service].Ports[0]; port.Published != "7777" || port.HostIP != "127.0.0.1" {
			t.Errorf("%s=7777 publishes %s of %s on %s", variable, port.Published, service, port.HostIP)
		}
	}
}

var (
	pinned    = regexp.MustCompile(`^[a-z/]+:v?\d+\.\d+\.\d+$`)
	baseImage = regexp.MustCompile(`(?m)^FROM .*?(golang:\S+) AS build$`)
)

// checkImage checks that an image is built here, or named by its whole version, and that of Go is the one that the build pulls anyway.
func checkImage(t *testing.T, name string, s *types.ServiceConfig) {
	t.Helper()
	if s.Build != nil {
		if file := filepath.Join(s.Build.Context, s.Build.Dockerfile); !isFile(file) || s.Image != "tollgate:compose" {
			t.Errorf("%s is built as %s by %s", name, s.Image, file)
		}
		return
	}
	if !pinned.MatchString(s.Image) {
		t.Errorf("%s has the image %s", name, s.Image)
	}
	if base := baseImage.FindSubmatch(readFile(t, dockerfile)); strings.HasPrefix(s.Image, "golang") && (base == nil || s.Image != string(base[1])) {
		t.Errorf("%s has the image %s, the Dockerfile %s", name, s.Image, base)
	}
}

// checkVolumes checks that files of the repository are there and not written, and that secrets reach their readers alone.
func checkVolumes(t *testing.T, name string, s *types.ServiceConfig) {
	t.Helper()
	readers := map[string]string{"try": "caller-secrets", "gateway-a": "gateway-secrets", "gateway-b": "gateway-secrets"}
	own := readers[name]
	if own == "" {
		own = name + "-secrets"
	}
	for _, v := range s.Volumes {
		switch {
		case v.Type == types.VolumeTypeBind:
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s: %s is mounted, read-only %v: %v", name, v.Source, v.ReadOnly, err)
			}
		case strings.HasSuffix(v.Source, "-secrets") && name != "setup" && (v.Source != own || !v.ReadOnly):
			t.Errorf("%s reads %s, read-only %v", name, v.Source, v.ReadOnly)
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Provisioning files of Grafana, as its documentation has them.
type (
	dataSources struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault, Editable          bool
		}
	}
	dashboards struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type              string
			DisableDeletion, AllowUIUpdates bool
			Options                         struct{ Path string }
		}
	}
)

// TestGrafanaProvisioning reads Grafana's files strictly, and holds them against the services: where Prometheus is, and where dashboards are.
func TestGrafanaProvisioning(t *testing.T) {
	var sources dataSources
	var boards dashboards
	for file, into := range map[string]any{"datasources/prometheus.yaml": &sources, "dashboards/tollgate.yaml": &boards} {
		if err := yaml.UnmarshalStrict(readFile(t, "deploy/grafana/provisioning/"+file), into); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if len(sources.Datasources) != 1 || len(boards.Providers) != 1 || sources.APIVersion != 1 || boards.APIVersion != 1 {
		t.Fatalf("%+v, %+v", sources, boards)
	}
	services := loadCompose(t).Services
	if want := fmt.Sprintf("http://prometheus:%d", services["prometheus"].Ports[0].Target); sources.Datasources[0].URL != want {
		t.Errorf("Grafana asks %s, Prometheus is at %s", sources.Datasources[0].URL, want)
	}
	folder := mountedAt(services["grafana"], boards.Providers[0].Options.Path)
	if found, err := filepath.Glob(filepath.Join(folder, "*.json")); folder == "" || err != nil {
		t.Errorf("dashboards %v of %q: %v", found, folder, err)
	}
}

// mountedAt returns what a container has at a path: a folder of this machine, or the name of a volume.
func mountedAt(s types.ServiceConfig, path string) string {
	for _, v := range s.Volumes {
		if v.Target == path {
			return v.Source
		}
	}
	return ""
}
