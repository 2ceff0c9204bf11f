package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
	"tollgate/internal/testkubelet"
)

// inPod keeps what the gateway makes in one volume, and has its secrets and a certificate in another.
const inPod = `
listeners:
  - {name: internal, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {certificate: {internal: {dir: volume/ca, hosts: [gateway.example]}}}}
  - {name: files, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {certificate: {files: {cert: secret/gateway.crt, key: secret/gateway.key}}}}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, tls: {ca: ca.pem}}
credentials:
  customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {file: secret/customer_sk}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants: [{operations: [effect:read], credential: customer}]
audit: {dir: volume/audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`

// pod is a world whose gateway runs as a pod does: as a user that owns nothing but what it makes, in the group that the
// kubelet assigns volumes to. Without root it runs as the user who runs the tests.
type pod struct {
	*world
	binary  string
	group   int
	process *syscall.SysProcAttr
}

const podUser = 54321

func newPod(t *testing.T) *pod {
	t.Helper()
	p := &pod{world: newWorld(t, bsssim.Config{}), binary: binary, group: testkubelet.AnyGroup()}
	if os.Geteuid() == 0 {
		p.process = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: podUser, Gid: podUser, Groups: []uint32{uint32(p.group)}}}
		p.binary = p.copyBinary()
	}
	p.open()
	p.mkdir("volume", 0o770|fs.ModeSetgid)
	p.mkdir("secret", 0o755)
	p.issue("secret/gateway", gatewayLeaf)
	for _, a := range bsssim.DefaultAccounts() {
		if a.DomainID == "c-17" {
			p.write("secret/customer_sk", a.SecretKey)
		}
	}
	p.configure(inPod)
	p.handOver("secret/gateway.key", 0o440)
	p.handOver("secret/customer_sk", 0o440)
	p.handOver("tollgate.yaml", 0o440)
	return p
}

