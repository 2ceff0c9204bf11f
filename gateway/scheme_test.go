package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/secret"
	"tollgate/internal/words"
	"tollgate/signing"
)

// sums is a scheme made up for these tests, which shows that the gateway needs to know no more of a scheme than
// package signing asks of it.
type sums struct{}

type sumsKey struct{ id, secret string }

func (sums) Name() string { return "TEST-SUMS" }

func (sums) Owned() []signing.Owned {
	return []signing.Owned{
		{Name: "Authorization", Use: signing.Proof}, {Name: "Sum-When", Use: signing.Date}, {Name: "Sum-Pass", Use: signing.Token},
		{Name: "Sum-Tenant", Use: signing.AccountName}, {Name: "Sum-Body", Use: signing.ContentHash}, {Name: "Sum-", Use: signing.Family},
	}
}

func (sums) ParseClaim(h http.Header) (c signing.Claim, err error) {
	parts := strings.Fields(h.Get("Authorization"))
	if len(parts) != 4 {
		return c, &signing.AuthorizationError{Msg: words.Plain("want TEST-SUMS, key, names and sum")}
	}
	c = signing.Claim{AccessKey: parts[1], SignedHeaders: strings.Split(parts[2], ","), Signature: parts[3]}
	if c.Date, err = time.Parse(time.RFC3339, h.Get("Sum-When")); err != nil {
		return c, &signing.DateError{Missing: h["Sum-When"] == nil, Msg: words.Plain("Sum-When is missing, or no time")}
	}
	c.DateText = h.Get("Sum-When")
	return c, nil
}

func (sums) NewKey(accessKey string, secretKey secret.String) signing.Key {
	return sumsKey{accessKey, secretKey.Reveal()}
}

func (k sumsKey) Sign(now time.Time, r signing.Request, a signing.Account) ([]signing.Header, error) {
	added := []signing.Header{{Name: "Sum-When", Value: now.UTC().Format(time.RFC3339)}}
	if a.DomainID != "" {
		added = append(added, signing.Header{Name: "Sum-Tenant", Value: a.DomainID})
	}
	if !a.SecurityToken.IsZero() {
		added = append(added, signing.Header{Name: "Sum-Pass", Value: a.SecurityToken.Reveal()})
	}
	r.Headers = slices.Clone(r.Headers)
	for _, h := range added {
		r.Headers = append(r.Headers, signing.Header{Name: strings.ToLower(h.Name), Value: h.Value})
	}
	slices.SortFunc(r.Headers, func(a, b signing.Header) int { return strings.Compare(a.Name, b.Name) })
	var names []string
	for _, h := range r.Headers {
		names = append(names, h.Name)
	}
	value := "TEST-SUMS " + k.id + " " + strings.Join(names, ",") + " " + k.sum(&r)
	return append(added, signing.Header{Name: "Authorization", Value: value}), nil
}

func (k sumsKey) Verify(r signing.Request, c *signing.Claim) bool {
	dated := slices.Contains(r.Headers, signing.Header{Name: "sum-when", Value: c.DateText})
	return dated && hmac.Equal([]byte(k.sum(&r)), []byte(c.Signature))
}

func (k sumsKey) sum(r *signing.Request) string {
	mac := hmac.New(sha256.New, []byte(k.secret))
	fmt.Fprintf(mac, "TEST-SUMS %q", r)
	return hex.EncodeToString(mac.Sum(nil))
}

// withSums has callers sign by either scheme, and the partner's credential by sums, with a token.
func withSums(f *fixture) {
	var configs []caller.Config
	for name, sk := range callerSecrets {
		configs = append(configs, withKey(name, sk))
	}
	configs = append(configs, caller.Config{Name: localCaller})
	f.plan.Callers = must(caller.NewRegistry(configs, signing.NewSchemes(signing.SDK, sums{}), secretAsWritten))
	f.credentials["partner-main"] = partnerBy(sums{})
}

