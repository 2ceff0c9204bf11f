package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func archiveOf(t *testing.T, arch string) string {
	t.Helper()
	r := made(t)
	return filepath.Join(r.out, r.name(platform{"linux", arch})+".oci.tar")
}

// laidOut unpacks the archive of an image, and returns the image as a reader of OCI layouts sees it.
func laidOut(t *testing.T, arch string) v1.Image {
	t.Helper()
	dir := t.TempDir()
	for name, f := range unpack(t, bytes.NewReader(read(t, archiveOf(t, arch)))) {
		place(t, dir, name, f)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Platform.String() != "linux/"+arch {
		t.Fatalf("%+v, %v", manifest, err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// place makes a file or folder of an archive, with its mode, and its owner where that is not root.
func place(t *testing.T, dir, name string, f file) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if f.header.FileInfo().IsDir() {
		err = errors.Join(err, os.MkdirAll(path, 0o755))
	} else {
		err = errors.Join(err, os.WriteFile(path, f.data, 0o600))
	}
	if f.header.Uid != 0 {
		err = errors.Join(err, os.Chown(path, f.header.Uid, f.header.Gid))
	}
	if err = errors.Join(err, os.Chmod(path, f.header.FileInfo().Mode().Perm())); err != nil {
		t.Fatal(err)
	}
}

// TestImage: readers of both formats find the same image, which says what deploy/Dockerfile says.
func TestImage(t *testing.T) {
	for _, p := range tested() {
		if p.runs() {
			t.Run(p.arch, func(t *testing.T) { testImage(t, p.arch) })
		}
	}
}

func testImage(t *testing.T, arch string) {
	image, r := laidOut(t, arch), made(t)
	docker, err := tarball.ImageFromPath(archiveOf(t, arch), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(validate.Image(image), validate.Image(docker)); err != nil {
		t.Error(err)
	}
	name, err := image.ConfigName()
	if other, problem := docker.ConfigName(); err != nil || problem != nil || name != other {
		t.Errorf("Docker reads %v, %v; others %v, %v", other, problem, name, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != arch || !config.Created.Equal(r.version.Time) {
		t.Errorf("%+v", config)
	}
	said(t, config.Config, r)
}

// said compares what an image says with the last stage of the Dockerfile, line by line.
func said(t *testing.T, c v1.Config, r *release) {
	t.Helper()
	_, stage, _ := strings.Cut(string(read(t, filepath.Join(r.root, "deploy", "Dockerfile"))), "\nFROM scratch\n")
	list := func(words []string) string {
		text, err := json.Marshal(words)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), ",", ", ")
	}
	for _, line := range []string{
		"USER " + c.User, "STOPSIGNAL " + c.StopSignal, "ENTRYPOINT " + list(c.Entrypoint), "CMD " + list(c.Cmd),
		"HEALTHCHECK --interval=" + c.Healthcheck.Interval.String() + " --timeout=" + c.Healthcheck.Timeout.String() + " CMD " + list(c.Healthcheck.Test[1:]),
	} {
		if !strings.Contains(stage, "\n"+line+"\n") {
			t.Errorf("the Dockerfile has no line %s", line)
		}
	}
	for port := range c.ExposedPorts {
		if !strings.Contains(stage, "\nEXPOSE "+strings.TrimSuffix(port, "/tcp")+"\n") {
			t.Errorf("port %s", port)
		}
	}
	if _, ok := c.Volumes["/var/lib/tollgate"]; !ok || len(c.Volumes) != 1 {
		t.Errorf("volumes %v", c.Volumes)
	}
	for label, want := range map[string]string{"version": r.version.Name, "revision": r.version.Commit, "created": r.version.Time.Format(time.RFC3339)} {
		if got, ok := c.Labels["org.opencontainers.image."+label]; strings.Contains(stage, "image."+label) && (!ok || got != want) {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
}

// contained is the file system of the image, in a folder that processes can be locked into.
type contained struct {
	t    *testing.T
	root string
	uid  uint32
}

func contain(t *testing.T) contained {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can lock a process into a folder")
	}
	layers, err := laidOut(t, "amd64").Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(len(layers), err)
	}
	contents, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	c := contained{t, t.TempDir(), 65532}
	files := unpack(t, contents)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}) {
		place(t, c.root, name, files[name])
	}
	return c
}

// command is the program of the image as an engine starts it: its user, and nothing else of the machine.
func (c contained) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "/usr/bin/tollgate", args...)
	cmd.Dir, cmd.Env, cmd.Err = "/", []string{"PATH=/usr/bin"}, nil
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: c.root, Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}, Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// configure puts the sample of a sidecar into the image, with made-up keys, and addresses that the system chooses.
func (c contained) configure() {
	c.t.Helper()
	sample := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:9090", "127.0.0.1:0").Replace(string(read(c.t, "../deploy/sidecar.yaml")))
	secrets := filepath.Join(c.root, "etc", "tollgate", "secrets")
	keys := filepath.Join(secrets, "acme.json")
	err := errors.Join(os.Mkdir(secrets, 0o755), os.WriteFile(filepath.Join(c.root, "etc", "tollgate", "tollgate.yaml"), []byte(sample), 0o644),
		os.WriteFile(keys, []byte(`{"Version": 1, "AccessKeyId": "MADEUPMADEUPMADEUP12", "SecretAccessKey": "made-up-made-up-made-up-made-up-made-up1"}`), 0o600),
		os.Chown(keys, int(c.uid), int(c.uid)))
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestContainer starts what is in the image in its file system, as its user: it needs nothing of the machine.
func TestContainer(t *testing.T) {
	c := contain(t)
	if out, err := c.command("version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "tollgate "+made(t).version.Name+"\n") {
		t.Fatalf("version: %v: %s", err, out)
	}
	c.configure()
	if out, err := c.command("check", "--config", "/etc/tollgate/tollgate.yaml").CombinedOutput(); err != nil {
		t.Fatalf("check: %v: %s", err, out)
	}
	if roots := read(t, filepath.Join(c.root, "etc/ssl/certs/ca-certificates.crt")); bytes.Count(roots, []byte("BEGIN CERTIFICATE")) < 100 {
		t.Errorf("%d authorities", bytes.Count(roots, []byte("BEGIN CERTIFICATE")))
	}
	c.serve()
}

// serve runs a gateway until it is ready, and ends it as an engine does.
func (c contained) serve() {
	c.t.Helper()
	gateway, logs := c.command("run", "--config", "/etc/tollgate/tollgate.yaml"), filepath.Join(c.t.TempDir(), "log")
	out, err := os.Create(logs)
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	gateway.Stdout, gateway.Stderr = out, out
	if err := gateway.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if c.command("health", "--socket", "/run/tollgate/admin.sock").Run() == nil {
			break
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			_ = gateway.Process.Kill()
			c.t.Fatalf("it was not ready: %s", read(c.t, logs))
		}
	}
	if err := errors.Join(gateway.Process.Signal(syscall.SIGTERM), <-ended); err != nil {
		c.t.Errorf("it ended with %v: %s", err, read(c.t, logs))
	}
}
