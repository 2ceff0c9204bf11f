package credential

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/catalog"
	"tollgate/internal/setting"
	"tollgate/internal/watch"
)

// keyFiles are the files of a credential's keys in a folder, whose keys a test changes.
type keyFiles struct {
	*Credential
	t   *testing.T
	dir string
	now time.Time
}

// withFiles is a credential of the keys "1": in one file, or in two, or in three with a token.
func withFiles(t *testing.T, names ...string) *keyFiles {
	t.Helper()
	f := &keyFiles{t: t, dir: t.TempDir(), now: start}
	config := Config{Facts: Facts{Name: "main", Upstream: "bss", Class: catalog.ClassPartner}}
	for _, name := range names {
		f.write(name, "1")
		switch name {
		case "keys":
			config.Keys = &KeyFile{File: name}
		case "ak":
			config.AccessKey.File = name
		case "sk":
			config.SecretKey.File = name
		case "token":
			config.SecurityToken = &setting.Reference{File: name}
		}
	}
	return f.open(config)
}

func (f *keyFiles) open(config Config) *keyFiles {
	f.t.Helper()
	kept := setting.Secrets{Dir: f.dir}
	var err error
	if f.Credential, err = New(config, Options{Place: "bss", Load: func() (Keys, error) { return config.Read(kept) }, Files: config.Files(f.dir)}); err != nil {
		f.t.Fatal(err)
	}
	return f
}

// content is what a file of keys holds.
func content(name, number string) string {
	if name == "keys" {
		return fmt.Sprintf(`{"Version": 1, "AccessKeyId": "AK%s", "SecretAccessKey": "sk%s", "SessionToken": "token%s"}`, number, number, number)
	}
	return strings.ToUpper(name) + number
}

// write writes a file in place. Its number makes its length another, so that a test does not hang on the clock of the file system.
func (f *keyFiles) write(name, number string) { f.put(name, content(name, number)) }