// partnerBy is the partner's credential, which signs by a scheme and has a token.
func partnerBy(scheme signing.Scheme) *credential.Credential {
	facts := credential.Facts{Name: "partner-main", Upstream: "bss", Class: catalog.ClassPartner, DomainID: partnerAccount}
	return must(credential.New(credential.Config{Facts: facts}, credential.Options{
		Scheme: scheme,
		Load: func() (credential.Keys, error) {
			return credential.Keys{AccessKey: "AK-sums", SecretKey: secretOf("partner-main"), SecurityToken: secret.New(securityToken)}, nil
		}}))
}

// summed is a call that is signed by sums.
func summed(t testing.TB, name, method, target, body, hash string, signHeader ...signing.Header) string {
	t.Helper()
	path, query, _ := strings.Cut(target, "?")
	headers := append([]signing.Header{{Name: "host", Value: "gateway.test"}}, signHeader...)
	added, err := sums{}.NewKey(accessKeyOf(name), secret.New(callerSecrets[name])).Sign(time.Now(), signing.Request{
		Method: method, Path: path, Query: query, Headers: headers, PayloadHash: hash,
	}, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, h := range append(added, signHeader...) {
		lines = append(lines, h.Name+": "+h.Value)
	}
	return plain(method, target, body, lines...)
}

// A second scheme needs no other code: a caller's claim of it is verified, and a call is signed with it.
func TestAnotherScheme(t *testing.T) {
	f := start(t, withSums)
	body := `{"a":1}`
	if got := f.send(t, summed(t, partnerCaller, "POST", "/echo/x/y", body, signing.HashHex([]byte(body)))); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	a := f.origin.only(t)
	want := []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Host", "Sum-Pass", "Sum-Tenant", "Sum-When", "User-Agent"}
	if got := a.names(); !slices.Equal(got, want) {
		t.Errorf("headers upstream %q, want %q", got, want)
	}
	sent := http.Header{}
	for _, name := range want {
		sent[name] = a.values(name)
	}
	claim, err := sums{}.ParseClaim(sent)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := signing.SignedHeaders(sent, a.value("Host"), claim.SignedHeaders)
	if names := strings.Join(claim.SignedHeaders, " "); err != nil || names != "content-type host sum-pass sum-tenant sum-when" || claim.AccessKey != "AK-sums" {
		t.Errorf("signed as %s: %s, %v", claim.AccessKey, names, err)
	}
	signed := signing.Request{Method: "POST", Path: "/echo/x/y", Headers: headers, PayloadHash: signing.HashHex([]byte(body))}
	if !(sums{}).NewKey("AK-sums", secretOf("partner-main")).Verify(signed, &claim) || a.value("Sum-Tenant") != partnerAccount {
		t.Errorf("the signature upstream does not fit what was sent: %q", a)
	}
	if r := f.log.only(t, logfile.KindIntent); r.Caller != partnerCaller || r.Credential != "partner-main" {
		t.Errorf("recorded as of %s with %s", r.Caller, r.Credential)
	}
}

// A credential of a scheme that the gateway does not know signs nothing: its headers would be neither hidden nor kept apart.
func TestUnknownSchemesDoNotSign(t *testing.T) {
	f := start(t, fixed, withSums, func(f *fixture) { f.plan.Callers = callers(t) })
	f.send(t, plain("POST", "/echo/x/y", "{}")).wantCode(t, "TG.9001")
	f.origin.none(t)
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent || strings.Contains(f.written(), securityToken) {
		t.Errorf("recorded %+v", r)
	}
}

// What a claim of it needs, it needs as any other does; the other scheme goes on beside it.
func TestClaimsOfAnotherScheme(t *testing.T) {
	read := summed(t, customerCaller, "GET", readTarget, "", signing.EmptyHash)
	unsigned := summed(t, customerCaller, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1"}`, signing.UnsignedPayload,
		signing.Header{Name: "sum-body", Value: signing.UnsignedPayload})
	adding := func(text, line string) string { return strings.Replace(text, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1) }
	for name, c := range map[string]struct{ text, code string }{
		"good":                    {read, ""},
		"of the other scheme":     {goodCall().text(t), ""},
		"another path":            {strings.Replace(read, readTarget, "/v2/orders/customer-orders", 1), "TG.2006"},
		"date":                    {strings.Replace(read, "Sum-When: 2", "Sum-When: 1", 1), "TG.2005"},
		"no date":                 {withoutLine(read, "Sum-When: "), "TG.2005"},
		"malformed":               {strings.Replace(read, "TEST-SUMS "+accessKeyOf(customerCaller), "TEST-SUMS", 1), "TG.2002"},
		"key":                     {strings.Replace(read, accessKeyOf(customerCaller), "TG-none", 1), "TG.2004"},
		"case of the scheme":      {strings.Replace(read, "TEST-SUMS", "test-sums", 1), "TG.2003"},
		"account, not signed":     {adding(read, "Sum-Tenant: "+customerAccount), "TG.2006"},
		"account, of the other":   {adding(read, "X-Domain-Id: "+customerAccount), "TG.2006"},
		"account, signed":         {summed(t, customerCaller, "GET", readTarget, "", signing.EmptyHash, signing.Header{Name: "sum-tenant", Value: customerAccount}), ""},
		"another account":         {summed(t, customerCaller, "GET", readTarget, "", signing.EmptyHash, signing.Header{Name: "sum-tenant", Value: "c-9"}), "TG.3003"},
		"a token":                 {adding(read, "Sum-Pass: x"), "TG.3009"},
		"body that is not hashed": {unsigned, "TG.2009"},
	} {
		f := start(t, withSums)
		got := f.send(t, c.text)
		if got.code() != c.code || c.code == "" && got.status != 200 {
			t.Errorf("%s: answer %d %s, want %q", name, got.status, got.body, c.code)
		}
		if c.code != "" {
			f.origin.none(t)
		}
		if names := got.header["Www-Authenticate"]; got.status == 401 && !slices.Equal(names, []string{"SDK-HMAC-SHA256", "TEST-SUMS"}) {
			t.Errorf("%s: WWW-Authenticate %q", name, names)
		}
	}
	f, pay := start(t, withSums), `{"order_id":"CS-1"}`
	paid := summed(t, customerCaller, "POST", "/v3/orders/customer-orders/pay", pay, signing.HashHex([]byte(pay)))
	if got := f.send(t, paid); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	f.send(t, paid).wantCode(t, "TG.4003")
	f.origin.only(t)
}

// What a scheme owns does not come from a caller, even if an endpoint were declared to pass it on.
func TestOwnedHeadersAreNotForwarded(t *testing.T) {
	owned := []string{"Sum-When", "Sum-Tenant", "Sum-Body", "Sum-Other", "X-Sdk-Date", "X-Sdk-Other", "Authorization"}
	f := start(t, fixed, withSums, func(f *fixture) {
		o := *signedEndpoints[0]
		o.ForwardHeaders = append([]string{"X-Project"}, owned...)
		r := &f.listener.Routes[0]
		delete(r.Upstreams, signedEndpoints[0])
		r.Upstreams[&o] = f.upstream["bss"]
		var all []*catalog.Operation
		for o := range r.Upstreams {
			all = append(all, o)
		}
		r.Router = must(catalog.NewRouter(all))
		f.plan.Grants, _ = grants.New([]grants.Upstream{{Name: "bss", Signed: true, Operations: []*catalog.Operation{&o}}},
			factsOf(f.credentials), []grants.Grant{{Caller: localCaller, Upstream: "bss", Operations: []string{"Echo"}, Credential: f.credentials["partner-main"].Name()}})
	})
	lines := []string{"X-Project: 7", "Sum-Tenant: " + partnerAccount}
	for _, name := range owned {
		if name != "Sum-Tenant" && name != "Authorization" { // these are read
			lines = append(lines, name+": of-the-caller")
		}
	}
	if got := f.send(t, plain("POST", "/echo/x/y", "{}", lines...)); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	a := f.origin.only(t)
	if text := fmt.Sprint(a); strings.Contains(text, "of-the-caller") || a.value("X-Project") != "7" || a.value("Sum-Tenant") != partnerAccount {
		t.Errorf("headers upstream %q", a)
	}
	if want := "Sum-Pass Sum-Tenant Sum-When"; !strings.Contains(strings.Join(a.names(), " "), want) || len(a.values("Sum-When")) != 1 {
		t.Errorf("headers upstream %q", a.names())
	}
}

// The token of its keys is hidden from answers, records and logs, as any other is.
func TestTokensOfAnotherSchemeAreHidden(t *testing.T) {
	for name, answer := range map[string]string{
		"an answer":   jsonAnswer(200, `{"a":"sum-pass:`+securityToken+`"}`),
		"a rejection": jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail, sum-pass:`+securityToken+`"}`),
		"a header":    jsonAnswer(200, "{}", "X-Request-Id: "+securityToken),
		"nonsense":    securityToken + strings.Repeat("x", 4000) + "\r\n\r\n",
	} {
		f := start(t, fixed, withSums, answering(answer))
		got := f.send(t, plain("POST", "/echo/x/y", "{}"))
		if text := fmt.Sprint(got.header, got.body) + f.written(); strings.Contains(text, securityToken) {
			t.Errorf("%s: the token is in %s", name, text)
		}
		a := f.origin.only(t)
		if a.value("Sum-Pass") != securityToken || strings.Contains(f.written(), a.value("Authorization")[len(a.value("Authorization"))-64:]) {
			t.Errorf("%s: upstream got %q", name, a)
		}
	}
}

// To an internal app goes what is no signature of any scheme.
func TestAuthorizationOfAnotherSchemeIsNoApps(t *testing.T) {
	callers := must(caller.NewRegistry([]caller.Config{{Name: localCaller}}, signing.NewSchemes(signing.SDK, sums{}), nil))
	for value, code := range map[string]string{"Bearer x": "", "TEST-SUMS x": "TG.2002", "test-sums x": "TG.2003", "SDK-HMAC-SHA256 x": "TG.2002"} {
		refusal := gateway.CheckAuthorization(callers, http.Header{"Authorization": {value}}, true)
		if got := refusal != nil; got != (code != "") || got && refusal.Code.Number != code {
			t.Errorf("%q: %+v, want %q", value, refusal, code)
		}
	}
}

// spelt signs as sums does, and sends one of its headers under another name.
type spelt struct {
	sums
	as string
}

type speltKey struct {
	signing.Key
	as string
}

func (s spelt) NewKey(accessKey string, secretKey secret.String) signing.Key {
	return speltKey{s.sums.NewKey(accessKey, secretKey), s.as}
}

func (k speltKey) Sign(now time.Time, r signing.Request, a signing.Account) ([]signing.Header, error) {
	added, err := k.Key.Sign(now, r, a)
	for i := range added {
		if added[i].Name == "Sum-Pass" {
			added[i].Name = k.as
		}
	}
	return added, err
}

// A token would not be hidden that a scheme sends in a header of which the gateway does not know that it holds one.
func TestHeadersThatAreNotHiddenAreNotSent(t *testing.T) {
	for _, as := range []string{"sum-pass", "Sum-Other", "X-Other"} {
		f := start(t, fixed, withSums, func(f *fixture) { f.credentials["partner-main"] = partnerBy(spelt{as: as}) })
		f.send(t, plain("POST", "/echo/x/y", "{}")).wantCode(t, "TG.9001")
		f.origin.none(t)
	}
}
