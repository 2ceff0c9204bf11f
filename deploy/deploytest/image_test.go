package deploytest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

const dockerfile = "deploy/Dockerfile"

// image runs the instructions of a Dockerfile without a container engine: files of stages are folders, commands run on this machine.
type image struct {
	t         *testing.T
	arguments map[string]string // of the build
	global    map[string]string // ARGs before the first FROM

	// of the stage that runs
	root    string // what / is; of a stage whose commands run, this machine's
	dir     string
	vars    map[string]string
	config  imageConfig // of the last stage
	context map[string]int64
}

// imageConfig is what an image says of the containers that run it.
type imageConfig struct {
	base, user, stop     string
	labels               map[string]string
	entrypoint, cmd      []string
	healthcheck, volumes []string
}

// build runs all stages. What the last one copies goes into the folder final.
func (b *image) build(final string) {
	b.t.Helper()
	tree, err := parser.Parse(bytes.NewReader(readFile(b.t, dockerfile)))
	if err != nil {
		b.t.Fatal(err)
	}
	stages, global, err := instructions.Parse(tree.AST, nil)
	if err != nil || len(stages) != 2 {
		b.t.Fatalf("%d stages, %v", len(stages), err)
	}
	b.global = map[string]string{}
	for _, arg := range global {
		b.declare(b.global, arg.Args, nil)
	}
	for i, stage := range stages {
		b.root, b.dir, b.vars, b.config = "/", "/", map[string]string{}, imageConfig{base: stage.BaseName, labels: map[string]string{}}
		if i == len(stages)-1 {
			b.root = final
		}
		for _, command := range stage.Commands {
			b.run(command)
		}
	}
}

// declare sets ARGs: to what the build is called with, else to that of the whole file, else to their default.
func (b *image) declare(vars map[string]string, args []instructions.KeyValuePairOptional, global map[string]string) {
	for _, arg := range args {
		value, given := b.arguments[arg.Key]
		if inherited, found := global[arg.Key]; !given && found {
			value, given = inherited, true
		}
		if !given && arg.Value != nil {
			value = *arg.Value
		}
		vars[arg.Key] = value
	}
}

// run runs one instruction. One that this test does not know fails it.
func (b *image) run(command instructions.Command) {
	b.t.Helper()
	if expandable, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		lex := shell.NewLex('\\')
		if err := expandable.Expand(func(word string) (string, error) {
			expanded, _, err := lex.ProcessWord(word, environment(b.vars))
			return expanded, err
		}); err != nil {
			b.t.Fatalf("%s: %v", command.Name(), err)
		}
	}
	switch c := command.(type) {
	case *instructions.ArgCommand:
		b.declare(b.vars, c.Args, b.global)
	case *instructions.WorkdirCommand:
		b.dir = b.resolve(c.Path)
	case *instructions.CopyCommand:
		b.copy(c)
	case *instructions.RunCommand:
		b.shell(c)
	default:
		b.configure(command)
	}
}

// configure notes what an image says of its containers.
func (b *image) configure(command instructions.Command) {
	b.t.Helper()
	switch c := command.(type) {
	case *instructions.LabelCommand:
		for _, label := range c.Labels {
			b.config.labels[label.Key] = label.Value
		}
	case *instructions.UserCommand:
		b.config.user = c.User
	case *instructions.StopSignalCommand:
		b.config.stop = c.Signal
	case *instructions.VolumeCommand:
		b.config.volumes = c.Volumes
	case *instructions.HealthCheckCommand:
		b.config.healthcheck = c.Health.Test
	case *instructions.EntrypointCommand:
		b.config.entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		b.config.cmd = c.CmdLine
	case *instructions.ExposeCommand:
	default:
		b.t.Fatalf("this test does not know how to run %s", command.Name())
	}
}

type environment map[string]string

func (e environment) Get(key string) (string, bool) { value, ok := e[key]; return value, ok }

func (e environment) Keys() []string { return slices.Collect(maps.Keys(e)) }

// resolve returns a path of the stage as one of this machine.
func (b *image) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Join(b.root, path)
	}
	return filepath.Join(b.dir, path)
}

// copy copies files of the context, or those of another stage with their owners and modes.
func (b *image) copy(c *instructions.CopyCommand) {
	b.t.Helper()
	target := b.resolve(c.DestPath)
	if err := os.MkdirAll(target, 0o755); err != nil {
		b.t.Fatal(err)
	}
	for _, source := range c.SourcePaths {
		if c.From == "" {
			b.copyContext(filepath.Clean(source), target)
		} else if out, err := exec.Command("cp", "-a", filepath.Clean(source)+"/.", target).CombinedOutput(); err != nil {
			b.t.Fatalf("copying from stage %s: %v, %s", c.From, err, out)
		}
	}
}

