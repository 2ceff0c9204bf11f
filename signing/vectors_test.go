package signing

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"tollgate/internal/secret"
)

type vector struct {
	Name, Algorithm, Method, URL, Body, AK, SK, Note string

	PathDecoded   string            `json:"path_decoded"`
	Query         [][2]string       `json:"query"`
	Headers       map[string]string `json:"headers"`
	Added         map[string]string `json:"expected_added_headers"`
	Canonical     string            `json:"canonical_request"`
	StringToSign  string            `json:"string_to_sign"`
	Authorization string            `json:"expected_authorization"`
}

// vectors returns those of our scheme, which the provider's own SDK for Go wrote (testdata/signing-vectors.json).
func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/signing-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(file.Vectors, func(v vector) bool { return v.Algorithm != sdkName })
	if len(all) != 20 {
		t.Fatalf("%d vectors of %s, want 20", len(all), sdkName)
	}
	return all
}

// request does what the SDK does before it signs: it adds headers and leaves some out.
func (v *vector) request(t testing.TB) *Request {
	t.Helper()
	headers := map[string]string{}
	for _, given := range []map[string]string{v.Headers, v.Added} {
		for name, value := range given {
			if name = strings.ToLower(name); !strings.Contains(name, "_") && !strings.HasPrefix(name, "content-type") {
				headers[name] = value
			}
		}
	}
	r := &Request{Method: v.Method, Path: CanonicalPath(v.PathDecoded), Query: v.query(t).Canonical()}
	for name, value := range headers {
		r.Headers = append(r.Headers, Header{name, value})
	}
	slices.SortFunc(r.Headers, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	hash, err := PayloadHash(SDK, r.Headers, HashHex([]byte(v.Body)))
	if err != nil {
		t.Fatal(err)
	}
	r.PayloadHash = hash
	return r
}

func (v *vector) query(t testing.TB) Query {
	t.Helper()
	var pairs []string
	for _, pair := range v.Query {
		pairs = append(pairs, url.QueryEscape(pair[0])+"="+url.QueryEscape(pair[1]))
	}
	q, err := ParseQuery(strings.Join(pairs, "&"))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := v.request(t)
			canonical := appendCanonical(nil, r)
			if string(canonical) != v.Canonical {
				t.Errorf("canonical request\n%s\nwant\n%s", canonical, v.Canonical)
			}
			date, err := checkRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(appendStringToSign(nil, date, sha256.Sum256(canonical))); got != v.StringToSign {
				t.Errorf("string to sign\n%s\nwant\n%s", got, v.StringToSign)
			}
			key := SDK.NewKey(v.AK, secret.New(v.SK))
			at, err := parseDate(date)
			if err != nil {
				t.Fatal(err)
			}
			unsigned := *r
			unsigned.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h Header) bool { return h.Name == dateHeader })
			want := []Header{{"X-Sdk-Date", date}, {"Authorization", v.Authorization}}
			if got, err := key.Sign(at, unsigned, Account{}); err != nil || !slices.Equal(got, want) {
				t.Errorf("Sign = %q, %v\nwant   %q", got, err, want)
			}
			a, err := SDK.ParseClaim(http.Header{"Authorization": {v.Authorization}, "X-Sdk-Date": {date}})
			if err != nil {
				t.Fatal(err)
			}
			if a.AccessKey != v.AK || !key.Verify(*r, &a) {
				t.Errorf("the SDK's own signature is not verified: %+v", a)
			}
		})
	}
}

// TestVectorTargets takes path and query from the URL that net/http would send, as a receiver does.
func TestVectorTargets(t *testing.T) {
	refused := map[string]bool{"root-empty-path": true, "trailing-slash-kept": true, "dot-segments": true}
	for _, v := range vectors(t) {
		u, err := url.Parse(v.URL)
		if err != nil {
			t.Fatal(err)
		}
		path, err := ParsePath(u.EscapedPath())
		if (err != nil) != refused[v.Name] {
			t.Errorf("%s: ParsePath(%q): %v", v.Name, u.EscapedPath(), err)
		}
		query, err := ParseQuery(u.RawQuery)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		want := v.request(t)
		if query.Canonical() != want.Query || !refused[v.Name] && CanonicalPath(path) != want.Path {
			t.Errorf("%s: received as %q %q, want %q %q", v.Name, CanonicalPath(path), query.Canonical(), want.Path, want.Query)
		}
	}
}
