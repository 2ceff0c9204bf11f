package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tollgate/internal/private"
)

// TestText compares the hash with the package comment's, computed with the standard library alone.
func TestText(t *testing.T) {
	secret := []byte(strings.Repeat("k", size))
	key := newKey(secret)
	for _, text := range []string{"", "1234", strings.Repeat("x", 1<<20)} {
		sum := sha256.Sum256([]byte(text))
		h := hmac.New(sha256.New, secret)
		h.Write(sum[:])
		want := hex.EncodeToString(h.Sum(nil))
		for range 2 { // the second time with a hash that was used
			if got := key.Text(text); got != want {
				t.Errorf("%.10q: %s, want %s", text, got, want)
			}
			if got, err := key.Read(strings.NewReader(text)); got != want || err != nil {
				t.Errorf("%.10q: read as %s, %v", text, got, err)
			}
			if half := key.Short([]byte(text)); hex.EncodeToString(half[:]) != want[:size] {
				t.Errorf("%.10q: half %x, want of %s", text, half, want)
			}
			if got := key.Of(hex.EncodeToString(sum[:])); got != want {
				t.Errorf("of the hash of %.10q: %s, want %s", text, got, want)
			}
		}
	}
	for _, bad := range []string{"", "ab", strings.Repeat("x", 64), strings.Repeat("a", 66)} {
		if got := key.Of(bad); got != "" {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	key := New()
	want := key.Text("x")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if got := key.Text("x"); got != want {
					t.Errorf("%s, want %s", got, want)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestKeysPrintWithoutTheSecret(t *testing.T) {
	key, text := make32()
	printed := fmt.Sprintf("%v %+v %#v %s %x", key, key, key, key, key)
	if strings.Contains(printed, strings.TrimSpace(text)) || len(key.ID()) != 2*idSize || strings.Contains(text, key.ID()) {
		t.Errorf("%s of %s", printed, text)
	}
}

func TestLoadOrMake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hash.key")
	if _, err := Load(file, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	first, made, err := LoadOrMake(file, nil)
	if err != nil || !made {
		t.Fatalf("%v, %v", made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	var found []private.Finding
	second, made, err := LoadOrMake(file, func(f private.Finding) { found = append(found, f) })
	if err != nil || made || second.ID() != first.ID() || second.Text("x") != first.Text("x") {
		t.Errorf("again: %v, %v, %v", second, made, err)
	}
	if len(found) != 1 || !found[0].Tightened() {
		t.Errorf("found %+v", found)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if other := New(); other.ID() == first.ID() || other.Text("x") == first.Text("x") {
		t.Error("two keys are one")
	}
}

// TestBadFiles: what is no key is neither used nor replaced, and is in no error.
func TestBadFiles(t *testing.T) {
	digits := strings.Repeat("0a", size)
	for name, text := range map[string]string{
		"empty": "", "short": digits[2:] + "\n", "long": digits + "0a\n", "no digits": "x" + digits[1:] + "\n", "two lines": digits + "\n\n", "huge": strings.Repeat(digits, 100),
	} {
		file := filepath.Join(t.TempDir(), "hash.key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		key, made, err := LoadOrMake(file, nil)
		if err == nil || key != nil || made || strings.Contains(err.Error(), "0a0a") {
			t.Errorf("%s: %v, %v, %v", name, key, made, err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != text {
			t.Errorf("%s: now %q, %v", name, now, err)
		}
	}
	if _, _, err := LoadOrMake(filepath.Join(t.TempDir(), "none", "hash.key"), nil); err == nil {
		t.Error("made in a folder that is not there")
	}
}
