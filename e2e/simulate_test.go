package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// simulatorProcess is a running `tollgate simulate`.
type simulatorProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout io.Reader
	stderr strings.Builder
	text   string // what it printed up to the line that was waited for
}

// simulate starts a simulator on a free port of loopback, and reads what it prints up to a line that has a part.
func simulate(t *testing.T, dir, last string, args ...string) *simulatorProcess {
	t.Helper()
	s := &simulatorProcess{t: t, cmd: exec.Command(binary, append([]string{"simulate", "--listen", "127.0.0.1:0"}, args...)...)}
	s.cmd.Env, s.cmd.Dir, s.cmd.Stderr = []string{raceOptions}, dir, &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	s.stdout = stdout
	lines := bufio.NewScanner(stdout)
	for !strings.Contains(s.text, last) {
		if !lines.Scan() {
			_ = s.cmd.Wait()
			t.Fatalf("the simulator ended: %s\n%s", s.text, s.stderr.String())
		}
		s.text += lines.Text() + "\n"
	}
	return s
}

// after returns the rest of the first line that begins so.
func (s *simulatorProcess) after(beginning string) string {
	s.t.Helper()
	for line := range strings.Lines(s.text) {
		if rest, ok := strings.CutPrefix(line, beginning); ok {
			return strings.TrimSpace(rest)
		}
	}
	s.t.Fatalf("no line begins with %q:\n%s", beginning, s.text)
	return ""
}

func (s *simulatorProcess) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, s.stdout)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("after SIGTERM: %v", err)
	}
}

// TestSimulate runs the simulator alone, for a developer who has no gateway: the SDK talks to it with the keys that it
// prints, and the control pages show what it did.
func TestSimulate(t *testing.T) {
	t.Parallel()
	s := simulate(t, "", "SIMMASTER0030", "--control", "127.0.0.1:0")
	for _, a := range bsssim.DefaultAccounts() {
		if a.DomainID == "c-17" {
			direct := &application{"http://" + s.after("BSS simulator (cn) on "), a.AccessKey, a.SecretKey, a.DomainID, &http.Transport{}, ""}
			if err := pay(direct.bss(t), "CS-1001"); err != nil {
				t.Errorf("paying at the simulator: %v\n%s", err, s.text)
			}
		}
		if !strings.Contains(s.text, a.AccessKey) || !strings.Contains(s.text, a.SecretKey) {
			t.Errorf("the keys of %s are not printed:\n%s", a.DomainID, s.text)
		}
	}
	control := s.after("control pages on ")
	if got := send(t, &http.Transport{}, request(t, "GET", strings.Replace(control, "/state", "/calls", 1), "")); !strings.Contains(got.body, `"operation": "PayOrders"`) {
		t.Errorf("%s says %d %s", control, got.status, got.body)
	}
	s.stop()
	if s.stderr.Len() > 0 {
		t.Errorf("on loopback it warns: %s", s.stderr.String())
	}
}

// TestSimulateSeed: what is built in can be printed, changed and used.
func TestSimulateSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	printed := run(t, nil, "simulate", "--print-seed")
	if printed.code != 0 || printed.stdout != string(bsssim.SeedYAML) {
		t.Fatalf("--print-seed: %d %s%s", printed.code, printed.stdout, printed.stderr)
	}
	changed := replaceOnce(t, printed.stdout, "balance: 500.00", "balance: 123.45")
	if err := os.WriteFile(filepath.Join(dir, "seed.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, dir, "SIMMASTER0030", "--control", "127.0.0.1:0", "--seed", "seed.yaml")
	if got := send(t, &http.Transport{}, request(t, "GET", s.after("control pages on "), "")); !strings.Contains(got.body, `"balance": 123.45`) {
		t.Errorf("the state has no such balance: %s", got.body)
	}
	s.stop()
	wrong := replaceOnce(t, changed, "balance: 123.45", "balanse: 123.45")
	if err := os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, nil, "simulate", "--listen", "127.0.0.1:0", "--seed", filepath.Join(dir, "wrong.yaml"))
	if got.code != 1 || !strings.Contains(got.stderr, "wrong.yaml:") || !strings.Contains(got.stderr, `did you mean "balance"?`) || got.stdout != "" {
		t.Errorf("a wrong seed: %d %s%s", got.code, got.stdout, got.stderr)
	}
}

