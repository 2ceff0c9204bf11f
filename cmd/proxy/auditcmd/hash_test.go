package auditcmd

import (
	"os"
	"path/filepath"
	"testing"

	"tollgate/audit/mac"
)

func TestHash(t *testing.T) {
	dir := t.TempDir()
	key, _, err := mac.LoadOrMake(filepath.Join(dir, mac.FileName), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := filepath.Join(dir, "body")
	if err := os.WriteFile(body, []byte("pin=7391"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := key.Text("pin=7391") + "  mac_key " + key.ID() + "\n"
	for _, args := range [][]string{{"--dir", dir}, {"--key-file", filepath.Join(dir, mac.FileName)}} {
		if got := must(t, append(append([]string{"audit", "hash"}, args...), body)...); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
	if again, err := mac.Load(filepath.Join(dir, mac.FileName), nil); err != nil || again.ID() != key.ID() {
		t.Errorf("the key became %v, %v", again, err)
	}
	fails(t, "audit.hash_key", "audit", "hash", "--dir", t.TempDir(), body)
	fails(t, "no such file", "audit", "hash", "--dir", dir, body+".none")
}
