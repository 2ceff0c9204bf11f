package bsssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// world is a simulator with a clock that stands still and a caller that signs.
type world struct {
	t      testing.TB
	server *Server
	now    time.Time
}

func newWorld(t testing.TB, config Config) *world {
	w := &world{t: t, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	config.Clock = func() time.Time { return w.now }
	w.server = New(config)
	return w
}

const (
	partnerAK     = "SIMPARTNER0001"
	distributorAK = "SIMDISTRIBUTOR0009"
	customerAK    = "SIMCUSTOMER0017"
	customer18AK  = "SIMCUSTOMER0018"
	masterAK      = "SIMMASTER0030"
)

// sign is a signer of the tests' own: it builds the canonical request from the text of the target, which must already
// be canonical (escaped, sorted, every name with "=").
func sign(r *http.Request, body, access, secret string, now time.Time) {
	date := now.UTC().Format(dateLayout)
	r.Header.Set("X-Sdk-Date", date)
	path := r.URL.EscapedPath()
	sum := sha256.Sum256([]byte(body))
	canonical := r.Method + "\n" + path + "/\n" + r.URL.RawQuery + "\nhost:" + r.Host + "\nx-sdk-date:" + date + "\n\nhost;x-sdk-date\n" + hex.EncodeToString(sum[:])
	sum = sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, "SDK-HMAC-SHA256\n"+date+"\n"+hex.EncodeToString(sum[:]))
	r.Header.Set("Authorization", "SDK-HMAC-SHA256 Access="+access+", SignedHeaders=host;x-sdk-date, Signature="+hex.EncodeToString(mac.Sum(nil)))
}

func (w *world) request(access, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "https://bss.example"+target, strings.NewReader(body))
	secret := "unknown"
	if a := w.server.accounts[access]; a != nil {
		secret = a.SecretKey
	}
	sign(r, body, access, secret, w.now)
	return r
}

// result is an answer with its JSON members.
type result struct {
	status int
	text   string
	header http.Header
	body   map[string]any
}

func (w *world) do(r *http.Request) result {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.server.ServeHTTP(recorder, r)
	got := result{status: recorder.Code, text: recorder.Body.String(), header: recorder.Header()}
	if strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(recorder.Body.Bytes(), &got.body); err != nil {
			w.t.Fatalf("%s %s: answer %q: %v", r.Method, r.URL.Path, got.text, err)
		}
	}
	return got
}

func (w *world) call(access, method, target, body string) result {
	w.t.Helper()
	w.now = w.now.Add(time.Second) // a new second: the quota is not what most tests are about
	return w.do(w.request(access, method, target, body))
}

// want calls and checks status and error code ("" for none).
func (w *world) want(access, method, target, body string, status int, code string) result {
	w.t.Helper()
	got := w.call(access, method, target, body)
	gotCode, _ := got.body["error_code"].(string)
	if got.status != status || gotCode != code {
		w.t.Fatalf("%s %s %s as %s: %d %s, want %d %q", method, target, body, access, got.status, got.text, status, code)
	}
	return got
}

func (w *world) balance(customer string) cents { return w.server.state.customers[customer].Balance }
func (w *world) partnerFunds(id string) cents  { return w.server.state.partners[id].Balance }
func list(r result, name string) []any         { rows, _ := r.body[name].([]any); return rows }
func member(row any, name string) (text string) {
	text, _ = row.(map[string]any)[name].(string)
	return
}

func check[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