// TestFirstHour does what a newcomer does: a simulator, the configuration that it writes, and a gateway, with the lines that are printed.
func TestFirstHour(t *testing.T) {
	t.Parallel()
	for name, withTLS := range map[string]bool{"plain HTTP": false, "HTTPS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"--write-config", "first try"}
			if withTLS {
				ca := testpki.Must(testpki.New())
				must(t, testpki.WriteFiles(testpki.Must(ca.Server("127.0.0.1")), filepath.Join(dir, "sim.crt"), filepath.Join(dir, "sim.key")))
				args = append(args, "--cert", "sim.crt", "--key", "sim.key")
			}
			s := simulate(t, dir, "  curl ", args...)
			checkPrivate(t, filepath.Join(dir, "first try"))
			config := filepath.Join(dir, "first try", "tollgate.yaml")
			shell := func(command string) (string, error) {
				cmd := exec.Command("sh", "-ec", command)
				cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), raceOptions, "TOLLGATE_AUDIT_DIR=" + filepath.Join(filepath.Dir(config), "audit")}
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := shell(binary + " check " + s.after("  "+binary+" check ")); err != nil {
				t.Errorf("check: %v\n%s", err, out)
			}
			cmd := exec.Command(binary, "run", "--config", config)
			cmd.Env = []string{raceOptions}
			p := launchCommand(t, cmd).wait()
			if out, err := shell("curl -sS " + s.after("  curl ")); err != nil || !strings.Contains(out, "CS-1001") {
				t.Errorf("curl: %v\n%s", err, out)
			}
			base := "http://" + p.address("sidecar")
			for language, message := range map[string]string{"en_US": "The order does not exist.", "zh_CN": "订单不存在。", "xx": "订单不存在。"} {
				out, err := shell("curl -sS -H 'X-Language: " + language + "' " + base + "/v2/orders/customer-orders/details/CS-0")
				if err != nil || !strings.Contains(out, message) {
					t.Errorf("in %s: %v\n%s", language, err, out)
				}
			}
			if out, err := shell("curl -sS -X POST " + base + `/v2/partners/sub-customers/query -H 'Content-Type: application/json' -d '{"limit":10}'`); err != nil || !strings.Contains(out, "c-17") {
				t.Errorf("with the partner's key: %v\n%s", err, out)
			}
			pay := "curl -sS -H 'Content-Type: application/json' -X POST " + base + "/v3/orders/customer-orders/pay -d "
			for _, order := range []string{"CS-1001", "CS-c-17-1", "CS-c-17-2"} {
				out, err := shell(pay + `'{"order_id":"` + order + `","use_coupon":"NO","use_discount":"NO"}' -w '%{http_code}'`)
				if err != nil || out != "204" {
					t.Errorf("paying %s: %v\n%s", order, err, out)
				}
			}
			if out, err := shell(pay + `'{"order_id":"CS-1002","use_coupon":"NO","use_discount":"NO"}'`); err != nil || !strings.Contains(out, "TG.3011") {
				t.Errorf("paying more than the cap: %v\n%s", err, out)
			}
			p.stop()
			out, err := shell(binary + " audit report --by operation")
			if err != nil || !strings.Contains(out, "PayOrders") || !strings.Contains(out, "297.00") {
				t.Errorf("report: %v\n%s", err, out)
			}
			s.stop()
		})
	}
}

// checkPrivate holds a written configuration to be its owner's alone.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return nil
	}))
	if files < 6 {
		t.Errorf("%s has %d files", dir, files)
	}
}

// TestWriteConfigOverwritesNothing: where one of the files is there, none is written.
func TestWriteConfigOverwritesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"tollgate.yaml", "secrets", "audit", "ca.pem"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600))
		args := []string{"simulate", "--listen", "127.0.0.1:0", "--write-config", dir}
		if name == "ca.pem" {
			ca := testpki.Must(testpki.New())
			crt, key := filepath.Join(t.TempDir(), "sim.crt"), filepath.Join(t.TempDir(), "sim.key")
			must(t, testpki.WriteFiles(testpki.Must(ca.Server("127.0.0.1")), crt, key))
			args = append(args, "--cert", crt, "--key", key)
		}
		got := run(t, nil, args...)
		entries, err := os.ReadDir(dir)
		if got.code != 1 || !strings.Contains(got.stderr, filepath.Join(dir, name)) || err != nil || len(entries) != 1 {
			t.Errorf("%s: exit code %d, %v, %v\n%s", name, got.code, entries, err, got.stderr)
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "mine" {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

// TestSimulateWarns: beyond loopback it says who can reach it. The configuration for it is refused, since a gateway sends plain HTTP
// to loopback only.
func TestSimulateWarns(t *testing.T) {
	t.Parallel()
	s := simulate(t, "", "SIMMASTER0030", "--listen", "0.0.0.0:0")
	s.stop()
	if got := s.stderr.String(); !strings.HasPrefix(got, "warning: ") || !strings.Contains(got, "keys are public") {
		t.Errorf("it warns with %q", got)
	}
}