// open lets the pod's user reach the world's folder.
func (p *pod) open() {
	p.t.Helper()
	for at := p.dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pod) copyBinary() string {
	p.t.Helper()
	data, err := os.ReadFile(binary)
	if err == nil {
		err = errors.Join(os.WriteFile(p.file("tollgate"), data, 0o755), os.Chmod(p.file("tollgate"), 0o755))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return p.file("tollgate")
}

func (p *pod) mkdir(name string, mode fs.FileMode) {
	p.t.Helper()
	if err := os.Mkdir(p.file(name), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.handOver(name, mode)
}

// handOver changes a file to the pod's group, as kubelet does with what it mounts.
func (p *pod) handOver(name string, mode fs.FileMode) {
	p.t.Helper()
	if err := errors.Join(os.Chown(p.file(name), -1, p.group), os.Chmod(p.file(name), mode)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, args...)
	cmd.Env, cmd.SysProcAttr = append(slices.Clip(p.env), raceOptions), p.process
	return cmd
}

func (p *pod) start() *process {
	p.t.Helper()
	return launchCommand(p.t, p.command("run", "--config", p.config)).wait()
}

// mount does what kubelet does with the volume before a pod starts.
func (p *pod) mount() {
	p.t.Helper()
	if err := testkubelet.SetFSGroup(p.file("volume"), p.group); err != nil {
		p.t.Fatal(err)
	}
}

// check runs `tollgate check` and returns its notes on private files.
func (p *pod) check() (notes []string) {
	p.t.Helper()
	got := runCommand(p.t, p.command("check", "--config", p.config))
	if got.code != 0 {
		p.t.Errorf("check: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	for line := range strings.Lines(got.stdout) {
		if strings.Contains(line, " has mode ") {
			notes = append(notes, strings.TrimSpace(line))
		}
	}
	return notes
}

// entries returns the lines of the operational log with a message, by what is said of each.
func (p *process) entries(message string, say func(map[string]any) string) (all []string) {
	p.t.Helper()
	for line := range strings.Lines(p.log()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			all = append(all, say(entry))
		}
	}
	return all
}

// tightened returns "FILE MODE-FOUND MODE" of what was made private again.
func (p *process) tightened() []string {
	return p.entries("others could use a file of the gateway's own; it is for its owner only again", func(e map[string]any) string {
		return e["file"].(string) + " " + e["mode_found"].(string) + " " + e["mode"].(string)
	})
}

// exposed returns what is logged of files that others can use.
func (p *process) exposed() []string {
	return p.entries("others can use a private file", func(e map[string]any) string { return e["what"].(string) })
}

// warnings returns those of /readyz about private files.
func (p *process) warnings() (all []string) {
	p.t.Helper()
	status, body := p.readyz()
	var answer struct{ Warnings []string }
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil {
		p.t.Fatalf("readyz: %d %s, %v", status, body, err)
	}
	for _, w := range answer.Warnings {
		if strings.Contains(w, " has mode ") {
			all = append(all, w)
		}
	}
	return all
}

// quiet checks that nothing is said of files that others can use.
func (p *process) quiet(step string) {
	p.t.Helper()
	if logged, warned := p.exposed(), p.warnings(); len(logged)+len(warned) > 0 {
		p.t.Errorf("%s: logged %q, warned %q", step, logged, warned)
	}
}

// TestSecondStartInKubernetes applies the kubelet's rule between starts: the gateway starts each time, its keys are private
// again, and each is one line of the log. A start without a mount before says nothing.
func TestSecondStartInKubernetes(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	var leaf string
	own := func() map[string]fs.FileMode {
		return map[string]fs.FileMode{
			p.file("volume/audit"): 0o700, p.file("volume/audit/signing.key"): 0o600, p.file("volume/audit/hash.key"): 0o600,
			p.file("volume/audit/spend.state"): 0o600,
			p.file("volume/ca"):                0o700, p.file("volume/ca/authority.pem"): 0o600, leaf: 0o600,
		}
	}
	start := func(step string, want ...string) {
		t.Helper()
		running := p.start()
		running.quiet(step)
		running.stop()
		got := running.tightened()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: logged %q, want %q", step, got, want)
		}
		if notes := p.check(); len(notes) > 0 {
			t.Errorf("%s: check notes %q", step, notes)
		}
		if found, err := filepath.Glob(p.file("volume/ca/leaf-*.pem")); err != nil || len(found) != 1 {
			t.Fatalf("%s: leaves %q, %v", step, found, err)
		} else {
			leaf = found[0]
		}
		for path, want := range own() {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %s: %v, %v, want %v", step, path, info, err, want)
			}
		}
	}
	start("first")
	var mounted []string
	for path, mode := range own() {
		if mode == 0o700 {
			mounted = append(mounted, path+" 0770 0700")
		} else {
			mounted = append(mounted, path+" 0660 0600")
		}
	}
	for range 2 {
		p.mount()
		start("after a mount", mounted...)
		start("without a mount")
	}
	if got := runCommand(t, p.command("audit", "verify", "--dir", p.file("volume/audit"))); got.code != 0 {
		t.Errorf("audit verify: %d %s%s", got.code, got.stdout, got.stderr)
	}
	p.mount()
	if got := runCommand(t, p.command("audit", "rotate-key", "--dir", p.file("volume/audit"))); got.code != 0 ||
		!strings.Contains(got.stderr, "signing.key (mode 0660); it is for its owner only again") {
		t.Errorf("rotate-key: %d %s%s", got.code, got.stdout, got.stderr)
	}
	p.mount()
	start("with another key", append(mounted, p.file("volume/audit/signing.key.new")+" 0660 0600")...)
	start("with another key, again")
}

