package keyfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/config"
	"tollgate/internal/setting"
)

const main = `listeners: [{address: "127.0.0.1:8080", caller: app}]
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {acme: {class: customer, access_key: {env: AK}, secret_key: {env: SK}}}
callers: {app: {grants: [{operations: [PayOrders], credential: acme}]}}
audit: {dir: audit}
include: [%DIR%]
`

func env(name string) (string, bool) { return "s3cr3t-0f-the-environment-" + name, true }

// TestWrite: what is written is a key of the configuration, whatever the directory is called, and is found as what was written.
func TestWrite(t *testing.T) {
	for _, name := range []string{"callers.d", "two words", `a "b" #c: {d}`, "größe"} {
		folder := t.TempDir()
		dir, file := filepath.Join(folder, name), filepath.Join(folder, "gw.yaml")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(main, "%DIR%", quote(name), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		key := New("app", setting.NotAfter(time.Date(2126, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()))
		files, err := key.Write(folder, dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, config.Options{Secrets: true, LookupEnv: env})
		if err != nil || len(c.Callers[0].Auth) != 1 || c.Callers[0].Auth[0].AccessKey.ID != key.ID || c.Callers[0].Auth[0].AccessKey.NotAfter != key.NotAfter {
			t.Fatalf("%s: %+v, %v", name, c, err)
		}
		if value, err := (setting.Secrets{Dir: c.Dir}).Read(c.Callers[0].Auth[0].AccessKey.Secret); err != nil || value.Reveal() != key.Secret.Reveal() {
			t.Errorf("%s: %q, %v", name, value.Reveal(), err)
		}
		place, err := config.FindKey(file, key.ID)
		if err != nil || place == nil {
			t.Fatalf("%s: %+v, %v", name, place, err)
		}
		if found, err := Made(place); err != nil || found != files {
			t.Errorf("%s: found %+v, %v", name, found, err)
		}
		if err := files.Remove(); err != nil {
			t.Error(err)
		}
		if place, err := config.FindKey(file, key.ID); place != nil || err != nil {
			t.Errorf("%s: still there: %+v, %v", name, place, err)
		}
	}
}

// TestWriteFails: where the entry cannot be written, no secret is left.
func TestWriteFails(t *testing.T) {
	dir, key := t.TempDir(), New("app", 0)
	if err := os.Mkdir(filepath.Join(dir, key.EntryName()), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := key.Write(dir, dir); err == nil {
		t.Error("it was written")
	}
	if _, err := os.Stat(filepath.Join(dir, key.SecretName())); !os.IsNotExist(err) {
		t.Errorf("the secret is there: %v", err)
	}
}

// TestOwner: what root makes is that of the owner of the directory, and for the group that a directory of root's is for.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the owner of files")
	}
	for _, c := range []struct{ uid, gid, dir, want int }{
		{1234, 5678, 0o700, 0o600}, {1234, 5678, 0o750, 0o600}, {0, 0, 0o750, 0o600}, {0, 5678, 0o700, 0o600}, {0, 5678, 0o755, 0o600}, {0, 5678, 0o750, 0o640},
	} {
		dir, key := t.TempDir(), New("app", 0)
		if err := errors.Join(os.Chown(dir, c.uid, c.gid), os.Chmod(dir, os.FileMode(c.dir))); err != nil {
			t.Fatal(err)
		}
		files, err := key.Write(dir, dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{files.Entry, files.Secret} {
			var info unix.Stat_t
			if err := unix.Stat(name, &info); err != nil || int(info.Uid) != c.uid || int(info.Gid) != c.gid || int(info.Mode&0o777) != c.want {
				t.Errorf("in a directory of %+v: %+v, %v", c, info, err)
			}
		}
	}
}

// TestNew: keys have the lengths of the provider's, and none is made twice.
func TestNew(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		k := New("app", 0)
		if len(k.ID) != idLength || len(k.Secret.Reveal()) != secretLength || seen[k.ID] || seen[k.Secret.Reveal()] {
			t.Fatalf("%+v", k)
		}
		seen[k.ID], seen[k.Secret.Reveal()] = true, true
	}
}
