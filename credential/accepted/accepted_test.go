package accepted

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/private"
	"tollgate/internal/secret"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func macOf(key string) hash.Hash { return hmac.New(sha256.New, []byte(key)) }

// keys are an access key and its secret, by credential.
type keys map[string][2]string

// run is a gateway's life, as far as its keys are concerned, in a bubble of synctest.
type run struct {
	file        string
	memory      *Memory
	restored    []string
	err         error // of New
	failures    []error
	credentials map[string]*credential.Credential
	stop        func()
}

func begin(file, key string, k keys) *run {
	r := prepare(file, key, k)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.memory.Run(ctx, func(err error) { r.failures = append(r.failures, err) }) })
	r.stop = func() {
		cancel()
		running.Wait()
	}
	return r
}

// prepare does all but run the memory.
func prepare(file, key string, k keys) *run {
	r := &run{file: file, credentials: map[string]*credential.Credential{}}
	var all []*credential.Credential
	for name, pair := range k {
		c := must(credential.New(credential.Config{Facts: credential.Facts{Name: name, Upstream: "bss", Class: catalog.ClassPartner}}, credential.Options{Load: func() (credential.Keys, error) {
			return credential.Keys{AccessKey: pair[0], SecretKey: secret.New(pair[1])}, nil
		}}))
		r.credentials[name] = c
		all = append(all, c)
	}
	r.memory, r.restored, r.err = New(file, macOf(key), all, func(private.Finding) {})
	slices.Sort(r.restored)
	return r
}

// end has a call with a credential end with a verdict.
func (r *run) end(name string, verdict credential.Verdict) {
	permit := must(r.credentials[name].Permit(&catalog.Operation{Name: "Op", Method: "GET", Class: catalog.ClassEither}))
	must(permit.Lease(context.Background(), "app", start, time.Now().Add(time.Hour))).Done(verdict, "wrong", start)
}

// settled waits until what was changed is written.
func (r *run) settled() { synctest.Wait() }

// holds compares the access keys in the file.
func holds(t *testing.T, when, file string, want ...string) {
	t.Helper()
	var got []string
	data, err := os.ReadFile(file)
	if err == nil {
		for _, f := range must(parse(string(data))) {
			got = append(got, f.AccessKey)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) || !slices.Equal(got, want) {
		t.Errorf("%s: %q (%v), want %q", when, got, err, want)
	}
}

func wantRestored(t *testing.T, when string, r *run, want ...string) {
	t.Helper()
	if r.err != nil || !slices.Equal(r.restored, want) {
		t.Errorf("%s: restored %q (%v), want %q", when, r.restored, r.err, want)
	}
	for name, c := range r.credentials {
		if _, on := c.OnTrial(); on == slices.Contains(want, name) {
			t.Errorf("%s: %s on trial: %v", when, name, on)
		}
	}
}

var two = keys{"a": {"AK1", "s1"}, "b": {"AK2", "s2"}}

// TestAcceptedIsRemembered over restarts, as long as keys, secret and the log's key stay, and a rejection does not come between.
func TestAcceptedIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		keys keys
		do   func(*run)
		want []string
	}{
		"restart":            {"key", two, nil, []string{"a"}},
		"another secret":     {"key", keys{"a": {"AK1", "s"}, "b": {"AK2", "s2"}}, nil, nil},
		"another access key": {"key", keys{"a": {"AK3", "s1"}}, nil, nil},
		"renamed":            {"key", keys{"c": {"AK1", "s1"}}, nil, []string{"c"}},
		"another log's key":  {"other", two, nil, nil},
		"rejected":           {"key", two, func(r *run) { r.end("a", credential.Rejected) }, nil},
		"another rejected":   {"key", two, func(r *run) { r.end("b", credential.Rejected) }, []string{"a"}},
		"no answer":          {"key", two, func(r *run) { r.end("a", credential.NoVerdict); r.end("b", credential.OtherCause) }, []string{"a"}},
		"both accepted":      {"key", two, func(r *run) { r.end("b", credential.Accepted) }, []string{"a", "b"}},
		"both, one rejected": {"key", two, func(r *run) { r.end("b", credential.Accepted); r.end("a", credential.Rejected) }, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "signing.key.accepted")
			synctest.Test(t, func(t *testing.T) {
				r := begin(file, "key", two)
				wantRestored(t, "at first", r)
				r.end("a", credential.Accepted)
				r.settled()
				if c.do != nil {
					c.do(r)
					r.settled()
				}
				r.stop()
				next := begin(file, c.key, c.keys)
				defer next.stop()
				wantRestored(t, "then", next, c.want...)
				next.settled()
				if len(c.want) == 0 {
					holds(t, "what is of no credential is not kept", file)
				}
				if next.failures != nil || r.failures != nil {
					t.Errorf("%v, %v", r.failures, next.failures)
				}
			})
		})
	}
}

// TestRejectionIsInTheFile when the rejected call ends: a crash after that finds the keys on trial, and so does one by a lost disk.
func TestRejectionIsInTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accepted")
	synctest.Test(t, func(t *testing.T) {
		r := begin(file, "key", two)
		defer r.stop()
		r.end("a", credential.Accepted)
		r.end("b", credential.Accepted)
		r.settled()
		holds(t, "accepted", file, "AK1", "AK2")
		r.end("a", credential.Rejected)
		holds(t, "one rejected", file, "AK2")
		r.end("b", credential.Rejected)
		holds(t, "both rejected", file)
	})
}

