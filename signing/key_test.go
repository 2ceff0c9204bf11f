package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/secret"
)

const testSecret = "SKexample+/=secret~0123456789abcdefghijk"

func newSDKKey(accessKey string, secretKey secret.String) *sdkKey {
	return SDK.NewKey(accessKey, secretKey).(*sdkKey)
}

func testKey() *sdkKey { return newSDKKey("AKEXAMPLE0000000001", secret.New(testSecret)) }

func testRequest() *Request {
	return &Request{
		Method: "POST",
		Path:   "/v3/orders/customer-orders/pay",
		Query:  "a=1&b=%20",
		Headers: []Header{
			{"content-type", "application/json"},
			{"host", "bss.myhuaweicloud.com"},
			{"x-domain-id", "0123456789abcdef0123456789abcdef"},
			{"x-sdk-date", "20240102T030405Z"},
		},
		PayloadHash: HashHex([]byte(`{"order_id":"CS1"}`)),
	}
}

// undated is testRequest without the header that Sign adds.
func undated() *Request {
	r := testRequest()
	r.Headers = r.Headers[:3]
	return r
}

// signAs signs a request whose headers hold those of the signature already, good or bad.
func signAs(k Key, r *Request) (string, error) {
	s := k.(*sdkKey).get()
	defer k.(*sdkKey).put(s)
	return k.(*sdkKey).authorization(s, r)
}

// verify holds a signature against a request whose date the claim had.
func verify(k Key, r *Request, signature string) bool {
	c := Claim{Signature: signature}
	for _, h := range r.Headers {
		if h.Name == dateHeader {
			c.DateText = trim(h.Value)
		}
	}
	return k.Verify(*r, &c)
}

func signature(t testing.TB, k *sdkKey, r *Request) string {
	t.Helper()
	value, err := signAs(k, r)
	if err != nil {
		t.Fatal(err)
	}
	a, err := parse(value)
	if err != nil {
		t.Fatal(err)
	}
	return a.Signature
}

func TestVerifyRefusesChanges(t *testing.T) {
	key := testKey()
	good := signature(t, key, testRequest())
	if !verify(key, testRequest(), good) {
		t.Fatal("the key does not verify what it signed")
	}
	for name, change := range map[string]func(*Request){
		"method":          func(r *Request) { r.Method = "PUT" },
		"method's case":   func(r *Request) { r.Method = "post" },
		"path":            func(r *Request) { r.Path = "/v3/orders/customer-orders/pax" },
		"path, query":     func(r *Request) { r.Path, r.Query = "/v3", "" },
		"query":           func(r *Request) { r.Query = "a=2&b=%20" },
		"no query":        func(r *Request) { r.Query = "" },
		"host":            func(r *Request) { r.Headers[1].Value = "bss-intl.myhuaweicloud.com" },
		"header left out": func(r *Request) { r.Headers = r.Headers[1:] },
		"header added":    func(r *Request) { r.Headers = append([]Header{{"accept", "*/*"}}, r.Headers...) },
		"header's name":   func(r *Request) { r.Headers[2].Name = "x-domain-ie" },
		"date":            func(r *Request) { r.Headers[3].Value = "20240102T030406Z" },
		"no date":         func(r *Request) { r.Headers = r.Headers[:3] },
		"body":            func(r *Request) { r.PayloadHash = HashHex([]byte(`{"order_id":"CS2"}`)) },
		"unsigned body":   func(r *Request) { r.PayloadHash = UnsignedPayload },
		"case of hash":    func(r *Request) { r.PayloadHash = strings.ToUpper(r.PayloadHash) },
	} {
		r := testRequest()
		change(r)
		if verify(key, r, good) {
			t.Errorf("another %s: still verified", name)
		}
	}
	if verify(newSDKKey(key.accessKey, secret.New(testSecret+"x")), testRequest(), good) {
		t.Error("another secret key: still verified")
	}
}

func TestVerifyRefusesSignatures(t *testing.T) {
	key := testKey()
	good := signature(t, key, testRequest())
	for i := range len(good) {
		changed := []byte(good)
		if changed[i]++; changed[i] == '9'+1 {
			changed[i] = 'a'
		}
		if verify(key, testRequest(), string(changed)) {
			t.Errorf("verified with digit %d changed", i)
		}
	}
	for _, bad := range []string{"", good[:63], good[:62], good + "0", good + "\n", " " + good[1:], strings.ToUpper(good), strings.Repeat("0", 64), "0x" + good[2:]} {
		if verify(key, testRequest(), bad) {
			t.Errorf("verified %q", bad)
		}
	}
}

