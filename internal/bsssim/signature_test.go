package bsssim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

type vector struct {
	Name, Algorithm, Method, URL, Body, AK, SK string
	Headers                                    map[string]string
	Added                                      map[string]string `json:"expected_added_headers"`
	Canonical                                  string            `json:"canonical_request"`
	Authorization                              string            `json:"expected_authorization"`
}

func vectors(t testing.TB) []vector {
	text, err := os.ReadFile("../../signing/testdata/signing-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

func (v vector) request(t testing.TB) *http.Request {
	u, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: v.Method, URL: u, Host: u.Host, Header: make(http.Header), ContentLength: int64(len(v.Body))}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	for name, value := range v.Added {
		r.Header.Set(name, value)
	}
	return r
}

// TestVectors checks the verifier against signatures made by the provider's SDK, and that a change of any part shows.
func TestVectors(t *testing.T) {
	tried := 0
	for _, v := range vectors(t) {
		a, ok := parseAuthorization(v.Authorization)
		if v.Algorithm != "SDK-HMAC-SHA256" {
			if ok {
				t.Errorf("%s: %s passes for SDK-HMAC-SHA256", v.Name, v.Algorithm)
			}
			continue
		}
		tried++
		r := v.request(t)
		canonical, _ := canonicalRequest(r, []byte(v.Body), a.signed)
		if !ok || canonical != v.Canonical {
			t.Errorf("%s: canonical request\n%s\nwant\n%s", v.Name, canonical, v.Canonical)
		}
		if !verify(r, []byte(v.Body), a, v.SK) {
			t.Errorf("%s: signature refused", v.Name)
		}
		if verify(r, []byte(v.Body), a, v.SK+"x") {
			t.Errorf("%s: another key passes", v.Name)
		}
		if r.Header.Get("X-Sdk-Content-Sha256") == "" && verify(r, []byte(v.Body+" "), a, v.SK) {
			t.Errorf("%s: another body passes", v.Name)
		}
		r.URL.Path += "/x"
		if verify(r, []byte(v.Body), a, v.SK) {
			t.Errorf("%s: another path passes", v.Name)
		}
	}
	if tried != 20 {
		t.Errorf("%d vectors of SDK-HMAC-SHA256, want 20", tried)
	}
}

const typesPath = "/v2/products/service-types"

func TestSignatureRefusals(t *testing.T) {
	tests := []struct {
		what    string
		change  func(*http.Request)
		status  int
		message string
		verdict string
	}{
		{"good", func(*http.Request) {}, 200, "", VerdictValid},
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "x-auth-token not found", VerdictMissing},
		{"token", func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("X-Auth-Token", "t") }, 401, "decrypt token fail", VerdictToken},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 401, "unsupported or malformed", VerdictScheme},
		{"scheme", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "unsupported or malformed", VerdictScheme},
		{"unknown key", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), partnerAK, "UNKNOWNAK", 1))
		}, 401, "Get secretKey failed,ak:UNKNOWNAK,err:ak not exist", VerdictUnknown},
		{"other key", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), partnerAK, distributorAK, 1))
		}, 401, "verify aksk signature fail", VerdictWrong},
		{"host", func(r *http.Request) { r.Host = "other.example" }, 401, "verify aksk signature fail", VerdictWrong},
		{"query", func(r *http.Request) { r.URL.RawQuery = "limit=1" }, 401, "verify aksk signature fail", VerdictWrong},
		{"bad query", func(r *http.Request) { r.URL.RawQuery = "limit=%zz" }, 401, "verify aksk signature fail", VerdictWrong},
		{"signed header gone", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "host;", "host;x-gone;", 1))
		}, 401, "verify aksk signature fail", VerdictWrong},
		{"hash of another body", func(r *http.Request) { r.Header.Set("X-Sdk-Content-Sha256", strings.Repeat("0", 64)) }, 401, "verify aksk signature fail", VerdictWrong},
		{"unsigned payload", func(r *http.Request) { r.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD") }, 401, "not signed", VerdictUnsigned},
		{"no date", func(r *http.Request) { r.Header.Del("X-Sdk-Date") }, 401, "signature expired", VerdictDate},
		{"other account", func(r *http.Request) { r.Header.Set("X-Domain-Id", "p-2") }, 403, "访问拒绝", VerdictValid},
		{"own account", func(r *http.Request) { r.Header.Set("X-Domain-Id", "p-1") }, 200, "", VerdictValid},
	}
	for _, test := range tests {
		w := newWorld(t, Config{})
		r := w.request(partnerAK, "GET", typesPath, "")
		test.change(r)
		got := w.do(r)
		if got.status != test.status || !strings.Contains(got.text, test.message) {
			t.Errorf("%s: %d %s, want %d %q", test.what, got.status, got.text, test.status, test.message)
		}
		calls := w.server.Calls()
		check(t, test.what+": verdict", calls[0].Signature, test.verdict)
		check(t, test.what+": recorded status", calls[0].Status, test.status)
	}
}

func TestDateWindow(t *testing.T) {
	for shift, status := range map[time.Duration]int{
		-15 * time.Minute: 200, 15 * time.Minute: 200, -15*time.Minute - time.Second: 401, 15*time.Minute + time.Second: 401,
	} {
		w := newWorld(t, Config{})
		r := w.request(partnerAK, "GET", typesPath, "")
		w.now = w.now.Add(shift)
		if got := w.do(r); got.status != status {
			t.Errorf("clock off by %v: %d %s, want %d", shift, got.status, got.text, status)
		}
	}
}

func TestLock(t *testing.T) {
	w := newWorld(t, Config{})
	wrong := func() result {
		r := w.request(partnerAK, "GET", typesPath, "")
		r.Host = "other.example"
		return w.do(r)
	}
	for range allowedFailures {
		wrong()
	}
	w.want(partnerAK, "GET", typesPath, "", 200, "") // success resets the count
	for i := range allowedFailures + 1 {
		if got := wrong(); !strings.Contains(got.text, "verify aksk") {
			t.Fatalf("failure %d: %s", i+1, got.text)
		}
	}
	got := w.want(partnerAK, "GET", typesPath, "", 401, "APIG.0301")
	if !strings.Contains(got.text, "AK access failed to reach the limit,forbidden") {
		t.Errorf("after six failures: %s", got.text)
	}
	w.want(customerAK, "GET", typesPath, "", 200, "") // other keys go on
	w.now = w.now.Add(lockTime)
	w.want(partnerAK, "GET", typesPath, "", 200, "")
}

func TestSecurityToken(t *testing.T) {
	w := newWorld(t, Config{Accounts: []Account{{AccessKey: "SIMTEMPORARY", SecretKey: "s", SecurityToken: "tok", DomainID: "c-99", Class: Customer}}})
	w.want("SIMTEMPORARY", "GET", typesPath, "", 401, "APIG.0301")
	r := w.request("SIMTEMPORARY", "GET", typesPath, "")
	r.Header.Set("X-Security-Token", "tok") // there, but not signed
	if got := w.do(r); got.status != 401 {
		t.Errorf("unsigned token: %d %s", got.status, got.text)
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=00", "/v2/a", "a=1&b=%20")
	f.Add("SDK-HMAC-SHA256 Access=,", "//", "%")
	f.Fuzz(func(t *testing.T, value, path, query string) {
		a, ok := parseAuthorization(value)
		if !ok {
			return
		}
		r := &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: query}, Header: make(http.Header)}
		if verify(r, nil, a, "secret") {
			t.Errorf("%q passes", value)
		}
	})
}
