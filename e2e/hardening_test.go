package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// TestHardened is of what a confined gateway refuses, and of the ways to allow it. That it does all else is what the other tests of this package
// show, whose gateways are confined too.
func TestHardened(t *testing.T) {
	t.Parallel()
	w, elsewhere := newWorld(t, bsssim.Config{}), t.TempDir()
	outside := func(name, text string) string {
		t.Helper()
		path := elsewhere + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := outside("office.sk", officeSecret+"\n")
	text := standard + unlimited
	p := w.configure(text).start()
	if !strings.Contains(p.log(), "the process has dropped its access to all files but those of some folders") {
		t.Errorf("the log does not say that the process is confined: %s", p.log())
	}
	if status := procStatus(t, p, "NoNewPrivs"); status != "1" {
		t.Errorf("NoNewPrivs is %s", status)
	}

	refused := func(why, text string) {
		t.Helper()
		w.configure(text)
		p.reload("the configuration was not reloaded")
		if !strings.Contains(p.log(), why) {
			t.Errorf("the log does not say %q: %s", why, p.log())
		}
		if status := w.provinces(t, p.address("plain")); status != http.StatusOK {
			t.Errorf("what ran is answered %d", status)
		}
	}
	named := replaceOnce(t, text, "{file: office.sk}", fmt.Sprintf("{file: %q}", key))
	line := strings.Count(named[:strings.Index(named, key)], "\n") + 1
	says := key + " is outside of the folders that the gateway may use since its start (hardening.landlock)"
	refused(fmt.Sprintf("tollgate.yaml line %d: %s", line, says), named)
	// The same by a link that stands where the gateway may read.
	if err := os.Symlink(key, w.file("linked.sk")); err != nil {
		t.Fatal(err)
	}
	refused(w.file("linked.sk")+" is outside of the folders", replaceOnce(t, text, "{file: office.sk}", "{file: linked.sk}"))
	refused("a change of hardening.paths needs a restart", text+fmt.Sprintf("hardening: {landlock: require, paths: [{path: %q}]}\n", elsewhere))
	w.configure(text)
	p.reload("the configuration was reloaded")

	// What no reload names meets the kernel: a certificate that is watched, and leads outside now.
	before := w.shown(p.address("https"))
	certificate := testpki.Must(w.ca.Issue(gatewayLeaf))
	if err := testpki.WriteFiles(certificate, elsewhere+"/gateway.crt", elsewhere+"/gateway.key"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway.crt", "gateway.key"} {
		if err := os.Symlink(elsewhere+"/"+name, w.file(name+".new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(w.file(name+".new"), w.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	p.reload("permission denied")
	if w.shown(p.address("https")).Cmp(before) != 0 {
		t.Error("a certificate from outside is shown")
	}
	p.stop()

	// A start with the folder among its paths takes both.
	w.configure(replaceOnce(t, named, "audit: {dir: audit}", fmt.Sprintf("hardening: {landlock: require, paths: [{path: %q}]}\naudit: {dir: audit}", elsewhere)))
	p = w.start()
	if got, want := w.shown(p.address("https")), certificate.Leaf; want != nil && got.Cmp(want.SerialNumber) != 0 {
		t.Error("the certificate of a folder that is allowed is not shown")
	}
	p.stop()
}

// procStatus returns what /proc says of a process.
func procStatus(t testing.TB, p *process, key string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestHardeningNeedsAKernel: where the kernel has no Landlock, require ends the start, and try says so.
func TestHardeningNeedsAKernel(t *testing.T) {
	t.Parallel()
	const kernel = "landlock_create_ruleset"
	// With -D the gateway is the process that is started, and strace its child.
	without := []string{"strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace=" + kernel, "-e", fmt.Sprintf("inject=%s:error=%v", kernel, "ENOSYS")}
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	cmd := exec.Command(without[0], append(without[1:], w.binary, "run", "--config", w.config)...)
	cmd.Env = append(w.env, raceOptions)
	got := runCommand(t, cmd)
	if got.code != 1 || !strings.Contains(got.stderr, "hardening.landlock is require: this kernel has no Landlock (ABI 3 is needed, Linux 6.2)") || strings.Contains(got.stderr, `"listening"`) {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	p := w.configure(standard + unlimited + "hardening: {landlock: try}\n").startWith(without...)
	if _, body := p.readyz(); !strings.Contains(body, "hardening.landlock is try, and files are not restricted: this kernel has ABI 0") {
		t.Errorf("readiness does not say that files are not restricted: %s", body)
	}
	if status := w.provinces(t, p.address("plain")); status != http.StatusOK {
		t.Errorf("answer %d", status)
	}
	p.stop()
}