// TestAuditKeyOfASecret has the signing key in a folder of another user's, as a Secret with mode 0440 is mounted: it is taken
// without a word for our group, and with one when every user may read it.
func TestAuditKeyOfASecret(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can run the gateway as another user")
	}
	p := newPod(t)
	p.start().stop()
	key := p.file("secret/audit.key")
	if err := errors.Join(os.Rename(p.file("volume/audit/signing.key"), key), os.Chown(key, 0, -1)); err != nil {
		t.Fatal(err)
	}
	p.configure(replaceOnce(t, inPod, "audit: {dir: volume/audit}", "audit: {dir: volume/audit, key: {file: secret/audit.key}}"))
	p.handOver("tollgate.yaml", 0o440)
	p.handOver("secret/audit.key", 0o440)
	running := p.start()
	running.quiet("0440 and our group")
	running.stop()
	for _, c := range []struct {
		mode  fs.FileMode
		group int
		want  string
	}{
		{0o444, p.group, "has mode 0444: every user may read it;"},
		{0o444, 0, "has mode 0444: every user may read it;"},
		{0o464, 0, "has mode 0464: every user may read it, group 0, in which the gateway is not, may change it;"},
		{0o446, p.group, "has mode 0446: every user may read and change it;"},
	} {
		if err := errors.Join(os.Chown(key, 0, c.group), os.Chmod(key, c.mode)); err != nil {
			t.Fatal(err)
		}
		want := "audit.key.file: " + key + " " + c.want
		running := p.start()
		for where, got := range map[string][]string{"check": p.check(), "readiness": running.warnings(), "log": running.exposed()} {
			if len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("%#o: %s says %q, want %q", c.mode, where, got, want)
			}
		}
		running.stop()
		if got := running.tightened(); len(got) > 0 {
			t.Errorf("%#o: tightened %q", c.mode, got)
		}
		if info, err := os.Stat(key); err != nil || info.Mode() != c.mode {
			t.Errorf("the key became %v, %v", info.Mode(), err)
		}
	}
}

// TestSecretsThatOthersMayRead: they are taken, with a note in check, in the log once, and in readiness as long as it is true,
// also for files that come while the gateway runs.
func TestSecretsThatOthersMayRead(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	sk, key := p.file("secret/customer_sk"), p.file("secret/gateway.key")
	chmod := func(path string, mode fs.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(sk, 0o644)
	chmod(key, 0o666)
	want := []string{
		"credentials.customer.secret_key: " + sk + " has mode 0644: every user may read it; give it mode 0600, or 0440 and a group of the gateway",
		"listeners[1].tls.certificate.files.key: " + key + " has mode 0666: every user may read and change it; give it mode 0600, or 0440 and a group of the gateway",
	}
	if got := p.check(); !slices.Equal(got, want) {
		t.Errorf("check notes %q, want %q", got, want)
	}
	running := p.start()
	expect := func(step string, logged []string, warned ...string) {
		t.Helper()
		if got := running.warnings(); !slices.Equal(got, warned) {
			t.Errorf("%s: warned %q, want %q", step, got, warned)
		}
		eventually(t, step+": the log has come", func() bool { return len(running.exposed()) >= len(logged) })
		if got := running.exposed(); !slices.Equal(got, logged) {
			t.Errorf("%s: logged %q, want %q", step, got, logged)
		}
	}
	expect("at start", want, want...)
	chmod(sk, 0o440)
	expect("one is corrected", want, want[1])
	next := p.replace("secret/gateway", func() {})
	p.handOver("secret/gateway.key", 0o440)
	running.hangUp()
	expect("the other is replaced", want)
	if got := p.shown(running.address("files")); got.Cmp(next.Leaf.SerialNumber) != 0 {
		t.Errorf("certificate %x is served, want %x", got, next.Leaf.SerialNumber)
	}
	p.replace("secret/gateway", func() {})
	p.handOver("secret/gateway.key", 0o666)
	running.hangUp()
	running.hangUp()
	expect("replaced by one that is open", append(want, want[1]), want[1])
	running.stop()
}