// TestSignAdds holds what Sign adds against a claim of all of it.
func TestSignAdds(t *testing.T) {
	key := SDK.NewKey("AK", secret.New(testSecret))
	for name, c := range map[string]struct {
		account Account
		added   []string
		signed  string
	}{
		"nothing":       {Account{}, []string{"X-Sdk-Date", "Authorization"}, "content-type;host;x-sdk-date"},
		"an account":    {Account{DomainID: "d"}, []string{"X-Sdk-Date", "X-Domain-Id", "Authorization"}, "content-type;host;x-domain-id;x-sdk-date"},
		"a token":       {Account{SecurityToken: secret.New("t")}, []string{"X-Sdk-Date", "X-Security-Token", "Authorization"}, "content-type;host;x-sdk-date;x-security-token"},
		"an empty one":  {Account{SecurityToken: secret.New("")}, []string{"X-Sdk-Date", "Authorization"}, "content-type;host;x-sdk-date"},
		"both of these": {Account{"d", secret.New("t")}, []string{"X-Sdk-Date", "X-Domain-Id", "X-Security-Token", "Authorization"}, "content-type;host;x-domain-id;x-sdk-date;x-security-token"},
	} {
		r := undated()
		r.Headers = r.Headers[:2:2]
		added, err := key.Sign(goodDate, *r, c.account)
		if err != nil {
			t.Fatal(err)
		}
		sent := http.Header{"Content-Type": {r.Headers[0].Value}}
		var names []string
		for _, h := range added {
			names = append(names, h.Name)
			sent[h.Name] = []string{h.Value}
			if use, owned := Known().Owns(h.Name); !owned || use == Family {
				t.Errorf("%s: %s is added, and not owned", name, h.Name)
			}
		}
		claim, err := SDK.ParseClaim(sent)
		if err != nil || !slices.Equal(names, c.added) || strings.Join(claim.SignedHeaders, ";") != c.signed || !claim.Date.Equal(goodDate) {
			t.Errorf("%s: added %q, signed %q, %v", name, names, claim.SignedHeaders, err)
		}
		if r.Headers, err = SignedHeaders(sent, r.Headers[1].Value, claim.SignedHeaders); err != nil || !key.Verify(*r, &claim) {
			t.Errorf("%s: not verified: %v", name, err)
		}
	}
	if _, err := key.Sign(goodDate, *testRequest(), Account{}); err == nil {
		t.Error("signed beside a date that was there")
	}
	if _, err := key.Sign(goodDate, *undated(), Account{DomainID: "d"}); err == nil {
		t.Error("signed beside an account that was there")
	}
	if s := key.(*sdkKey).get(); slices.ContainsFunc(s.lines[:cap(s.lines)], func(h Header) bool { return h != Header{} }) {
		t.Error("a pooled buffer holds headers")
	}
}

// TestVerifyWantsTheClaimsDate: the window was checked for that one.
func TestVerifyWantsTheClaimsDate(t *testing.T) {
	key, r := testKey(), testRequest()
	claim := &Claim{Signature: signature(t, key, r), DateText: goodDateText}
	if !key.Verify(*r, claim) {
		t.Error("a good claim is refused")
	}
	for _, date := range []string{"", "20240102T030406Z", goodDateText + " "} {
		claim.DateText = date
		if key.Verify(*r, claim) {
			t.Errorf("verified as of %q", date)
		}
	}
}

