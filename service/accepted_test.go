package service_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/bsssim"
)

// TestAcceptedKeysAreRemembered over restarts until they are rejected, in a private file that has no secret, and not in the log.
func TestAcceptedKeysAreRemembered(t *testing.T) {
	var rejects atomic.Bool
	simulator := bsssim.New(bsssim.Config{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rejects.Load() {
			http.Error(w, `{"error_code":"APIGW.0301"}`, http.StatusUnauthorized)
			return
		}
		simulator.ServeHTTP(w, r)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "audit", "accepted.keys")
	running := func(onTrial int, do func(*gateway)) {
		t.Helper()
		g := startIn(t, dir, "one", upstream.URL, "huawei-high")
		defer g.drain(t)
		if got := g.metric(t, "tollgate_credential_on_trial"); got != onTrial {
			t.Errorf("on trial: %d, want %d", got, onTrial)
		}
		do(g)
	}
	nothing := func(*gateway) {}
	running(1, nothing)
	running(1, func(g *gateway) { g.get(t, 1) })
	account := bsssim.DefaultAccounts()[0]
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "\n"+account.AccessKey+" ") || strings.Contains(string(text), account.SecretKey) {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	_, mac, _ := strings.Cut(strings.TrimSpace(string(text)), account.AccessKey+" ")
	segment, err := os.ReadFile(filepath.Join(dir, "audit", "00000000000000000001.jsonl"))
	if err != nil || len(mac) != 16 || strings.Contains(string(segment), mac) {
		t.Errorf("%q is on record, or %v", mac, err)
	}
	running(0, nothing)
	running(0, func(g *gateway) {
		rejects.Store(true)
		if body, status := g.fetch(t, "https://"+g.address+"/v2/systems/configs/provinces"); status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", status, body)
		}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the rejected call is answered, and the key still accepted: %v", err)
		}
	})
	running(1, nothing)
	rejects.Store(false)
	running(1, func(g *gateway) { g.get(t, 1) })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	running(1, nothing)
}

// TestUnwritableMemoryShows: calls go on, and readiness says that keys are not remembered.
func TestUnwritableMemoryShows(t *testing.T) {
	upstream := httptest.NewServer(bsssim.New(bsssim.Config{}))
	defer upstream.Close()
	g := start(t, "one", upstream.URL, "huawei-high")
	defer g.drain(t)
	if err := os.MkdirAll(filepath.Join(g.dir, "audit", "accepted.keys.tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	g.get(t, 2)
	for range 1000 { // it is written beside the calls
		if page, _ := g.fetch(t, "http://"+g.admin+"/readyz"); strings.Contains(page, "accepted cannot be written") {
			if !strings.Contains(page, `"ready":true`) {
				t.Errorf("not ready: %s", page)
			}
			return
		}
	}
	t.Error("readiness says nothing")
}
