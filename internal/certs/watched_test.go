package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/testpki"
)

// loadWatched returns files that are loaded and were looked at once.
func loadWatched(t *testing.T, cert, key string) *Files {
	t.Helper()
	source, err := Load(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	wantPoll(t, source, false, "")
	return source
}

func wantPoll(t *testing.T, k Reloader, changed bool, text string) {
	t.Helper()
	got, err := k.Poll()
	if got != changed || (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("changed %t, %v; want %t, %q", got, err, changed, text)
	}
}

func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// renameOver puts a file in the place of another, as careful writers do.
func renameOver(t *testing.T, path string, data []byte) {
	t.Helper()
	overwrite(t, path+".new", data)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func keyPEM(t *testing.T, c tls.Certificate) []byte {
	t.Helper()
	return testpki.Must(testpki.KeyPEM(c))
}

// twoPairs are two certificates of different sizes, so that a test does not hang on the clock of the file system.
func twoPairs(t *testing.T) (first, second tls.Certificate) {
	return issue(t, testpki.Leaf{Server: true, Names: []string{"a.test"}}), issue(t, testpki.Leaf{Server: true, Names: []string{"much-longer-b.test"}})
}

// TestPollTakesWhatStoodStill: a change counts at the Poll that finds it as the one before did.
func TestPollTakesWhatStoodStill(t *testing.T) {
	first, second := twoPairs(t)
	for name, put := range map[string]func(*testing.T, string, []byte){"in place": overwrite, "rename over": renameOver} {
		t.Run(name, func(t *testing.T) {
			f := write(t, first)
			source := loadWatched(t, f.cert, f.key)
			put(t, f.cert, testpki.CertPEM(second))
			put(t, f.key, keyPEM(t, second))
			wantPoll(t, source, false, "")
			wantServed(t, source, first)
			wantPoll(t, source, true, "")
			wantServed(t, source, second)
			wantPoll(t, source, false, "")
		})
	}
}

// TestHalfWayIsNotTaken: whatever part of a rewrite in place can be seen, the old pair stays until both files fit, and
// a fault that passes is not reported.
func TestHalfWayIsNotTaken(t *testing.T) {
	first, second := twoPairs(t)
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	certPEM, key := testpki.CertPEM(second), keyPEM(t, second)
	for _, step := range []struct {
		path string
		data []byte
	}{{f.cert, nil}, {f.cert, certPEM[:40]}, {f.cert, certPEM}, {f.key, nil}, {f.key, key[:len(key)/2]}, {f.key, key}} {
		overwrite(t, step.path, step.data)
		wantPoll(t, source, false, "")
		wantServed(t, source, first)
	}
	wantPoll(t, source, true, "")
	wantServed(t, source, second)
}

// TestBadFileIsReportedOnce: a file that stays bad is reported once, and once more when it has changed and is bad still.
func TestBadFileIsReportedOnce(t *testing.T) {
	first, second := twoPairs(t)
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() { overwrite(t, f.cert, testpki.CertPEM(second)) }, "does not match"},
		{func() { overwrite(t, f.key, []byte("junk")) }, "no PEM block with a private key"},
		{func() { _ = os.Remove(f.key) }, "no such file"},
	} {
		step.change()
		wantPoll(t, source, false, "")
		wantPoll(t, source, false, step.want)
		wantPoll(t, source, false, "")
		wantPoll(t, source, false, "")
		wantServed(t, source, first)
	}
	overwrite(t, f.key, keyPEM(t, second))
	wantPoll(t, source, false, "")
	wantPoll(t, source, true, "")
	wantServed(t, source, second)
}

// TestReloadIsReported: what Reload has said, Poll does not say again.
func TestReloadIsReported(t *testing.T) {
	first, second := twoPairs(t)
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	overwrite(t, f.cert, testpki.CertPEM(second))
	if err := source.Reload(); err == nil {
		t.Error("a pair that does not fit is loaded")
	}
	wantPoll(t, source, false, "")
	wantPoll(t, source, false, "")
	wantServed(t, source, first)
	overwrite(t, f.key, keyPEM(t, second))
	if err := source.Reload(); err != nil {
		t.Error(err)
	}
	wantServed(t, source, second)
	wantPoll(t, source, false, "")
}

