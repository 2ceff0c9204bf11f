package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"tollgate/fleet"
)

// manifest is what the test looks at in a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas int
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
				SecurityContext               podSecurity `yaml:"securityContext"`
				InitContainers                []container `yaml:"initContainers"`
				Containers                    []container
			}
		}
	}
}

type podSecurity struct {
	FSGroup             int    `yaml:"fsGroup"`
	FSGroupChangePolicy string `yaml:"fsGroupChangePolicy"`
}

type container struct {
	Image          string
	Args           []string
	StartupProbe   probe `yaml:"startupProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	VolumeMounts   []struct {
		MountPath   string `yaml:"mountPath"`
		SubPath     string `yaml:"subPath"`
		SubPathExpr string `yaml:"subPathExpr"`
	} `yaml:"volumeMounts"`
	Env       []variable
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
}

type variable struct {
	Name      string
	ValueFrom map[string]any `yaml:"valueFrom"`
}

type probe struct {
	Exec             struct{ Command []string }
	FailureThreshold int `yaml:"failureThreshold"`
}

// TestDeploy loads every configuration in deploy/, those in Kubernetes ConfigMaps included, without secrets and files.
func TestDeploy(t *testing.T) {
	loaded := 0
	err := filepath.WalkDir("../deploy", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		loaded++
		t.Run(filepath.ToSlash(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("\nkind: ")) {
				testManifests(t, path, data)
				return
			}
			deployed(t, path, data)
		})
		return nil
	})
	if err != nil || loaded < 5 {
		t.Errorf("%d files in deploy: %v", loaded, err)
	}
}

// deployed loads a sample: it has nothing that tollgate check would remark on, and what the probes need.
func deployed(t *testing.T, name string, text []byte) *Config {
	t.Helper()
	c, err := Parse(name, text, "/etc/tollgate", Options{LookupEnv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range c.Notes() {
		t.Errorf("%s: %s", name, note)
	}
	for _, one := range c.Credentials {
		if one.Keys == nil || strings.HasPrefix(one.Keys.File, "/run/credentials/") {
			t.Errorf("%s: the keys of credential %s cannot change whole while the gateway runs", name, one.Name)
		}
	}
	if c.Admin == nil || c.Audit.Dir != "/var/lib/tollgate/audit" {
		t.Errorf("%s: admin %+v, audit %+v", name, c.Admin, c.Audit)
	}
	return c
}

func testManifests(t *testing.T, path string, data []byte) {
	var config *Config
	var workload *manifest
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := m.Data["tollgate.yaml"]; ok {
			config = deployed(t, path+", ConfigMap", []byte(text))
			mounted(t, text, data)
		}
		if m.Kind == "StatefulSet" {
			workload = &m
		}
	}
	if config == nil || workload == nil {
		t.Fatalf("configuration %v, workload %v", config != nil, workload != nil)
	}
	if filepath.Base(path) == "central.yaml" {
		replicas(t, config, workload)
	}
	pod := workload.Spec.Template.Spec
	if s := pod.SecurityContext; s.FSGroup == 0 || s.FSGroupChangePolicy != "OnRootMismatch" {
		t.Errorf("%+v: the kubelet changes the group of all files again at each start", s)
	}
	gateway := append(pod.InitContainers, pod.Containers...)[0]
	for _, m := range gateway.VolumeMounts {
		if m.SubPath != "" || m.SubPathExpr != "" {
			t.Errorf("%s is mounted by subPath, which never follows a change", m.MountPath)
		}
	}
	for _, e := range gateway.Env {
		if e.ValueFrom != nil && fmt.Sprint(e.ValueFrom) != "map[fieldRef:map[fieldPath:metadata.name]]" { // a pod's name stays
			t.Errorf("%s is in the environment, which never follows a change", e.Name)
		}
	}
	stop := time.Duration(config.Bounds.Drain) + time.Duration(gateway.Lifecycle.PreStop.Sleep.Seconds)*time.Second
	if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace <= stop {
		t.Errorf("the pod is killed after %v, the gateway takes up to %v", grace, stop)
	}
	const ready, live = "/usr/bin/tollgate health --config /etc/tollgate/tollgate.yaml", "/usr/bin/tollgate health --live --config /etc/tollgate/tollgate.yaml"
	if got := strings.Join(gateway.ReadinessProbe.Exec.Command, " "); got != ready {
		t.Errorf("the probe for readiness runs %q", got)
	}
	// A start that reads a long log must not be killed for it.
	start, never := gateway.StartupProbe, gateway.StartupProbe.FailureThreshold == math.MaxInt32
	if got := strings.Join(start.Exec.Command, " "); got != live && !(got == ready && never) {
		t.Errorf("the probe of the start runs %q, up to %d times", got, start.FailureThreshold)
	}
}

// replicas checks that the members of the fleet are the pods that a StatefulSet makes, each under its own name.
func replicas(t *testing.T, config *Config, workload *manifest) {
	t.Helper()
	var pods []fleet.Name
	for i := range workload.Spec.Replicas {
		pods = append(pods, fleet.Name(fmt.Sprintf("%s-%d", workload.Metadata.Name, i)))
	}
	f := config.Fleet
	if len(pods) < 2 || f == nil || !slices.Equal(f.Members, pods) || f.Redis.TLS == nil {
		t.Fatalf("%d pods %v, fleet %+v", len(pods), pods, f)
	}
	if !slices.ContainsFunc(workload.Spec.Template.Spec.Containers[0].Env, func(e variable) bool { return e.Name == f.Name.Env && e.ValueFrom != nil }) {
		t.Errorf("no pod has its name in %s", f.Name.Env)
	}
}

var absolutePath = regexp.MustCompile(`(?:file|cert|key|ca|client_ca|dir): (/[^,} \n]+)`)

// mounted checks that each file of a configuration is below a mount of its manifest.
func mounted(t *testing.T, config string, manifest []byte) {
	t.Helper()
	for _, match := range absolutePath.FindAllStringSubmatch(config, -1) {
		found := false
		for dir := filepath.Dir(match[1]); dir != "/" && !found; dir = filepath.Dir(dir) {
			found = bytes.Contains(manifest, []byte("mountPath: "+dir+",")) || bytes.Contains(manifest, []byte("mountPath: "+dir+"}"))
		}
		if !found {
			t.Errorf("%s is below no mount", match[1])
		}
	}
}

// TestUnit holds the systemd unit to the configuration that it is for: secrets that it reads where they change, and time to drain.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile("../deploy/tollgate.service")
	if err != nil {
		t.Fatal(err)
	}
	central, err := os.ReadFile("../deploy/central.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := deployed(t, "central.yaml", central)
	match := regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`).FindSubmatch(unit)
	if match == nil {
		t.Fatal("the unit has no TimeoutStopSec")
	}
	if timeout, err := time.ParseDuration(string(match[1])); err != nil || timeout <= time.Duration(c.Bounds.Drain) {
		t.Errorf("the unit kills after %v (%v), the gateway drains for %v", timeout, err, c.Bounds.Drain)
	}
	// What is handed over in these ways is a copy of when the service started.
	if line := regexp.MustCompile(`(?m)^(Load|Set|Import)Credential.*$|^Environment.*$`).Find(unit); line != nil {
		t.Errorf("the unit has %s", line)
	}
	if c.PrivateFiles == nil {
		t.Error("central.yaml has no secrets")
	}
	group := regexp.MustCompile(`(?m)^SupplementaryGroups=(\S+)$`).FindSubmatch(unit)
	if group == nil {
		t.Fatal("the unit is in no group that may read the secrets")
	}
	for _, f := range c.PrivateFiles {
		if dir, name := filepath.Split(f.Path); dir == "/etc/tollgate/secrets/" && !regexp.MustCompile(`(?m)^#   install -m 0640 -g `+string(group[1])+` .*\b`+regexp.QuoteMeta(name)+`\b.* `+dir+`$`).Match(unit) {
			t.Errorf("the unit does not say who may read %s", f.Path)
		}
	}
}
