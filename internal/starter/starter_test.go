package starter

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// TestWriteRefused: nothing is written where something is in the way or others may write, and what was written is removed when the rest cannot be.
func TestWriteRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(dir string) error
		want    string
	}{
		"a file as folder":  {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "not a directory; nothing was written"},
		"a link to nothing": {func(dir string) error { return os.Symlink("nowhere", dir) }, "no such file"},
		"a file in the way": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "audit"), 0o700) }, "audit: file already exists; nothing was written"},
		"a link in the way": {func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Symlink("/nowhere", filepath.Join(dir, "ca.pem")))
		}, "ca.pem: file already exists"},
		"a folder of everybody": {func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) }, "every user may change it"},
	} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := c.prepare(dir); err != nil {
			t.Fatal(err)
		}
		before := tree(t, filepath.Dir(dir))
		_, err := Write(Settings{Dir: dir, Site: "cn", Upstream: "http://127.0.0.1:8600", Certificate: []byte("x"), Accounts: bsssim.DefaultAccounts()})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if after := tree(t, filepath.Dir(dir)); !slices.Equal(before, after) {
			t.Errorf("%s: %v became %v", name, before, after)
		}
	}
}

// TestCreateOrNothing: a file that cannot be made leaves nothing of the others.
func TestCreateOrNothing(t *testing.T) {
	parent := t.TempDir()
	s := Settings{Dir: filepath.Join(parent, "d")}
	if err := s.create([]file{{"secrets/a", "1"}, {"b", "2"}, {"missing/c", "3"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if left := tree(t, parent); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// tree returns all paths below a directory.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestCertificatesAlone: the key that a server has beside its certificate is not in what clients get.
func TestCertificatesAlone(t *testing.T) {
	const one, key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
	if got := certificates([]byte(key + "text\n" + one + key + one)); got != one+one {
		t.Errorf("%q", got)
	}
}
