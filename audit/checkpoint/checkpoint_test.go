package checkpoint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/internal/private"
)

// hashes stores the hashes of [tlog.StoredHashes], from which tlog computes the root of any size.
type hashes []Hash

func (h *hashes) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, index := range indexes {
		out[i] = (*h)[index]
	}
	return out, nil
}

func line(n int) []byte { return fmt.Appendf(nil, `{"seq":%d}`, n) }

func TestTreeAsTlog(t *testing.T) {
	var stored hashes
	var tree Tree
	for n := range 300 {
		more, err := tlog.StoredHashes(int64(n), line(n), &stored)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		if n%2 == 0 {
			tree.AddLine(line(n))
		} else {
			tree.Add(LeafHash(line(n)))
		}
		want, err := tlog.TreeHash(int64(n+1), &stored)
		if err != nil || tree.Root() != want || tree.Size() != uint64(n+1) {
			t.Fatalf("%d leaves: root %v of size %d, want %v, %v", n+1, tree.Root(), tree.Size(), want, err)
		}
		again, err := Resume(tree.Size(), tree.Peaks())
		if err != nil || again.Root() != want {
			t.Fatalf("%d leaves resumed: %v", n+1, err)
		}
		tree = *again
	}
	if _, err := Resume(3, make([]Hash, 1)); err == nil {
		t.Error("a tree of 3 leaves was resumed from one peak")
	}
	if want, _ := tlog.TreeHash(0, &stored); new(Tree).Root() != want {
		t.Error("the empty tree has another root")
	}
}

func testKey(t testing.TB, name string) *Key {
	t.Helper()
	key, err := NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func example(origin string) Checkpoint {
	return Checkpoint{Origin: origin, Size: 4711, Root: LeafHash([]byte("x")), Time: time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC)}
}

func TestSignAndOpen(t *testing.T) {
	a, b := testKey(t, "tollgate/a"), testKey(t, "tollgate/a")
	want := example("tollgate/a")
	for _, keys := range [][]*Key{{a}, {a, b}} {
		signed, err := want.Sign(keys...)
		if err != nil {
			t.Fatal(err)
		}
		var public []PublicKey
		for _, key := range keys {
			public = append(public, key.Public())
		}
		if got, err := Open(signed, public...); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
		slices.Reverse(public)
		if _, err := Open(signed, append(public, testKey(t, "tollgate/a").Public())...); err == nil {
			t.Error("a signature that is missing was not missed")
		}
		if _, err := Open(signed, b.Public()); err == nil {
			t.Error("a note that has other signatures than asked for was taken")
		}
		if _, err := Open(signed); err == nil {
			t.Error("a note was taken without any key")
		}
	}
	signed, _ := want.Sign(b, a)
	if _, err := Open(signed, a.Public(), b.Public()); err == nil {
		t.Error("signatures in another order were taken: one note has one spelling")
	}
	other, _ := example("tollgate/b").Sign(a)
	if _, err := Open(other, a.Public()); err == nil {
		t.Error("the checkpoint of another log was taken")
	}
}

// TestEveryByteCounts changes each byte of a note to every other value, removes and doubles it.
func TestEveryByteCounts(t *testing.T) {
	key := testKey(t, "tollgate/a")
	signed, err := example("tollgate/a").Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(signed) {
		for b := range 256 {
			if byte(b) == signed[i] {
				continue
			}
			changed := signed[:i] + string([]byte{byte(b)}) + signed[i+1:]
			if _, err := Open(changed, key.Public()); err == nil {
				t.Errorf("byte %d changed from %q to %q was not found", i, signed[i], byte(b))
			}
		}
		if _, err := Open(signed[:i]+signed[i+1:], key.Public()); err == nil {
			t.Errorf("byte %d removed was not found", i)
		}
		if _, err := Open(signed[:i+1]+signed[i:], key.Public()); err == nil {
			t.Errorf("byte %d doubled was not found", i)
		}
	}
}