func (f *keyFiles) put(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// looks polls until the next look is over.
func (f *keyFiles) looks(changed bool, problem string) {
	f.t.Helper()
	got, err := f.Poll(f.now)
	f.now = f.now.Add(watch.Interval)
	if got != changed || (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
		f.t.Errorf("after %v: changed %t, %v; want %t, %q", f.now.Sub(start), got, err, changed, problem)
	}
}

func (f *keyFiles) signsWith(number string, generation int) {
	f.t.Helper()
	keys := f.active.Load().keys
	if !strings.HasSuffix(keys.SecretKey.Reveal(), number) || f.AccessKey() != "AK"+number || f.Generation() != generation {
		f.t.Errorf("it signs with %s and the secret %s, generation %d; want %s, %d", f.AccessKey(), keys.SecretKey.Reveal(), f.Generation(), number, generation)
	}
}

// TestKeysAreTakenWhenTheyChanged, and not before two looks have found them alike. Nothing was rejected.
func TestKeysAreTakenWhenTheyChanged(t *testing.T) {
	for _, names := range [][]string{{"keys"}, {"ak", "sk"}, {"ak", "sk", "token"}} {
		f := withFiles(t, names...)
		f.looks(false, "")
		for _, name := range names {
			f.write(name, "22")
		}
		f.looks(false, "")
		f.signsWith("1", 1)
		f.looks(true, "")
		f.signsWith("22", 2)
		f.looks(false, "")
		if trial, on := f.OnTrial(); !on || trial.Reason != "" {
			t.Errorf("%v: on trial %v, %+v", names, on, trial)
		}
		for _, name := range names {
			f.write(name, "1")
		}
		f.looks(false, "")
		f.looks(true, "")
		f.signsWith("1", 3)
	}
}

// TestEveryLookIsTenSeconds apart, and files that did not change are not read.
func TestEveryLookIsTenSeconds(t *testing.T) {
	f := withFiles(t, "keys")
	loads := 0
	load := f.options.Load
	f.options.Load = func() (Keys, error) { loads++; return load() }
	for range 100 {
		poll(t, f.Credential, f.now.Sub(start), false)
		f.now = f.now.Add(time.Second / 2)
	}
	if loads != 0 {
		t.Errorf("%d readings although nothing changed", loads)
	}
	f.write("keys", "22")
	polls := 0
	for changed := false; !changed && polls < 100; polls++ {
		changed, _ = f.Poll(f.now)
		f.now = f.now.Add(time.Second / 2)
	}
	if loads != 2 || polls < 20 || polls > 42 {
		t.Errorf("%d readings and %d half seconds until the keys were used", loads, polls)
	}
}

// TestPartOfThePair: a new pair is used when all of it has changed, in whatever order, and a part of it after a minute, on trial.
func TestPartOfThePair(t *testing.T) {
	for _, names := range [][]string{{"ak", "sk"}, {"sk", "ak"}, {"ak", "sk", "token"}, {"token", "sk", "ak"}, {"sk", "token", "ak"}} {
		f := withFiles(t, names...)
		last := len(names) - 1
		for _, name := range names[:last] {
			f.write(name, "22")
		}
		for range 4 {
			f.looks(false, "")
			f.signsWith("1", 1)
		}
		if until, partial := f.Partial(); !partial || !until.Equal(start.Add(watch.Interval+partTime)) {
			t.Errorf("%v: partial %t, until %v", names, partial, until)
		}
		f.write(names[last], "22")
		f.looks(false, "")
		f.looks(true, "")
		f.signsWith("22", 2)
		if _, partial := f.Partial(); partial {
			t.Errorf("%v: partial", names)
		}
	}
}

func TestOnlyOnePartChanged(t *testing.T) {
	for _, changed := range []string{"ak", "sk", "token"} {
		f := withFiles(t, "ak", "sk", "token")
		finish(t, f.Credential, "app", Accepted, f.now)
		f.write(changed, "22")
		for range partTime/watch.Interval + 1 { // the second look finds it
			f.looks(false, "")
			f.signsWith("1", 1)
		}
		f.looks(true, "")
		if f.Generation() != 2 {
			t.Errorf("%s: generation %d", changed, f.Generation())
		}
		if _, on := f.OnTrial(); !on {
			t.Errorf("%s: the keys are not on trial", changed)
		}
	}
}

// TestPartThatGoesOn: the minute begins again with each other part.
func TestPartThatGoesOn(t *testing.T) {
	f := withFiles(t, "ak", "sk")
	for i := range 20 {
		f.write("sk", strings.Repeat("2", 2+i))
		f.looks(false, "")
		f.looks(false, "")
	}
	f.signsWith("1", 1)
	f.write("sk", "1")
	for range 10 {
		f.looks(false, "")
	}
	f.signsWith("1", 1)
}

// TestHalfWrittenKeyFile: whatever part of a rewrite in place can be seen, the old keys stay until the file is whole, and a fault that
// passes is not reported.
func TestHalfWrittenKeyFile(t *testing.T) {
	f := withFiles(t, "keys")
	whole := content("keys", "22")
	for _, end := range []int{0, 1, len(whole) / 2, len(whole) - 1, len(whole)} {
		f.put("keys", whole[:end])
		f.looks(false, "")
		f.signsWith("1", 1)
	}
	f.looks(true, "")
	f.signsWith("22", 2)
}

// TestBadKeyFile is reported once while it stays as it is; the keys in use stay in use, and come back without a change.
func TestBadKeyFile(t *testing.T) {
	f := withFiles(t, "keys")
	f.put("keys", "junk")
	f.looks(false, "")
	f.looks(false, "it is not a JSON object")
	f.looks(false, "")
	if err := f.ReadError(); err == nil || strings.Contains(err.Error(), "junk") {
		t.Errorf("the error: %v", err)
	}
	if err := os.Remove(filepath.Join(f.dir, "keys")); err != nil {
		t.Fatal(err)
	}
	f.looks(false, "")
	f.looks(false, "no such file")
	f.write("keys", "1")
	f.looks(false, "")
	f.looks(false, "")
	if err := f.ReadError(); err != nil {
		t.Errorf("the keys are back: %v", err)
	}
	f.signsWith("1", 1)
}

// TestSwappedFolder: what Kubernetes does to a mounted secret, all files of which change with one symbolic link; and editors that write
// another file and rename it.
func TestSwappedFolder(t *testing.T) {
	f := &keyFiles{t: t, dir: t.TempDir(), now: start}
	version := func(number string) {
		dir := filepath.Join(f.dir, "..v"+number)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ak", "sk"} {
			f.put("..v"+number+"/"+name, content(name, number))
		}
		if err := os.Symlink("..v"+number, filepath.Join(f.dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(f.dir, "..data_tmp"), filepath.Join(f.dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("1")
	for _, name := range []string{"ak", "sk"} {
		if err := os.Symlink("..data/"+name, filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.open(Config{
		Facts:     Facts{Name: "main", Upstream: "bss", Class: catalog.ClassPartner},
		AccessKey: setting.Reference{File: "ak"}, SecretKey: setting.Reference{File: "sk"},
	})
	f.looks(false, "")
	version("2") // of the same length
	f.looks(false, "")
	f.looks(true, "")
	f.signsWith("2", 2)
	f.write("sk.new", "33")
	f.put("ak.new", content("ak", "33"))
	f.put("sk.new", content("sk", "33"))
	for _, name := range []string{"ak", "sk"} {
		if err := os.Rename(filepath.Join(f.dir, name+".new"), filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.looks(false, "")
	f.looks(true, "")
	f.signsWith("33", 3)
}

// TestRejectionHurries: after a rejection of the keys in use any others that have stood for a second are used, a part of a pair, too.
func TestRejectionHurries(t *testing.T) {
	f := withFiles(t, "ak", "sk")
	f.write("sk", "22")
	f.looks(false, "")
	f.looks(false, "")
	finish(t, f.Credential, "app", Rejected, f.now)
	poll(t, f.Credential, f.now.Sub(start), false)
	poll(t, f.Credential, f.now.Sub(start)+standTime, true)
	if f.active.Load().keys.SecretKey.Reveal() != "SK22" || f.Generation() != 2 {
		t.Errorf("it signs with %s, generation %d", f.active.Load().keys.SecretKey.Reveal(), f.Generation())
	}
	f.now = f.now.Add(2 * standTime)
	f.looks(false, "")
}

// TestFailedLookDoesNotHurry: a file that cannot be read for a while does not have half a pair used soon after.
func TestFailedLookDoesNotHurry(t *testing.T) {
	f := withFiles(t, "ak", "sk")
	f.put("sk", "")
	f.looks(false, "")
	f.looks(false, "is empty")
	f.write("sk", "22")
	f.looks(false, "")
	for i := range 5 {
		poll(t, f.Credential, f.now.Sub(start)+time.Duration(i)*standTime, false)
	}
	f.signsWith("1", 1)
}

// TestExpires follows the file, also where only the time in it changes.
func TestExpires(t *testing.T) {
	f := withFiles(t, "keys")
	if !f.Expires().IsZero() {
		t.Errorf("it ends at %v", f.Expires())
	}
	end := start.Add(time.Hour)
	f.put("keys", strings.Replace(content("keys", "1"), "{", fmt.Sprintf(`{"Expiration": %q,`, end.Format(time.RFC3339)), 1))
	f.looks(false, "")
	f.looks(false, "")
	f.signsWith("1", 1)
	if !f.Expires().Equal(end) {
		t.Errorf("it ends at %v, want %v", f.Expires(), end)
	}
	f.write("keys", "22")
	f.looks(false, "")
	f.looks(true, "")
	if !f.Expires().IsZero() {
		t.Errorf("the new keys end at %v", f.Expires())
	}
}

// TestRereadHalfWay: what the operator has reloaded in the middle of a rotation puts no set of two ages to use; a rejection does.
func TestRereadHalfWay(t *testing.T) {
	for _, rejected := range []bool{false, true} {
		f := withFiles(t, "ak", "sk")
		f.looks(false, "")
		f.write("ak", "22")
		if f.Reread(); rejected {
			leaseOf(t, f.Credential, f.now).Done(Rejected, "wrong signature", f.now)
		}
		poll := func(want bool) {
			t.Helper()
			f.now = f.now.Add(time.Second)
			if changed, err := f.Poll(f.now); changed != want || err != nil {
				t.Errorf("rejected %t: changed %t, %v", rejected, changed, err)
			}
		}
		poll(false)
		poll(rejected)
		if f.write("sk", "22"); !rejected {
			f.Reread()
			poll(false)
			poll(true)
			f.signsWith("22", 2)
		}
	}
}

// TestGenerationGoesOn where another configuration has a credential of the same name.
func TestGenerationGoesOn(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	s.set(keysNamed("2"), nil)
	c.Reread()
	poll(t, c, 0, false)
	poll(t, c, time.Second, true)
	for _, next := range []struct {
		name, keys string
		want       int
	}{{"main", "2", 2}, {"main", "3", 3}, {"other", "2", 1}} {
		heir, err := New(Config{Facts: Facts{Name: next.name, Class: catalog.ClassPartner}}, Options{
			Former: []*Credential{c}, Load: func() (Keys, error) { return keysNamed(next.keys), nil },
		})
		if err != nil || heir.Generation() != next.want {
			t.Errorf("%s with the keys %s: generation %d, want %d (%v)", next.name, next.keys, heir.Generation(), next.want, err)
		}
	}
}
