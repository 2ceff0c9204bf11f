package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tollgate/internal/bsssim"
)

// witness stands before the simulators, which check signatures with this project's own code, and holds every request that
// arrives against the provider's SDK: the signature, the canonical forms, and what must be signed.
type witness struct {
	mu     sync.Mutex
	seen   []*arrival
	faults []string
}

// arrival is a request as it came to the provider.
type arrival struct {
	site           string
	method, target string // target as it stood in the request line
	host           string
	header         http.Header
	body           []byte
}

func (a *arrival) String() string {
	return fmt.Sprintf("%s: %s %s, %v, %d bytes: %.200q", a.site, a.method, a.target, a.header, len(a.body), a.body)
}

// before examines what arrives for a site and passes it on. A body that breaks off is the next one's to judge: what was
// signed is unknown.
func (w *witness) before(site string, accounts []bsssim.Account, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), brokenBody{err}))
		if err == nil {
			w.add(&arrival{site, r.Method, r.RequestURI, r.Host, r.Header.Clone(), body}, accounts)
		}
		next.ServeHTTP(rw, r)
	})
}

// brokenBody is the end of a body.
type brokenBody struct{ err error }

func (f brokenBody) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func (w *witness) add(a *arrival, accounts []bsssim.Account) {
	err := a.examine(accounts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, a)
	if err != nil {
		w.faults = append(w.faults, fmt.Sprintf("%v: %s", err, a))
	}
}

// arrivals are the requests so far.
func (w *witness) arrivals() []*arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// complaints says what was wrong.
func (w *witness) complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.faults)
}

// examine says what is wrong with a request in the eyes of the SDK.
func (a *arrival) examine(accounts []bsssim.Account) error {
	claim, err := parseClaim(a.header)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(accounts, func(account bsssim.Account) bool { return account.AccessKey == claim.accessKey })
	if i < 0 {
		return fmt.Errorf("there is no access key %q", claim.accessKey)
	}
	if token := accounts[i].SecurityToken; a.header.Get("X-Security-Token") != token {
		return fmt.Errorf("the security token is not %q", token)
	}
	if err := a.rightlySigned(claim.signed); err != nil {
		return err
	}
	canonical, err := a.canonical(claim.signed)
	if err != nil {
		return err
	}
	if form := strings.TrimSuffix(canonical.uri, "/"); form != a.path() {
		return fmt.Errorf("the path %s is not in the SDK's canonical form %s", a.path(), form)
	}
	if canonical.query != a.query() {
		return fmt.Errorf("the query %s is not in the SDK's canonical form %s", a.query(), canonical.query)
	}
	want, err := canonical.sign(accounts[i].SecretKey)
	if err == nil && want != claim.signature {
		err = fmt.Errorf("the signature is not the SDK's %s", want)
	}
	return err
}

func (a *arrival) path() string {
	path, _, _ := strings.Cut(a.target, "?")
	return path
}

func (a *arrival) query() string {
	_, query, _ := strings.Cut(a.target, "?")
	return query
}

// signedNames are signed where they are sent: what decides how the body is read, or whose call it is.
var signedNames = []string{"content-type", "host", "x-domain-id", "x-sdk-date", "x-security-token"}

// rightlySigned wants these names signed and no others, which a hop may rewrite or the provider read otherwise.
func (a *arrival) rightlySigned(signed []string) error {
	var want []string
	for _, name := range signedNames {
		if name == "host" || a.header.Get(name) != "" {
			want = append(want, name)
		}
	}
	if !slices.Equal(signed, want) {
		return fmt.Errorf("signed are %q, want %q", signed, want)
	}
	return nil
}