// TestKubernetesSwap: both files are links through "..data", a link to a directory, which is swapped by a rename.
func TestKubernetesSwap(t *testing.T) {
	first, second := twoPairs(t)
	dir := t.TempDir()
	publish := func(version string, c tls.Certificate) {
		target := filepath.Join(dir, version)
		if err := os.Mkdir(target, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := testpki.WriteFiles(c, filepath.Join(target, "tls.crt"), filepath.Join(target, "tls.key")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Symlink(version, filepath.Join(dir, "..data_tmp")), os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	publish("..2026_01", first)
	certPath, keyPath := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for _, path := range []string{certPath, keyPath} {
		if err := os.Symlink(filepath.Join("..data", filepath.Base(path)), path); err != nil {
			t.Fatal(err)
		}
	}
	source := loadWatched(t, certPath, keyPath)
	publish("..2026_02", second)
	wantPoll(t, source, false, "")
	if err := os.RemoveAll(filepath.Join(dir, "..2026_01")); err != nil { // as the kubelet does next
		t.Fatal(err)
	}
	wantPoll(t, source, true, "")
	wantServed(t, source, second)
}

// TestSameContentIsNoChange: a file that is written again as it was keeps the value, and with it what hangs on it.
func TestSameContentIsNoChange(t *testing.T) {
	first, _ := twoPairs(t)
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	before := source.Current()
	renameOver(t, f.cert, testpki.CertPEM(first))
	wantPoll(t, source, false, "")
	wantPoll(t, source, false, "")
	if err := source.Reload(); err != nil || &source.Current()[0] != &before[0] {
		t.Errorf("the value is another (%v)", err)
	}
}

// counter is a reloader that changes at every second Poll, and fails at every third.
type counter struct{ polls, reloads int }

func (c *counter) Name() string { return "counter" }
func (c *counter) Poll() (bool, error) {
	c.polls++
	if c.polls%3 == 0 {
		return false, errors.New("third")
	}
	return c.polls%2 == 0, nil
}
func (c *counter) Reload() error { c.reloads++; return errors.New("never") }

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := new(counter), new(counter)
		var reported []string
		w := Watch{Reloaders: func() []Reloader { return []Reloader{first, second} }, Report: func(name string, err error) {
			if reported = append(reported, name); err != nil {
				reported = append(reported, err.Error())
			}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx, 0) }()
		time.Sleep(3*Interval - time.Second) // in the bubble's time: polls at 0, 10 and 20 s
		cancel()
		<-done
		if first.polls != 3 || second.polls != 3 {
			t.Errorf("%d and %d polls, want 3", first.polls, second.polls)
		}
		if want := []string{"counter", "counter", "counter", "third", "counter", "third"}; !slices.Equal(reported, want) {
			t.Errorf("reported %q, want %q", reported, want)
		}
	})
}

// TestTornPairsAreNeverServed rewrites a pair under readers, which must see one pair or the other.
func TestTornPairsAreNeverServed(t *testing.T) {
	first, second := twoPairs(t)
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_, _ = source.Poll()
			_ = source.Reload()
		}
	}()
	for i := range 200 {
		next := first
		if i%2 == 0 {
			next = second
		}
		overwrite(t, f.cert, testpki.CertPEM(next))
		overwrite(t, f.key, keyPEM(t, next))
		c := source.Current()[0]
		if !bytes.Equal(c.Certificate[0], c.Leaf.Raw) || !c.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(c.PrivateKey.(*ecdsa.PrivateKey).Public()) {
			t.Fatal("a pair of two ages is served")
		}
	}
	close(stop)
	<-done
	if err := source.Reload(); err != nil {
		t.Error(err)
	}
	wantServed(t, source, first)
}