// TestSignRefuses: without these checks one request's canonical form could be that of another.
func TestSignRefuses(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"empty method":             func(r *Request) { r.Method = "" },
		"line feed in method":      func(r *Request) { r.Method = "GET\n/x/" },
		"blank in method":          func(r *Request) { r.Method = "GET /x" },
		"empty path":               func(r *Request) { r.Path = "" },
		"relative path":            func(r *Request) { r.Path = "v2" },
		"line feed in path":        func(r *Request) { r.Path = "/a/\nq=1" },
		"unescaped path":           func(r *Request) { r.Path = "/a b" },
		"query in path":            func(r *Request) { r.Path = "/a?b" },
		"line feed in query":       func(r *Request) { r.Query = "a=1\nhost:x" },
		"uncanonical query":        func(r *Request) { r.Query = "a=1+2" },
		"no headers":               func(r *Request) { r.Headers = nil },
		"no date":                  func(r *Request) { r.Headers = r.Headers[:3] },
		"empty date":               func(r *Request) { r.Headers[3].Value = " " },
		"malformed date":           func(r *Request) { r.Headers[3].Value = "2024-01-02T03:04:05Z" },
		"lower-case date":          func(r *Request) { r.Headers[3].Value = "20240102t030405Z" },
		"unsorted headers":         func(r *Request) { r.Headers[0], r.Headers[1] = r.Headers[1], r.Headers[0] },
		"repeated header":          func(r *Request) { r.Headers[1] = r.Headers[0] },
		"upper-case header":        func(r *Request) { r.Headers[0].Name = "Content-Type" },
		"empty header name":        func(r *Request) { r.Headers[0].Name = "" },
		"semicolon in header name": func(r *Request) { r.Headers[0].Name = "a;b" },
		"colon in header name":     func(r *Request) { r.Headers[0].Name = "a:b" },
		"line feed in value":       func(r *Request) { r.Headers[0].Value = "a\nhost:b" },
		"NUL in value":             func(r *Request) { r.Headers[0].Value = "a\x00" },
		"empty hash":               func(r *Request) { r.PayloadHash = "" },
		"short hash":               func(r *Request) { r.PayloadHash = EmptyHash[1:] },
		"hash that is no hash":     func(r *Request) { r.PayloadHash = strings.Repeat("g", 64) },
		"upper-case hash":          func(r *Request) { r.PayloadHash = strings.ToUpper(EmptyHash) },
		"too many headers":         func(r *Request) { r.Headers = manyHeaders(65) },
	} {
		r := testRequest()
		change(r)
		if got, err := signAs(testKey(), r); err == nil || got != "" {
			t.Errorf("%s: Sign = %q, %v", name, got, err)
		}
	}
	r := testRequest()
	r.Headers = manyHeaders(64)
	if _, err := signAs(testKey(), r); err != nil {
		t.Errorf("64 headers: %v", err)
	}
}

func manyHeaders(n int) (headers []Header) {
	for i := range n - 1 {
		headers = append(headers, Header{fmt.Sprintf("h-%03d", i), "v"})
	}
	return append(headers, Header{dateHeader, "20240102T030405Z"})
}

func TestUnusableKeys(t *testing.T) {
	for ak, sk := range map[string]string{
		"":                       testSecret,
		"AK":                     "",
		"A K":                    testSecret,
		"AK, SignedHeaders=x":    testSecret,
		"AK\r\nX: y":             testSecret,
		strings.Repeat("A", 129): testSecret,
	} {
		key := newSDKKey(ak, secret.New(sk))
		if got, err := signAs(key, testRequest()); err == nil {
			t.Errorf("key %q signs: %q", ak, got)
		}
		if verify(key, testRequest(), strings.Repeat("0", 64)) {
			t.Errorf("key %q verifies", ak)
		}
	}
	// The HMAC under an empty key is public: it must not verify.
	r := testRequest()
	mac := hmac.New(sha256.New, nil)
	mac.Write(appendStringToSign(nil, "20240102T030405Z", sha256.Sum256(appendCanonical(nil, r))))
	if verify(newSDKKey("AK", secret.String{}), r, hex.EncodeToString(mac.Sum(nil))) {
		t.Error("a key without a secret verifies what anyone can sign")
	}
}

func TestKeyNeverPrintsItsSecret(t *testing.T) {
	key := testKey()
	if _, err := signAs(key, testRequest()); err != nil { // fills the pool
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, key); got != "signing.Key(AKEXAMPLE0000000001)" {
			t.Errorf("%s prints %s", format, got)
		}
	}
	if got, err := json.Marshal(map[string]any{"key": key}); err != nil || strings.Contains(string(got), "secret") {
		t.Errorf("JSON: %s, %v", got, err)
	}
	r := testRequest()
	r.Headers[0].Value = "\x00" + testSecret
	if _, err := signAs(key, r); err == nil || strings.Contains(err.Error(), "secret~") {
		t.Errorf("an error quotes a header's value: %v", err)
	}
}

