package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
)

// TestSimulate runs the simulator alone, for a developer who has no gateway: the SDK talks to it with the keys that it
// prints, and the control pages show what it did.
func TestSimulate(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(binary, "simulate", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0")
	cmd.Env = []string{raceOptions}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	var address, control, text string
	lines := bufio.NewScanner(stdout)
	for accounts := 0; accounts < len(bsssim.DefaultAccounts()) && lines.Scan(); {
		line := lines.Text()
		text += line + "\n"
		switch {
		case strings.HasPrefix(line, "BSS simulator"):
			address = line[strings.LastIndexByte(line, ' ')+1:]
		case strings.HasPrefix(line, "control pages"):
			control = line[strings.LastIndexByte(line, ' ')+1:]
		case strings.Contains(line, " AK "):
			accounts++
		}
	}
	for _, a := range bsssim.DefaultAccounts() {
		if a.DomainID == "c-17" {
			direct := &application{"http://" + address, a.AccessKey, a.SecretKey, a.DomainID, &http.Transport{}, ""}
			if err := pay(direct.bss(t), "CS-1001"); err != nil {
				t.Errorf("paying at the simulator: %v\n%s", err, text)
			}
		}
		if !strings.Contains(text, a.AccessKey) || !strings.Contains(text, a.SecretKey) {
			t.Errorf("the keys of %s are not printed:\n%s", a.DomainID, text)
		}
	}
	if got := send(t, &http.Transport{}, request(t, "GET", strings.Replace(control, "/state", "/calls", 1), "")); !strings.Contains(got.body, `"operation": "PayOrders"`) {
		t.Errorf("%s says %d %s", control, got.status, got.body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	ended = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
