package audit

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/private"
	"tollgate/internal/testkubelet"
)

// again opens the log, closes it, and returns what the verifier reads.
func again(t *testing.T, cfg Options) []logfile.Record {
	t.Helper()
	l, _, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return verify(t, cfg.Dir)
}

func keyRecords(records []logfile.Record) []logfile.Record {
	var keys []logfile.Record
	for _, r := range records {
		if r.Kind == logfile.KindKey {
			keys = append(keys, r)
		}
	}
	return keys
}

// TestKeyRotation goes through the life of a key: made, followed by another, lost.
func TestKeyRotation(t *testing.T) {
	cfg := onDisk(t)
	file := filepath.Join(cfg.Dir, keyName)
	again(t, cfg)
	first, err := checkpoint.LoadKey(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name := first.Name(); !strings.HasPrefix(name, "tollgate/") || len(name) != len("tollgate/")+16 {
		t.Errorf("the log is named %q", name)
	}
	second, err := PrepareRotation(file, nil)
	if err != nil || second == first.Public() || second.Name() != first.Name() {
		t.Fatalf("prepared %v, %v", second, err)
	}
	if _, err := PrepareRotation(file, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second preparation: %v", err)
	}
	if _, err := ReplaceLostKey(file, first.Name()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("replacing a key that is there: %v", err)
	}
	again(t, cfg)
	if key, err := checkpoint.LoadKey(file, nil); err != nil || key.Public() != second {
		t.Errorf("after the rotation the key is %v, %v", key, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	third, err := ReplaceLostKey(file, first.Name())
	if err != nil {
		t.Fatal(err)
	}
	again(t, cfg)
	keys := keyRecords(again(t, cfg))
	want := []logfile.Record{
		{Key: first.Public().String()},
		{Key: second.String(), PreviousKey: first.Public().String()},
		{Key: third.String(), PreviousKey: second.String(), KeyLost: true},
	}
	if len(keys) != len(want) {
		t.Fatalf("%d key records, want %d", len(keys), len(want))
	}
	for i, w := range want {
		if got := keys[i]; got.Key != w.Key || got.PreviousKey != w.PreviousKey || got.KeyLost != w.KeyLost {
			t.Errorf("key record %d: %+v, want %+v", i, got, w)
		}
	}
}

func TestKeyFileElsewhere(t *testing.T) {
	cfg := onDisk(t)
	cfg.Name, cfg.Key.File = "corp/gateway-1", filepath.Join(t.TempDir(), "audit.key")
	keys := keyRecords(again(t, cfg))
	if key, err := checkpoint.LoadKey(cfg.Key.File, nil); err != nil || key.Name() != string(cfg.Name) || keys[0].Key != key.Public().String() {
		t.Errorf("key %v, %v", key, err)
	}
	cfg.Name = "corp/gateway-2"
	if _, _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), `"corp/gateway-1"`) {
		t.Errorf("another name: %v", err)
	}
	cfg.Name = ""
	again(t, cfg)
}

// TestWrongKeys: a start that could not go on with the log's key is refused, says what to do, and changes nothing.
func TestWrongKeys(t *testing.T) {
	for name, c := range map[string]struct {
		key, successor string // the name of a new key; empty for none, "own" for the log's
		want           string
	}{
		"missing":                        {"", "", "is missing: restore the file from a copy"},
		"other":                          {"tollgate/test", "", "is another one"},
		"other, with successor":          {"tollgate/test", "tollgate/test", "is another one"},
		"successor of another log":       {"own", "tollgate/other", "remove it, and prepare another"},
		"lost, successor of another log": {"", "tollgate/other", "remove it, and prepare another"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newMemDisk()
			cfg := small(d)
			cfg.Name = "tollgate/test"
			l, _ := open(t, cfg)
			end(l)
			if c.key != "own" {
				d.remove(keyName)
				if c.key != "" {
					d.newKey(keyName, c.key)
				}
			}
			if c.successor != "" {
				d.newKey(keyName+newSuffix, c.successor)
			}
			before := string(d.bytes(logfile.SegmentName(1)))
			l, _, err := Open(small(d))
			if err == nil {
				end(l)
				t.Fatal("the log was opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
			if string(d.bytes(logfile.SegmentName(1))) != before || d.locked {
				t.Error("the log was changed, or is locked still")
			}
		})
	}
}

// TestHalfARotation: when a crash came between the key record and the checkpoint that both keys sign, the old key has to be
// there still.
func TestHalfARotation(t *testing.T) {
	var before *memDisk
	synctest.Test(t, func(t *testing.T) { before = rekeying(t) })
	half := func() *memDisk {
		d := before.clone()
		d.fault = func(op string, _ int) fault {
			if op == "rename" { // the new key takes its place; before it comes the checkpoint
				return notDone
			}
			return fine
		}
		if _, _, err := Open(growing(d)); !errors.Is(err, errInjected) {
			t.Fatalf("open: %v", err)
		}
		d = d.kill()
		// What was written last is the checkpoint: without it, the log ends with the key record.
		names, _ := d.List()
		live := logfile.SegmentNames(names)[len(logfile.SegmentNames(names))-1]
		text := strings.TrimRight(string(d.bytes(live)), "\x00")
		lines := strings.SplitAfter(text, "\n")
		d.put(live, []byte(strings.Join(lines[:len(lines)-2], "")))
		return d
	}
	d := half()
	l, _, err := Open(growing(d))
	if err != nil {
		t.Fatal(err)
	}
	end(l)
	contents(t, d)

	d = half()
	d.remove(keyName)
	if _, _, err := Open(growing(d)); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("the old key is missing: %v", err)
	}
	d.remove(keyName + newSuffix) // now the key is lost for good: another takes over without it
	d.mu.Lock()
	d.newKey(keyName+newSuffix, logName(&keyRecords(contents(t, before))[0]))
	d.mu.Unlock()
	l, _, err = Open(growing(d))
	if err != nil {
		t.Fatal(err)
	}
	end(l)
	if keys := keyRecords(contents(t, d)); len(keys) != 3 || !keys[2].KeyLost {
		t.Errorf("key records %+v", keys)
	}

	d = half()
	if err := d.Rename(keyName+newSuffix, keyName); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(growing(d)); err == nil || !strings.Contains(err.Error(), "has yet to sign") {
		t.Errorf("the new key took the old one's place too early: %v", err)
	}
}

// TestUnfinishedKeys: what a crash left of making a key, perhaps a copy of it, goes away, and nothing else does.
func TestUnfinishedKeys(t *testing.T) {
	cfg := onDisk(t)
	cfg.Key.File = filepath.Join(t.TempDir(), "audit.key")
	dir := filepath.Dir(cfg.Key.File)
	left := []string{".audit.key-123.tmp", ".audit.key.new-9.tmp", ".audit.key-.tmp"}
	others := []string{".audit.key-123", ".audit.key-1x.tmp", "audit.key-1.tmp", ".other.key-1.tmp", ".key-1"}
	for _, name := range append(left, others...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, _ := open(t, cfg)
	closed(t, l)
	names, err := listed(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := append(others, "audit.key")
	slices.Sort(want)
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}

// TestSecondStartInKubernetes opens logs whose files the kubelet has given to a group since: the keys, one being brought in
// among them, and the directory are for their owner only again, and that is reported once.
func TestSecondStartInKubernetes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "audit.key")
	for name, keyFile := range map[string]string{"beside the log": "", "elsewhere": elsewhere} {
		t.Run(name, func(t *testing.T) {
			cfg := onDisk(t)
			cfg.Key.File = keyFile
			key := cmp.Or(keyFile, filepath.Join(cfg.Dir, keyName))
			var found []private.Finding
			cfg.Report = func(f private.Finding) { found = append(found, f) }
			again(t, cfg)
			mount := func() {
				t.Helper()
				if err := errors.Join(testkubelet.SetFSGroup(cfg.Dir, testkubelet.AnyGroup()), testkubelet.SetFSGroup(filepath.Dir(key), testkubelet.AnyGroup())); err != nil {
					t.Fatal(err)
				}
			}
			start := func(want ...private.Finding) {
				t.Helper()
				found = nil
				again(t, cfg)
				if !slices.Equal(found, want) {
					t.Errorf("found %v, want %v", found, want)
				}
				for path, want := range map[string]fs.FileMode{cfg.Dir: 0o700, key: 0o600} {
					if info, err := os.Stat(path); err != nil || info.Mode()&^fs.ModeDir != want {
						t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
					}
				}
			}
			dir, own, next := private.Finding{Path: cfg.Dir, Mode: 0o770, Now: 0o700}, private.Finding{Path: key, Mode: 0o660, Now: 0o600},
				private.Finding{Path: key + newSuffix, Mode: 0o660, Now: 0o600}
			start()
			mount()
			start(dir, own)
			start()
			mount()
			var rotated []private.Finding
			if _, err := PrepareRotation(key, func(f private.Finding) { rotated = append(rotated, f) }); err != nil || !slices.Equal(rotated, []private.Finding{own}) {
				t.Fatalf("rotation: %v, found %v", err, rotated)
			}
			mount()
			start(dir, own, next)
			start()
		})
	}
}