// copyContext copies a file, or all files, of the context.
func (b *image) copyContext(source, target string) {
	b.t.Helper()
	copied := 0
	for name := range b.context {
		if name != source && source != "." {
			continue
		}
		copied++
		to := filepath.Join(target, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(to, readFile(b.t, name), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	if copied == 0 {
		b.t.Fatalf("the context has no %s", source)
	}
}

// shell runs a command as the engine would, with the variables of the build beside those that Go needs to find its caches.
func (b *image) shell(c *instructions.RunCommand) {
	b.t.Helper()
	cmd := exec.Command("sh", "-c", strings.Join(c.CmdLine, " "))
	cmd.Dir, cmd.Env = b.dir, os.Environ()
	for key, value := range b.vars {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s: %v\n%s", strings.Join(c.CmdLine, " "), err, out)
	}
}

// buildImage builds the image and returns its root.
func buildImage(t *testing.T) (string, imageConfig) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of an image have owners, which only root can set")
	}
	dir := t.TempDir()
	b := &image{t: t, context: buildContext(t), arguments: map[string]string{
		"SRC": filepath.Join(dir, "src"), "OUT": filepath.Join(dir, "out"), "TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH, "BUILDPLATFORM": "linux/" + runtime.GOARCH,
		"VERSION": "1.2.3", "REVISION": "0123456789abcdef0123456789abcdef01234567", "CREATED": "2026-11-30T12:00:00Z",
	}}
	final := filepath.Join(dir, "image")
	if err := os.Mkdir(final, 0o755); err != nil {
		t.Fatal(err)
	}
	b.build(final)
	return final, b.config
}

// TestImage builds the image from the files of the context, looks at what is in it, and starts it as an engine would: as its user, on a read-only
// root, with the folders of a container.
func TestImage(t *testing.T) {
	folder, config := buildImage(t)
	checkFiles(t, folder)
	checkConfig(t, config)
	c := newContainer(t, folder, config)
	if got := c.command("version"); !strings.HasPrefix(got, "tollgate 1.2.3\ncommit 0123456789abcdef0123456789abcdef01234567\n") {
		t.Errorf("version prints %q", got)
	}
	if got := c.command("check", "--config", "/etc/tollgate/tollgate.yaml"); !strings.Contains(got, "the configuration is good") {
		t.Errorf("check prints %s", got)
	}
	c.serves()
}

// checkFiles compares the files of the image, with modes and owners, with what it should hold, and nothing else.
func checkFiles(t *testing.T, folder string) {
	t.Helper()
	want := []string{
		"drwxr-xr-x 0 etc", "drwxr-xr-x 0 etc/ssl", "drwxr-xr-x 0 etc/ssl/certs", "-rw-r--r-- 0 etc/ssl/certs/ca-certificates.crt", "drwxr-xr-x 0 etc/tollgate",
		"drwxr-xr-x 0 run", "drwx------ 65532 run/tollgate", "drwxr-xr-x 0 usr", "drwxr-xr-x 0 usr/bin", "-rwxr-xr-x 0 usr/bin/tollgate",
		"drwxr-xr-x 0 var", "drwxr-xr-x 0 var/lib", "drwx------ 65532 var/lib/tollgate",
	}
	var got []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != owner.Gid {
			t.Errorf("%s is of user %d and group %d", path, owner.Uid, owner.Gid)
		}
		got = append(got, fmt.Sprintf("%v %d %s", info.Mode(), owner.Uid, strings.TrimPrefix(path, folder+"/")))
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the image holds (%v)\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func checkConfig(t *testing.T, c imageConfig) {
	t.Helper()
	if c.base != "scratch" || c.user != "65532:65532" || c.stop != "SIGTERM" || !slices.Equal(c.volumes, []string{"/var/lib/tollgate"}) {
		t.Errorf("the image is from %s, for user %s, is stopped by %s and has the volumes %v", c.base, c.user, c.stop, c.volumes)
	}
	for label, want := range map[string]string{
		"title": "Tollgate", "licenses": "Apache-2.0", "version": "1.2.3", "revision": "0123456789abcdef0123456789abcdef01234567", "created": "2026-11-30T12:00:00Z",
	} {
		if got := c.labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("the label %s is %q, want %q", label, got, want)
		}
	}
	if c.labels["org.opencontainers.image.description"] == "" {
		t.Error("the image has no description")
	}
}
