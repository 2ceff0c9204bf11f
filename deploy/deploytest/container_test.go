package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// user is the user of the image.
const user = 65532

// patience is how long a test waits for what comes at once on a machine that has nothing else to do.
const patience = time.Minute

// container is an image with the folders that an engine adds. Each of its processes has mounts of its own, in which the root is read-only.
type container struct {
	t                       *testing.T
	image, etc, state, runs string // folders
	config                  imageConfig
}

// enter makes the mounts of a container, and runs a program of the image in it, as its user.
const enter = `image=$1 etc=$2 state=$3 runs=$4; shift 4
mount --bind "$image" "$image"
mount --rbind /proc "$image/proc"
mount --bind "$etc" "$image/etc/tollgate"
mount --bind "$state" "$image/var/lib/tollgate"
mount --bind "$runs" "$image/run/tollgate"
mount -o remount,ro,bind "$image/etc/tollgate"
mount -o remount,ro,bind "$image"
exec chroot --userspec=65532:65532 --groups=65532 "$image" "$@"`

// newContainer makes a container with the sidecar's sample as its configuration, on ports that are free.
func newContainer(t *testing.T, image string, config imageConfig) *container {
	t.Helper()
	dir := t.TempDir()
	c := &container{t, image, filepath.Join(dir, "etc"), filepath.Join(dir, "state"), filepath.Join(dir, "run"), config}
	for folder, owner := range map[string]int{image + "/proc": 0, c.etc: user, c.etc + "/secrets": user, c.state: user, c.runs: user} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(folder, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(image+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	sample := strings.NewReplacer("address: 127.0.0.1:8080", `address: "127.0.0.1:0"`, "address: 127.0.0.1:9090", `address: "127.0.0.1:0"`)
	c.write("tollgate.yaml", sample.Replace(string(readFile(t, "deploy/sidecar.yaml"))))
	c.write("secrets/acme.json", `{"Version": 1, "AccessKeyId": "AKOFATEST", "SecretAccessKey": "secret-of-a-test-0123456789"}`)
	return c
}

func (c *container) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.etc, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Chown(path, user, user); err != nil {
		c.t.Fatal(err)
	}
}

// process returns a process in the container, which ends with that of the test.
func (c *container) process(args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-ec", enter, "sh", c.image, c.etc, c.state, c.runs}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// command runs a command of the image to its end, which must be good.
func (c *container) command(args ...string) string {
	c.t.Helper()
	out, err := c.process(append(slices.Clone(c.config.entrypoint), args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v in the container: %v\n%s", args, err, out)
	}
	return string(out)
}

// serves runs the gateway as the image does, until it is ready and healthy, and stops it.
func (c *container) serves() {
	c.t.Helper()
	var log bytes.Buffer
	gateway := c.process(append(slices.Clone(c.config.entrypoint), c.config.cmd...)...)
	gateway.Stdout, gateway.Stderr = &log, &log
	if err := gateway.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	healthy := c.config.healthcheck[1:] // without CMD
	ready := slices.DeleteFunc(slices.Clone(healthy), func(word string) bool { return word == "--live" })
	for deadline := time.Now().Add(patience); c.process(ready...).Run() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = gateway.Process.Kill()
			<-ended
			c.t.Fatalf("the gateway in the container is not ready:\n%s", &log)
		}
	}
	if out, err := c.process(healthy...).CombinedOutput(); err != nil {
		c.t.Errorf("the health check: %v, %s", err, out)
	}
	if err := gateway.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Error(err)
	}
	if err := <-ended; err != nil {
		c.t.Errorf("the gateway in the container ends: %v\n%s", err, &log)
	}
}
