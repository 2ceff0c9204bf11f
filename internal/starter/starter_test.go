package starter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/config"
	"tollgate/internal/bsssim"
)

// TestWrite: what is written is a configuration on which check has nothing to remark, for either site, for ids that YAML could take for numbers, and where the
// path is too long for a socket.
func TestWrite(t *testing.T) {
	odd := []bsssim.Account{
		{AccessKey: "T", SecretKey: "t", SecurityToken: "temporary", DomainID: "p-0", Class: bsssim.Partner},
		{AccessKey: "P", SecretKey: `p"\'`, DomainID: "0123", Class: bsssim.Partner},
		{AccessKey: "C", SecretKey: "c", DomainID: "1e5", Class: bsssim.Customer},
		{AccessKey: "D", SecretKey: "d", DomainID: "c-2", Class: bsssim.Customer},
	}
	for name, s := range map[string]Settings{
		"cn":        {Site: "cn", Upstream: "http://127.0.0.1:8600", Accounts: bsssim.DefaultAccounts()},
		"intl":      {Site: "intl", Upstream: "http://127.0.0.1:8600", Accounts: bsssim.DefaultAccounts()},
		"odd":       {Site: "cn", Upstream: "http://[::1]:8600", Accounts: odd},
		"long path": {Site: "cn", Upstream: "http://127.0.0.1:8600", Accounts: odd},
	} {
		s.Dir = filepath.Join(t.TempDir(), "d")
		if name == "long path" {
			s.Dir += strings.Repeat("x", 100)
		}
		w, err := Write(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, err := config.Load(w.Config, config.Options{Secrets: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if notes := c.Notes(); len(notes) > 0 {
			t.Errorf("%s: check remarks on %v", name, notes)
		}
		if got := c.Listeners[0].Address.Listen(); got != w.Listener {
			t.Errorf("%s: the listener is at %s, not %s", name, got, w.Listener)
		}
		if long := c.Admin.Socket == config.NoSocket; long != (name == "long path") {
			t.Errorf("%s: the admin socket is %s", name, c.Admin.Socket)
		}
		if got := string(c.Credentials[0].DomainID); name == "odd" && got != "1e5" {
			t.Errorf("the first credential is of %s", got)
		}
		if _, err := Write(s); err == nil || !strings.Contains(err.Error(), "choose another folder") {
			t.Errorf("%s: writing it again: %v", name, err)
		}
	}
}

// TestWriteWithoutKeys: a seed without the keys that a configuration needs leaves no folder behind.
func TestWriteWithoutKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	_, err := Write(Settings{Dir: dir, Site: "cn", Accounts: bsssim.DefaultAccounts()[:1]})
	if _, missing := os.Stat(dir); err == nil || !strings.Contains(err.Error(), "the seed lacks one") || missing == nil {
		t.Errorf("%v, %v", err, missing)
	}
}