func TestKeyIsSharedSafely(t *testing.T) {
	key := testKey()
	want := signature(t, key, testRequest())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				if !verify(key, testRequest(), want) {
					t.Error("a good signature was not verified")
				}
				r := testRequest()
				r.Query = fmt.Sprintf("i=%d", i)
				if got, err := signAs(key, r); err != nil || strings.HasSuffix(got, want) {
					t.Errorf("Sign = %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestLargeRequestsAreNotKept(t *testing.T) {
	key := testKey()
	r := testRequest()
	r.Headers[0].Value = strings.Repeat("x", 1<<20)
	want := signature(t, key, r)
	if !verify(key, r, want) {
		t.Error("a large header is not verified")
	}
	s := key.get()
	if cap(s.buf) > maxPooledBuffer {
		t.Errorf("kept a buffer of %d bytes", cap(s.buf))
	}
}

// TestAllocations holds the budget: Sign allocates the list that it returns, with its date and signature, and Verify nothing.
func TestAllocations(t *testing.T) {
	key, r := testKey(), testRequest()
	good := signature(t, key, r)
	signBudget, verifyBudget := 3.0, 0.0
	if raceEnabled { // the pool loses some: each costs the keyed state again
		signBudget, verifyBudget = 12, 7
	}
	claim, unsigned := &Claim{Signature: good, DateText: goodDateText}, undated()
	runtime.GC()
	if got := testing.AllocsPerRun(1000, func() { _, _ = Key(key).Sign(goodDate, *unsigned, Account{DomainID: ""}) }); got > signBudget {
		t.Errorf("Sign: %v allocations, want at most %v", got, signBudget)
	}
	if got := testing.AllocsPerRun(1000, func() { Key(key).Verify(*r, claim) }); got > verifyBudget {
		t.Errorf("Verify: %v allocations, want at most %v", got, verifyBudget)
	}
	for name, f := range map[string]func(){
		"ParsePath":        func() { _, _ = ParsePath("/v3/orders/customer-orders/pay") },
		"CanonicalPath":    func() { CanonicalPath("/v3/orders/customer-orders/pay") },
		"ParseQuery empty": func() { _, _ = ParseQuery("") },
		"parseDate":        func() { _, _ = parseDate("20240102T030405Z") },
	} {
		if got := testing.AllocsPerRun(100, f); got > 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	if got := testing.AllocsPerRun(100, func() { _, _ = ParseQuery("customer_id=c-17&limit=10&offset=0") }); got > 1 {
		t.Errorf("ParseQuery, canonical already: %v allocations, want 1", got)
	}
}

func TestHashHex(t *testing.T) {
	if got := HashHex(nil); got != EmptyHash {
		t.Errorf("HashHex(nil) = %s, want EmptyHash", got)
	}
	if got, want := HashHex([]byte("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; got != want { // FIPS 180-2 B.1
		t.Errorf("HashHex(abc) = %s, want %s", got, want)
	}
}

func TestDate(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 999, time.FixedZone("", 8*3600))
	if got := FormatDate(at); got != "20240101T190405Z" {
		t.Errorf("FormatDate = %s", got)
	}
	if got, err := parseDate("20240101T190405Z"); err != nil || !got.Equal(at.Truncate(time.Second)) || got.Location() != time.UTC {
		t.Errorf("parseDate = %v, %v", got, err)
	}
	for _, bad := range []string{
		"", "20240101T190405", "20240101T190405z", "20240101t190405Z", " 20240101T190405Z", "20240101T190405Z ", "2024-01-01T19:04:05Z",
		"20241301T190405Z", "20240230T190405Z", "20240101T250405Z", "20240101T196005Z", "20240101T190460Z", "20240101T19040.Z",
		"20240101T190405.5Z", "+0240101T190405Z", "20240101T190405+0000", "２0240101T190405Z",
	} {
		if got, err := parseDate(bad); err == nil {
			t.Errorf("parseDate(%q) = %v", bad, got)
		}
	}
}

func FuzzSignVerify(f *testing.F) {
	f.Add("GET", "/v2/orders", "a=1", "x-a", " v ", "20240102T030405Z", EmptyHash, byte(0))
	f.Add("POST", "/", "", "host", "h:8443", "20240102T030405Z", UnsignedPayload, byte(200))
	key := testKey()
	f.Fuzz(func(t *testing.T, method, path, query, name, value, date, hash string, flip byte) {
		r := &Request{method, path, query, []Header{{name, value}, {dateHeader, date}}, hash}
		authorization, err := signAs(key, r)
		if err != nil {
			if verify(key, r, strings.Repeat("0", 64)) {
				t.Errorf("verifies what it does not sign: %+v", r)
			}
			return
		}
		a, err := parse(authorization)
		if err != nil {
			t.Fatalf("wrote %q: %v", authorization, err)
		}
		if at, err := parseDate(date); err == nil {
			added, err := key.Sign(at, Request{method, path, query, r.Headers[:1], hash}, Account{})
			if want := []Header{{dateName, date}, {"Authorization", authorization}}; err != nil || !slices.Equal(added, want) {
				t.Errorf("Sign = %q, %v, want %q", added, err, want)
			}
		}
		if a.AccessKey != key.accessKey || strings.Join(a.SignedHeaders, ";") != name+";"+dateHeader || !verify(key, r, a.Signature) {
			t.Errorf("%+v signed as %+v is not verified", r, a)
		}
		if strings.Count(string(appendCanonical(nil, r)), "\n") != 7 { // 5 between parts, 2 header lines
			t.Errorf("ambiguous canonical request %q", appendCanonical(nil, r))
		}
		changed := []byte(a.Signature)
		changed[int(flip)%len(changed)] ^= 1
		if verify(key, r, string(changed)) {
			t.Errorf("verified a changed signature")
		}
	})
}