// TestOneAccessKeyTwice: the provider counts rejections by access key, so one of either credential concerns both.
func TestOneAccessKeyTwice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accepted")
	synctest.Test(t, func(t *testing.T) {
		r := begin(file, "key", keys{"a": {"AK1", "right"}, "b": {"AK1", "wrong"}})
		defer r.stop()
		r.end("a", credential.Accepted)
		r.settled()
		holds(t, "accepted", file, "AK1")
		r.end("b", credential.Rejected)
		holds(t, "rejected", file)
	})
}

// TestWrittenOnlyWhenSomethingIsNew: further accepted calls leave the file alone, and so does a restart.
func TestWrittenOnlyWhenSomethingIsNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accepted")
	synctest.Test(t, func(t *testing.T) {
		r := begin(file, "key", two)
		r.end("a", credential.Accepted)
		r.settled()
		first := must(os.Stat(file))
		if first.Mode() != 0o600 {
			t.Errorf("mode %v", first.Mode())
		}
		for range 10 {
			r.end("a", credential.Accepted)
			r.settled()
		}
		r.stop()
		r = begin(file, "key", two)
		r.settled()
		r.end("a", credential.Accepted)
		r.stop()
		if !os.SameFile(first, must(os.Stat(file))) {
			t.Error("the file was written again")
		}
	})
}

// TestLastWrite: what changed just before the end is in the file, and a rejection after it does not wait.
func TestLastWrite(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for range 50 { // Run finds that something is due and that it is to end, in either order
		file := filepath.Join(t.TempDir(), "accepted")
		r := prepare(file, "key", two)
		r.end("a", credential.Accepted)
		r.memory.Run(ended, nil)
		holds(t, "after the end", file, "AK1")
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			r.end("a", credential.Rejected)
			if took := time.Since(begun); took != 0 {
				t.Errorf("waited %v", took)
			}
		})
	}
}

// TestUnusableFile: keys are on trial, and it makes room for one that is right.
func TestUnusableFile(t *testing.T) {
	for name, make := range map[string]func(file string) error{
		"foreign":   func(file string) error { return os.WriteFile(file, []byte("hello"), 0o600) },
		"empty":     func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"too large": func(file string) error { return os.WriteFile(file, []byte(header+strings.Repeat(line, 10_000)), 0o600) },
		"a folder":  func(file string) error { return os.Mkdir(file, 0o700) },
		"left over": func(file string) error {
			return errors.Join(os.WriteFile(file+".tmp", []byte(header), 0o600), os.WriteFile(file, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "accepted")
			synctest.Test(t, func(t *testing.T) {
				if err := make(file); err != nil {
					t.Fatal(err)
				}
				r := begin(file, "key", two)
				defer r.stop()
				if r.err == nil || !strings.Contains(r.err.Error(), file) || len(r.restored) > 0 {
					t.Errorf("restored %q: %v", r.restored, r.err)
				}
				r.settled()
				r.end("a", credential.Accepted)
				r.settled()
				holds(t, "then", file, "AK1")
				if _, err := os.Lstat(file + ".tmp"); !errors.Is(err, fs.ErrNotExist) || r.failures != nil {
					t.Errorf("left over: %v, %v", err, r.failures)
				}
			})
		})
	}
}

// TestExposedFile is for the gateway only again.
func TestExposedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accepted")
	if err := errors.Join(os.WriteFile(file, []byte(header+line), 0o600), os.Chmod(file, 0o644)); err != nil {
		t.Fatal(err)
	}
	var found []private.Finding
	if _, _, err := New(file, macOf("key"), nil, func(f private.Finding) { found = append(found, f) }); err != nil {
		t.Error(err)
	}
	if len(found) != 1 || !found[0].Tightened() || must(os.Stat(file)).Mode() != 0o600 {
		t.Errorf("found %+v", found)
	}
}

// TestUnwritable: a file that cannot be replaced is removed, since it may speak for keys that were rejected; a folder that takes nothing
// fails once in words, and is tried again.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "accepted")
	synctest.Test(t, func(t *testing.T) {
		r := begin(file, "key", two)
		defer r.stop()
		r.end("a", credential.Accepted)
		r.settled()
		holds(t, "at first", file, "AK1")
		obstacle := file + ".tmp"
		if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.end("b", credential.Accepted)
		r.settled()
		holds(t, "cannot be written", file)
		for range 3 {
			time.Sleep(retryAfter)
			r.settled()
		}
		if len(r.failures) != 1 || r.memory.Err() == nil {
			t.Errorf("failures %v, now %v", r.failures, r.memory.Err())
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryAfter)
		r.settled()
		holds(t, "at last", file, "AK1", "AK2")
		if r.memory.Err() != nil {
			t.Errorf("still %v", r.memory.Err())
		}
	})
}

// TestHangingDisk: a rejected call does not wait for long.
func TestHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(filepath.Join(t.TempDir(), "accepted"), "key", two) // Run is not called
		begun := time.Now()
		r.end("a", credential.Accepted)
		if took := time.Since(begun); took != 0 {
			t.Errorf("an accepted call waits %v", took)
		}
		r.end("a", credential.Rejected)
		if took := time.Since(begun); took != patience {
			t.Errorf("a rejected call waits %v", took)
		}
	})
}
