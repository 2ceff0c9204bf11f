package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
)

// TestAdminSocket: commands find the socket of a running gateway by its configuration, and say so when there is none. The admin address
// serves no act.
func TestAdminSocket(t *testing.T) {
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
	if err := os.WriteFile(w.config, []byte("admin: {"), 0o600); err != nil { // a command reaches the gateway by a broken file, too
		t.Fatal(err)
	}
	if got := run(t, w.env, status...); got.code != 0 {
		t.Errorf("by a broken file: %+v", got)
	}
	p.stop()
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", socket, err)
	}
}