func TestPublicKeys(t *testing.T) {
	key := testKey(t, "tollgate/a")
	for range 50 { // keys whose base64 holds a plus
		key = testKey(t, "tollgate/a")
		got, err := ParsePublicKey(" " + key.Public().String() + "\n")
		if err != nil || got != key.Public() || got.Name() != "tollgate/a" {
			t.Fatalf("%v, %v", got, err)
		}
	}
	text := key.Public().String()
	for text[11:19] == strings.ToUpper(text[11:19]) { // a hash without letters
		text = testKey(t, "tollgate/a").Public().String()
	}
	if _, err := ParsePublicKey(text[:11] + strings.ToUpper(text[11:19]) + text[19:]); err == nil {
		t.Error("a key has two spellings")
	}
	for _, bad := range []string{"", "x", text[1:], text[:len(text)-4], strings.Replace(text, "+", " ", 1), text + "x"} {
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "ä", `a"b`, strings.Repeat("x", 201)} {
		if _, err := NewKey(bad); err == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "signing.key")
	if _, err := LoadKey(file, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	made, err := CreateKey(file, "tollgate/a")
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	got, err := LoadKey(file, nil)
	if err != nil || got.Public() != made.Public() {
		t.Errorf("loaded %v, %v", got, err)
	}
	if _, err := CreateKey(file, "tollgate/a"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was replaced: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

// TestLooseKeyFiles loads keys that group or others may use: they are read, and their mode is set to that of the owner only.
func TestLooseKeyFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "signing.key")
	if _, err := CreateKey(file, "tollgate/a"); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o660, 0o640, 0o604, 0o666, 0o610} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]private.Finding{{{Path: file, Mode: mode, Now: 0o600}}, nil} {
			var found []private.Finding
			_, err := LoadKey(file, func(f private.Finding) { found = append(found, f) })
			if err != nil || !slices.Equal(found, want) {
				t.Errorf("%#o: found %v, %v, want %v", mode, found, err, want)
			}
		}
	}
}

// TestNoKeyFile: loading does not wait for what is no regular file, and does not read a large one.
func TestNoKeyFile(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, maxKeyFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{dir: "not a regular file", pipe: "not a regular file", large: "larger than 4096 bytes"} {
		if _, err := LoadKey(file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// TestNothingPrintsTheKey looks for the private part in all errors and printed forms.
func TestNothingPrintsTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "signing.key")
	key, err := CreateKey(file, "tollgate/a")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	secret := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)[4]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if out := fmt.Sprintf(verb, key); strings.Contains(out, secret) || !strings.Contains(out, key.Public().String()) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
	for _, private := range []string{string(text), "x" + string(text)} {
		if _, err := ParsePublicKey(private); err == nil || strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("a private key in the place of a public one: %v", err)
		}
	}
	for _, broken := range []string{strings.TrimSpace(string(text))[5:], string(text)[:60], "PRIVATE+KEY+a b+00000000+" + secret} {
		if _, err := parseKey(broken); err == nil || strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("a broken key: %v", err)
		}
	}
}

func BenchmarkAddLine(b *testing.B) {
	var tree Tree
	record := make([]byte, 700)
	b.ReportAllocs()
	for b.Loop() {
		tree.AddLine(record)
	}
}

// TestMAC: the derived keys depend on the log's key and the purpose, and are no signing keys.
func TestMAC(t *testing.T) {
	sum := func(k *Key, purpose, text string) string {
		mac := k.MAC(purpose)
		mac.Write([]byte(text))
		return fmt.Sprintf("%x", mac.Sum(nil))
	}
	file := filepath.Join(t.TempDir(), "key")
	one, err := CreateKey(file, "log")
	if err != nil {
		t.Fatal(err)
	}
	same, err := LoadKey(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKey("log")
	if err != nil {
		t.Fatal(err)
	}
	want := sum(one, "a", "text")
	if got := sum(same, "a", "text"); got != want {
		t.Errorf("the same key: %s, want %s", got, want)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.SplitN(strings.TrimSpace(string(text)), "+", 5)[4])
	if err != nil {
		t.Fatal(err)
	}
	plain := hmac.New(sha256.New, seed[1:])
	plain.Write([]byte("text"))
	for name, got := range map[string]string{
		"another key": sum(other, "a", "text"), "another purpose": sum(one, "b", "text"), "another text": sum(one, "a", "texts"),
		"the signing key itself": fmt.Sprintf("%x", plain.Sum(nil)),
	} {
		if got == want || len(got) != 64 {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLogNames: configurations and keys accept the same names: those that print and fit in a line of a note.
func TestLogNames(t *testing.T) {
	names := []string{"", strings.Repeat("x", 200), strings.Repeat("x", 201), "tollgate/5f3a9c20d1e84b67", "a b", "a\nb", "\u00e4"}
	for c := range 256 {
		names = append(names, "a"+string([]byte{byte(c)})+"b")
	}
	for _, name := range names {
		bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`+"\`, r) }
		want := name != "" && len(name) <= 200 && !strings.ContainsFunc(name, bad)
		_, err := NewKey(name)
		if got := new(LogName).UnmarshalText([]byte(name)); (got == nil) != want || (err == nil) != want {
			t.Errorf("%q: %v as a name, %v for a key, want %v", name, got, err, want)
		}
	}
}
