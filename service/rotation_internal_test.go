package service

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/internal/bsssim"
	"tollgate/internal/watch"
)

// rotation is a gateway under load whose cloud keys change in files.
type rotation struct {
	*running
	t     *testing.T
	files []string
	now   time.Time // of the looks; ahead of the clock
}

// accounts are one account under the access keys of these numbers.
func accounts(numbers ...string) (all []bsssim.Account) {
	for _, number := range numbers {
		account := bsssim.DefaultAccounts()[0]
		account.AccessKey, account.SecretKey, account.SecurityToken = "AKROTATED"+number, "rotated-secret-"+number, "rotated-token-"+number
		all = append(all, account)
	}
	return all
}

// accept has the provider accept the keys of these numbers, and no others.
func (r *rotation) accept(numbers ...string) {
	simulator := http.HandlerFunc(bsssim.New(bsssim.Config{Accounts: accounts(numbers...), Unthrottled: true}).ServeHTTP)
	r.answer.Store(&simulator)
}

func (r *rotation) write(file, number string) {
	r.t.Helper()
	keys := accounts(number)[0]
	text := map[string]string{
		"ak": keys.AccessKey, "sk": keys.SecretKey, "token": keys.SecurityToken,
		"keys": fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q}`, keys.AccessKey, keys.SecretKey, keys.SecurityToken),
	}[file]
	if err := os.WriteFile(filepath.Join(r.dir, file), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// looks has the gateway look at the files twice.
func (r *rotation) looks() {
	for range 2 {
		for _, c := range r.signers() {
			r.pollKeys(c, r.now)
		}
		r.now = r.now.Add(watch.Interval)
	}
}

func (r *rotation) uses(number string) bool {
	return r.signers()[0].AccessKey() == accounts(number)[0].AccessKey
}

// TestRotationUnderLoad: the provider takes the old keys and the new ones for a while, then the new ones only. No call fails, whatever order
// the files are written in.
func TestRotationUnderLoad(t *testing.T) {
	for _, files := range [][]string{{"keys"}, {"ak", "sk", "token"}, {"token", "ak", "sk"}, {"sk", "token", "ak"}} {
		t.Run(strings.Join(files, " then "), func(t *testing.T) {
			r := &rotation{running: run(t), t: t, files: files, now: time.Now().Add(time.Hour)}
			for _, file := range files {
				r.write(file, "1")
			}
			r.accept("1")
			from := "access_key: {file: ak}, secret_key: {file: sk}, security_token: {file: token}"
			if files[0] == "keys" {
				from = "keys: {file: keys}"
			}
			r.change(t, "access_key: {env: AK}, secret_key: {env: SK}", from, ", rules: [{name: day, per: [caller], rate: 1/h, burst: 5}]", "")
			r.want(t, "local", http.StatusOK, "provinces")
			stop := r.load3(t)
			for i := 1; i <= 3; i++ {
				r.rotate(fmt.Sprint(i), fmt.Sprint(i+1))
			}
			stop()
			// The keys of the environment were the first generation.
			if c := r.signers()[0]; c.Generation() != 5 || !r.uses("4") {
				t.Errorf("generation %d, access key %s", c.Generation(), c.AccessKey())
			}
		})
	}
}

func (r *rotation) rotate(from, to string) {
	r.t.Helper()
	r.accept(from, to)
	for i, file := range r.files {
		r.write(file, to)
		r.looks()
		if i == len(r.files)-1 {
			break
		}
		if !r.uses(from) {
			r.t.Errorf("half of a pair is used: %s", r.signers()[0].AccessKey())
		}
		if notes := strings.Join(r.signingNotes(), "\n"); !strings.Contains(notes, "of the keys of credential main only a part has changed") {
			r.t.Errorf("notes: %s", notes)
		}
	}
	for try := 0; !r.uses(to) && try < 10; try++ { // a poll of the gateway's own may have been under way
		r.looks()
	}
	r.want(r.t, "local", http.StatusOK, "provinces")
	r.accept(to)
	r.want(r.t, "second", http.StatusOK, "provinces")
}

// TestExpiryWarning ahead of the end of temporary keys, and after it.
func TestExpiryWarning(t *testing.T) {
	end := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for left, want := range map[time.Duration]string{
		warnExpiry + 1: "", warnExpiry: "expire at 2026-01-02T03:04:05Z", 1: "expire at 2026-01-02T03:04:05Z", 0: "expired at 2026-01-02T03:04:05Z", -time.Hour: "expired at 2026-01-02T03:04:05Z",
	} {
		if got := expiryWarning(end, end.Add(-left)); got != want {
			t.Errorf("%v before the end: %q, want %q", left, got, want)
		}
	}
	if got := expiryWarning(time.Time{}, end); got != "" {
		t.Errorf("without an end: %q", got)
	}
}

// load3 makes calls of three at a time, none of which may fail, until stop is called.
func (r *rotation) load3(t *testing.T) (stop func()) {
	var calls atomic.Int64
	ended := make(chan struct{})
	var callers sync.WaitGroup
	for _, listener := range []string{"local", "second", "second"} {
		callers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					r.want(t, listener, http.StatusOK, "provinces")
					calls.Add(1)
				}
			}
		})
	}
	return func() {
		close(ended)
		if callers.Wait(); calls.Load() < 3 {
			t.Errorf("%d calls were made", calls.Load())
		}
	}
}
