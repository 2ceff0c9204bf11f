package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
)

// reloads has a running gateway take another configuration, and refuse a broken one, by which commands still find it.
func (w *world) reloads() {
	w.t.Helper()
	w.configure(standard + unlimited)
	command := []string{"reload", "--config", w.config}
	for _, c := range []struct{ flag, want string }{
		{"--dry-run=true", "a reload would change\n  limits.published "}, {"--dry-run=false", "reloaded\n  limits.published "},
		{"--dry-run=true", "a reload would change nothing\n"}, {"--dry-run=false", "the configuration is the same; "},
	} {
		if got := run(w.t, w.env, append(command, c.flag)...); got.code != 0 || !strings.HasPrefix(got.stdout, c.want) {
			w.t.Errorf("reload %s: %+v, want %q", c.flag, got, c.want)
		}
	}
	w.write(filepath.Base(w.config), "admin: {")
	if got := run(w.t, w.env, command...); got.code != 1 || !strings.HasPrefix(got.stderr, "tollgate: the reload was refused; the gateway goes on with the configuration that it has:\n"+w.config+":1:") {
		w.t.Errorf("reload of a broken file: %+v", got)
	}
	if got := run(w.t, w.env, "status", "--config", w.config); got.code != 0 || !strings.Contains(got.stdout, "\n  refused ") {
		w.t.Errorf("status by a broken file: %+v", got)
	}
}

// askAsAnother asks as another user, whom the modes of the files let in.
func askAsAnother(t *testing.T, socket string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return // only root can be another
	}
	for name, mode := range map[string]os.FileMode{filepath.Dir(runtimeDir): 0o755, runtimeDir: 0o755, socket: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "status", "--socket", socket)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", []string{raceOptions}, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "uid 65534 (process ") || !strings.Contains(string(out), "may not use the admin socket") {
		t.Errorf("another user: %v, %s", err, out)
	}
}

// TestAdminSocket: commands find the socket of a running gateway by its configuration, and say so when there is none. The admin address
// serves no act.
func TestAdminSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.configure(standard)
	status := []string{"status", "--config", w.config}
	if got := run(t, w.env, status...); got.code != 1 || !strings.Contains(got.stderr, "is not running: there is no admin socket at "+runtimeDir) {
		t.Errorf("before the start: %+v", got)
	}
	p := launch(t, w.config, w.env)
	<-p.up
	if got := run(t, w.env, status...); got.code != 0 || !strings.Contains(got.stdout, "configuration "+w.config) || !strings.Contains(got.stdout, "admin socket") {
		t.Errorf("status: %+v", got)
	}
	var answer struct {
		Credentials []struct{ Name string }
		Listeners   []struct{ Name, Address string }
	}
	got := run(t, w.env, append(status, "--json")...)
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || len(answer.Credentials) == 0 || len(answer.Listeners) < 3 {
		t.Errorf("status --json: %v, %+v", err, got)
	}
	var socket string
	for _, l := range answer.Listeners {
		if l.Name != "admin socket" {
			continue
		}
		socket = l.Address
		if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 || filepath.Dir(l.Address) != runtimeDir {
			t.Errorf("%s: %v, %v", l.Address, info, err)
		}
	}
	if code, body := p.admin("/v1/status"); code != http.StatusNotFound || strings.Contains(body, "credentials") {
		t.Errorf("at the admin address: %d %s", code, body)
	}
	w.reloads()
	askAsAnother(t, socket)
	p.stop()
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", socket, err)
	}
}
