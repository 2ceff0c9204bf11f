package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/bsssim"
)

// inOneFile is standard with the customer's keys in one file.
var inOneFile = strings.Replace(standard, "access_key: {env: C17_AK}, secret_key: {env: C17_SK}", "keys: {file: customer.json}", 1)

// temporary are temporary keys of the customer, the n-th of them.
func temporary(t *testing.T, n int) bsssim.Account {
	a := account(t, "c-17")
	a.AccessKey, a.SecretKey, a.SecurityToken = fmt.Sprintf("AKTEMPORARY%d", n), fmt.Sprintf("temporary-secret-%d", n), fmt.Sprintf("temporary-token-%d", n)
	return a
}

// TestRotatedKeysFailNoCall: the file changes while the provider takes both keys, then it takes the new ones only. All the time calls are
// made, without a signal and without a rejection.
func TestRotatedKeysFailNoCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	var provider atomic.Pointer[bsssim.Server]
	accept := func(accounts ...bsssim.Account) {
		provider.Store(bsssim.New(bsssim.Config{Accounts: accounts, Unthrottled: true}))
	}
	w.values.Upstream = w.serve(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { provider.Load().ServeHTTP(out, r) }))
	w.configure(inOneFile)
	before, after := temporary(t, 1), temporary(t, 2)
	put := func(a bsssim.Account) {
		w.write("customer.json", fmt.Sprintf(`{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "Expiration": "2020-01-02T03:04:05Z"}`,
			a.AccessKey, a.SecretKey, a.SecurityToken))
	}
	put(before)
	accept(before)
	p := w.start()
	shop := w.shop(p).bss(t)
	balance(t, shop)
	if _, body := p.readyz(); !strings.Contains(body, "the keys of credential customer expired at 2020-01-02T03:04:05Z") {
		t.Errorf("/readyz: %s", body)
	}
	accept(before, after)
	put(after)
	eventually(t, "the new keys are in use", func() bool {
		balance(t, shop)
		return strings.Contains(p.log(), `"access_key":"AKTEMPORARY2","generation":2`)
	})
	accept(after)
	for range 10 {
		balance(t, shop)
	}
	for _, hidden := range []string{before.SecretKey, before.SecurityToken, after.SecretKey, after.SecurityToken} {
		if strings.Contains(p.log(), hidden) {
			t.Error("a secret is in the log")
		}
	}
	p.stop()
}
