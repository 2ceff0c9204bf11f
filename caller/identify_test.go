package caller

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/signing"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func twoCallers(t testing.TB) *Registry {
	return mustRegistry(t,
		Config{
			Name: "billing",
			Auth: []Auth{
				certificate(CertificateName{URI: "spiffe://corp/billing"}), certificate(CertificateName{DNS: "billing.corp.example"}),
				certificate(CertificateName{CommonName: "billing-app"}), key("TGBILLING1", goodSecret.Reveal()),
			},
		},
		Config{
			Name: "orders",
			Auth: []Auth{
				certificate(CertificateName{URI: "spiffe://corp/orders"}), certificate(CertificateName{DNS: "orders.corp.example"}),
				key("TGORDERS1", "another-good-secret-value"),
			},
		},
		Config{Name: "sidecar"},
	)
}

// leaf makes a real certificate, so that its extensions are as crypto/x509 reads them.
func leaf(t testing.TB, template x509.Certificate, uris ...string) *x509.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, uri)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func named(commonName string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: commonName}}
}

func dns(names ...string) x509.Certificate { return x509.Certificate{DNSNames: names} }

// request is a call with an empty body.
func request(date time.Time) signing.Request {
	return signing.Request{
		Method: "GET", Path: "/v2/orders", PayloadHash: emptyHash,
		Headers: []signing.Header{{Name: "x-sdk-date", Value: signing.FormatDate(date)}},
	}
}

func signed(t testing.TB, id string, key secret.String, date time.Time) Evidence {
	t.Helper()
	unsigned := request(date)
	unsigned.Headers = nil
	added, err := signing.SDK.NewKey(id, key).Sign(date, unsigned, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	e := Evidence{Header: http.Header{}}
	for _, h := range added {
		e.Header.Set(h.Name, h.Value)
	}
	return e
}

// saying is evidence with these values of Authorization alone.
func saying(authorization ...string) Evidence {
	return Evidence{Header: http.Header{"Authorization": authorization}}
}

// dated changes the values of the date.
func dated(e *Evidence, dates ...string) {
	e.Header = e.Header.Clone()
	e.Header["X-Sdk-Date"] = dates
}

func (e Evidence) date() string { return e.Header.Get("X-Sdk-Date") }

func (e Evidence) authorization() string { return e.Header.Get("Authorization") }

func TestSettledIdentities(t *testing.T) {
	r := twoCallers(t)
	spiffe := leaf(t, x509.Certificate{}, "spiffe://other/x", "spiffe://corp/billing")
	for name, c := range map[string]struct {
		evidence Evidence
		want     Identity
	}{
		"listener":                                {Evidence{Fixed: "sidecar"}, Identity{"sidecar", ByListener, ""}},
		"uri":                                     {Evidence{Certificate: spiffe}, Identity{"billing", ByCertificate, "spiffe://corp/billing"}},
		"dns, any case":                           {Evidence{Certificate: leaf(t, dns("Billing.CORP.example"))}, Identity{"billing", ByCertificate, "billing.corp.example"}},
		"common name":                             {Evidence{Certificate: leaf(t, named("billing-app"))}, Identity{"billing", ByCertificate, "billing-app"}},
		"two names, one app":                      {Evidence{Certificate: leaf(t, dns("billing.corp.example"), "spiffe://corp/billing")}, Identity{"billing", ByCertificate, "spiffe://corp/billing"}},
		"listener and its certificate":            {Evidence{Fixed: "billing", Certificate: spiffe}, Identity{"billing", ByListener, ""}},
		"listener, for the app":                   {Evidence{Fixed: "billing", Header: http.Header{"Authorization": {"Bearer x"}}}, Identity{"billing", ByListener, ""}},
		"listener, without a scheme":              {Evidence{Fixed: "billing", Header: http.Header{"Authorization": {"x"}}}, Identity{"billing", ByListener, ""}},
		"listener, empty header":                  {Evidence{Fixed: "billing", Header: http.Header{"Authorization": {""}}}, Identity{"billing", ByListener, ""}},
		"certificate, for the app":                {Evidence{Certificate: spiffe, Header: http.Header{"Authorization": {"Basic YTpi"}}}, Identity{"billing", ByCertificate, "spiffe://corp/billing"}},
		"listener and a certificate of no caller": {Evidence{Fixed: "billing", Certificate: leaf(t, named("x"))}, Identity{"billing", ByListener, ""}},
	} {
		got, claim, err := r.Identify(c.evidence, now)
		if got != c.want || claim != nil || err != nil {
			t.Errorf("%s: %+v, %v, %v, want %+v", name, got, claim, err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := twoCallers(t)
	good := signed(t, "TGBILLING1", goodSecret, now)
	with := func(e Evidence, change func(*Evidence)) Evidence { change(&e); return e }
	authorization := func(values ...string) Evidence {
		e := saying(values...)
		dated(&e, good.date())
		return e
	}
	spiffe := leaf(t, x509.Certificate{}, "spiffe://corp/orders")
	ambiguous := leaf(t, dns("orders.corp.example"), "spiffe://corp/billing")
	for name, c := range map[string]struct {
		evidence Evidence
		reason   Reason
		text     string
	}{
		"nothing":                         {Evidence{}, NoIdentity, "access key"},
		"a date only":                     {Evidence{Header: http.Header{"X-Sdk-Date": {good.date()}}}, NoIdentity, "access key"},
		"listener of no caller":           {Evidence{Fixed: "absent"}, NoIdentity, "not configured"},
		"certificate of no caller":        {Evidence{Certificate: leaf(t, named("x"))}, UnknownCertificate, "no known caller"},
		"near miss of a URI":              {Evidence{Certificate: leaf(t, x509.Certificate{}, "spiffe://corp/billing/x")}, UnknownCertificate, ""},
		"case of a URI's path":            {Evidence{Certificate: leaf(t, x509.Certificate{}, "spiffe://corp/Billing")}, UnknownCertificate, ""},
		"wildcard certificate":            {Evidence{Certificate: leaf(t, dns("*.corp.example"))}, UnknownCertificate, ""},
		"a URI as common name":            {Evidence{Certificate: leaf(t, named("spiffe://corp/billing"))}, UnknownCertificate, ""},
		"ambiguous certificate":           {Evidence{Certificate: ambiguous}, AmbiguousCertificate, "different callers"},
		"ambiguous, with a claim":         {with(good, func(e *Evidence) { e.Certificate = ambiguous }), AmbiguousCertificate, ""},
		"ambiguous, fixed":                {Evidence{Fixed: "billing", Certificate: ambiguous}, AmbiguousCertificate, ""},
		"listener, other's certificate":   {Evidence{Fixed: "billing", Certificate: spiffe}, ContradictingIdentities, "certificate"},
		"listener, other's key":           {with(good, func(e *Evidence) { e.Fixed = "orders" }), ContradictingIdentities, "listener"},
		"certificate, other's key":        {with(good, func(e *Evidence) { e.Certificate = spiffe }), ContradictingIdentities, "certificate"},
		"listener, unknown key":           {with(signed(t, "OTHER", goodSecret, now), func(e *Evidence) { e.Fixed = "orders" }), UnknownAccessKey, ""},
		"listener, derived scheme":        {with(authorization("v11-HMAC-SHA256 x"), func(e *Evidence) { e.Fixed = "orders" }), UnknownScheme, "derived"},
		"listener, a blank too few":       {with(authorization("SDK-HMAC-SHA256"), func(e *Evidence) { e.Fixed = "orders" }), BadAuthorization, ""},
		"listener, case of the scheme":    {with(authorization("sdk-hmac-sha256 x"), func(e *Evidence) { e.Fixed = "orders" }), UnknownScheme, ""},
		"certificate, AWS":                {with(authorization("AWS4-HMAC-SHA256 x"), func(e *Evidence) { e.Certificate = spiffe }), UnknownScheme, "AWS4"},
		"listener, two for the app":       {with(authorization("Basic YTpi", "Bearer x"), func(e *Evidence) { e.Fixed = "orders" }), BadAuthorization, "more than once"},
		"certificate of no caller, basic": {with(authorization("Basic YTpi"), func(e *Evidence) { e.Certificate = leaf(t, named("x")) }), UnknownScheme, "Basic"},
		"junk":                            {authorization("x"), UnknownScheme, ""},
		"empty header":                    {authorization(""), UnknownScheme, ""},
		"unknown key":                     {signed(t, "OTHER", goodSecret, now), UnknownAccessKey, "access key"},
		"two headers":                     {authorization(good.authorization(), good.authorization()), BadAuthorization, "more than once"},
		"derived scheme":                  {authorization("V11-HMAC-SHA256 Credential=AK/20260304/r/s, SignedHeaders=x-sdk-date, Signature=00"), UnknownScheme, "derived"},
		"other hash":                      {authorization("SDK-HMAC-SM3 Access=AK, SignedHeaders=x-sdk-date, Signature=00"), UnknownScheme, "default"},
		"bearer":                          {authorization("Bearer abc"), UnknownScheme, signing.SDK.Name()},
		"no signature":                    {authorization("SDK-HMAC-SHA256 Access=TGBILLING1, SignedHeaders=x-sdk-date"), BadAuthorization, "Signature"},
		"date not signed":                 {authorization("SDK-HMAC-SHA256 Access=TGBILLING1, SignedHeaders=host, Signature=" + emptyHash), BadAuthorization, "x-sdk-date"},
		"no date":                         {with(good, func(e *Evidence) { dated(e) }), DateMissing, "X-Sdk-Date"},
		"two dates":                       {with(good, func(e *Evidence) { dated(e, e.date(), e.date()) }), DateMalformed, "more than once"},
		"bad date":                        {with(good, func(e *Evidence) { dated(e, "2026-03-04T05:06:07Z") }), DateMalformed, ""},
		"empty date":                      {with(good, func(e *Evidence) { dated(e, "") }), DateMalformed, ""},
	} {
		identity, claim, err := r.Identify(c.evidence, now)
		var refusal *Error
		if !errors.As(err, &refusal) || identity != (Identity{}) || claim != nil {
			t.Errorf("%s: %+v, %v, %v, want an error only", name, identity, claim, err)
			continue
		}
		if refusal.Reason != c.reason || !strings.Contains(err.Error(), c.text) || err.Error() == "" {
			t.Errorf("%s: %s: %q, want %s about %q", name, refusal.Reason, err, c.reason, c.text)
		}
		for _, hidden := range []string{"billing", "orders", "OTHER", "TGBILLING1", emptyHash, goodSecret.Reveal()} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the answer shows %q: %s", name, hidden, err)
			}
		}
		if !slices.Contains(Reasons(), refusal.Reason) {
			t.Errorf("%s: reason %s is not listed", name, refusal.Reason)
		}
	}
}

// severalNames is a certificate template whose subject holds common names in this order, one of which may share its RDN with others.
func severalNames(t testing.TB, together bool, names ...string) x509.Certificate {
	t.Helper()
	var subject pkix.RDNSequence
	for i, name := range names {
		attribute := pkix.AttributeTypeAndValue{Type: oidCommonName, Value: name}
		if i > 0 && together {
			subject[0] = append(subject[0], attribute)
			continue
		}
		subject = append(subject, pkix.RelativeDistinguishedNameSET{attribute})
	}
	raw, err := asn1.Marshal(subject)
	if err != nil {
		t.Fatal(err)
	}
	return x509.Certificate{RawSubject: raw}
}

// TestSeveralCommonNames: a certificate with several common names identifies no caller, whichever of them is a caller's, also where
// something else says who calls.
func TestSeveralCommonNames(t *testing.T) {
	r := twoCallers(t)
	good := signed(t, "TGBILLING1", goodSecret, now)
	for _, together := range []bool{false, true} {
		for _, names := range [][]string{{"billing-app", "x"}, {"x", "billing-app"}, {"billing-app", "billing-app"}, {"billing-app", ""}, {"x", "billing-app", "y"}} {
			certificate := leaf(t, severalNames(t, together, names...))
			for what, e := range map[string]Evidence{
				"alone": {Certificate: certificate}, "fixed": {Fixed: "billing", Certificate: certificate},
				"with a claim": {Certificate: certificate, Header: good.Header},
			} {
				identity, claim, err := r.Identify(e, now)
				refusal, ok := errors.AsType[*Error](err)
				if !ok || refusal.Reason != AmbiguousCertificate || !strings.Contains(refusal.Detail.String(), "several common names") || identity != (Identity{}) || claim != nil {
					t.Errorf("%q, %s: %+v, %v", names, what, identity, err)
				}
			}
		}
	}
	ambiguous := leaf(t, severalNames(t, false, "x", "y"))
	if identity, _, err := r.Identify(Evidence{Fixed: "billing", Certificate: ambiguous}, now); err != nil || identity.Caller != "billing" {
		t.Errorf("beside another identity: %+v, %v", identity, err)
	}
	beside := severalNames(t, false, "billing-app", "x")
	if identity, _, err := r.Identify(Evidence{Certificate: leaf(t, beside, "spiffe://corp/billing")}, now); err != nil || identity.Detail != "spiffe://corp/billing" {
		t.Errorf("beside an alternative name, where none counts: %+v, %v", identity, err)
	}
}

// TestCommonNameNeedsLackOfAlternatives tries every kind of alternative name, also one that crypto/x509 does not show.
func TestCommonNameNeedsLackOfAlternatives(t *testing.T) {
	otherName, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 8, Bytes: []byte{42, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	r := twoCallers(t)
	for name, change := range map[string]func(*x509.Certificate){
		"dns":   func(c *x509.Certificate) { c.DNSNames = []string{"x.example"} },
		"uri":   func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "x"}} },
		"email": func(c *x509.Certificate) { c.EmailAddresses = []string{"x@example.com"} },
		"ip":    func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} },
		"registered id": func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidAlternativeName, Value: otherName}}
		},
	} {
		template := named("billing-app")
		change(&template)
		_, _, err := r.Identify(Evidence{Certificate: leaf(t, template)}, now)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Reason != UnknownCertificate || !strings.Contains(refusal.Detail.String(), "common name") {
			t.Errorf("%s: %v, want the common name to be ignored, and the error to say so", name, err)
		}
	}
}

func TestClaim(t *testing.T) {
	r := twoCallers(t)
	good := signed(t, "TGBILLING1", goodSecret, now)
	spiffe := leaf(t, x509.Certificate{}, "spiffe://corp/billing")
	for name, c := range map[string]struct {
		fixed       string
		certificate *x509.Certificate
		want        Identity
	}{
		"alone":                           {"", nil, Identity{}},
		"with the listener":               {"billing", nil, Identity{"billing", ByListener, ""}},
		"with a certificate":              {"", spiffe, Identity{"billing", ByCertificate, "spiffe://corp/billing"}},
		"with a certificate of no caller": {"", leaf(t, named("x")), Identity{}},
	} {
		e := good
		e.Fixed, e.Certificate = c.fixed, c.certificate
		identity, claim, err := r.Identify(e, now)
		if err != nil || claim == nil || identity != c.want {
			t.Fatalf("%s: %+v, %v, %v, want %+v and a claim", name, identity, claim, err, c.want)
		}
		if claim.Caller != "billing" || !claim.Date.Equal(now.Truncate(time.Second)) {
			t.Errorf("%s: %+v", name, claim)
		}
		if claim.Identity() != (Identity{"billing", ByAccessKey, "TGBILLING1"}) {
			t.Errorf("%s: %+v", name, claim.Identity())
		}
		if !claim.Verify(request(now)) {
			t.Errorf("%s: a good signature is refused", name)
		}
		other := request(now)
		other.Path = "/v2/orders/x"
		if claim.Verify(other) {
			t.Errorf("%s: the signature of another request is accepted", name)
		}
	}
	_, forged, err := r.Identify(signed(t, "TGBILLING1", secret.New("not-the-secret-of-it"), now), now)
	if err != nil {
		t.Fatal(err)
	}
	if forged.Verify(request(now)) {
		t.Error("a signature by another secret is accepted")
	}
	if new(Claim).Verify(request(now)) {
		t.Error("a claim without a key verifies")
	}
}

// TestClaimIsBoundToItsDate: the date that was checked must be the one that is signed.
func TestClaimIsBoundToItsDate(t *testing.T) {
	r := twoCallers(t)
	old := now.Add(-time.Hour)
	e := signed(t, "TGBILLING1", goodSecret, old)
	dated(&e, signing.FormatDate(now))
	_, claim, err := r.Identify(e, now)
	if err != nil {
		t.Fatal(err)
	}
	if claim.Verify(request(old)) {
		t.Error("an old signature is accepted under a new date")
	}
}

func TestDateWindow(t *testing.T) {
	r := twoCallers(t)
	for _, c := range []struct {
		off   time.Duration
		wants []string // nil: accepted
	}{
		{0, nil},
		{MaxSkew, nil},
		{-MaxSkew + time.Second, nil},
		{-MaxSkew - time.Second, []string{"15m2s behind", "20260304T045106Z", "20260304T050607Z", "15m0s are allowed"}},
		{MaxSkew + 2*time.Second, []string{"15m1s ahead of", "20260304T052109Z"}},
		{-8 * time.Hour, []string{"8h0m1s behind"}},
		{8 * time.Hour, []string{"7h59m59s ahead of"}},
	} {
		_, claim, err := r.Identify(signed(t, "TGBILLING1", goodSecret, now.Add(c.off)), now)
		if c.wants == nil {
			if err != nil || claim == nil {
				t.Errorf("off by %v: %v", c.off, err)
			}
			continue
		}
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Reason != DateSkew || refusal.Claimed != "billing" {
			t.Errorf("off by %v: %+v", c.off, err)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(refusal.Detail.String(), want) {
				t.Errorf("off by %v: %q is missing in %q", c.off, want, refusal.Detail.String())
			}
		}
	}
}

func TestDatesBeyondDurations(t *testing.T) {
	for date, want := range map[string]string{"99991231T235959Z": " 2562047h47m16.854775807s ahead of", "00010101T000000Z": " 2562047h47m16.854775807s behind"} {
		e := signed(t, "TGBILLING1", goodSecret, now)
		dated(&e, date)
		if _, _, err := twoCallers(t).Identify(e, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", date, err, want)
		}
	}
}

// TestRecordsLearnWhoItSeemedToBe: a refusal carries who was known and who was claimed, for the record only.
func TestRecordsLearnWhoItSeemedToBe(t *testing.T) {
	r := twoCallers(t)
	e := signed(t, "TGBILLING1", goodSecret, now)
	e.Fixed = "orders"
	_, _, err := r.Identify(e, now)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Claimed != "billing" || refusal.Known != (Identity{"orders", ByListener, ""}) {
		t.Errorf("%+v", refusal)
	}
}

func FuzzIdentify(f *testing.F) {
	r := twoCallers(f)
	good := signed(f, "TGBILLING1", goodSecret, now)
	f.Add(good.authorization(), good.date(), "")
	f.Add("SDK-HMAC-SHA256 Access=, SignedHeaders=;, Signature=", "20260304T050607Z", "billing")
	f.Add("V11-HMAC-SHA256 Credential=", "", "orders")
	f.Add("Bearer x", "", "orders")
	f.Fuzz(func(t *testing.T, authorization, date, fixed string) {
		e := Evidence{Fixed: fixed, Header: http.Header{"Authorization": {authorization}, "X-Sdk-Date": {date}}}
		identity, claim, err := r.Identify(e, now)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || !slices.Contains(Reasons(), refusal.Reason) || claim != nil || identity.Caller != "" {
				t.Fatalf("%+v, %v, %#v", identity, claim, err)
			}
			if len(refusal.Detail.String()) > 500 {
				t.Fatalf("an answer of %d bytes", len(refusal.Detail.String()))
			}
			return
		}
		if claim == nil && fixed != "" && signing.Known().ForApp([]string{authorization}) {
			if _, _, err := signing.Known().ParseClaim(e.Header); err == nil {
				t.Fatalf("a signature is taken for the app's: %q", authorization)
			}
			return
		}
		if claim == nil || identity.Caller != fixed || fixed != "" && claim.Caller != fixed {
			t.Fatalf("%+v, %+v", identity, claim)
		}
		if authorization != good.authorization() && claim.Verify(request(now)) && claim.Signature != sentSignature(good) {
			t.Fatalf("another signature is accepted: %q", authorization)
		}
	})
}

func sentSignature(e Evidence) string {
	_, signature, _ := strings.Cut(e.authorization(), "Signature=")
	return signature
}

// BenchmarkIdentify is step 2 for an SDK's call: parsing the header, one look-up, the date.
func BenchmarkIdentify(b *testing.B) {
	r := twoCallers(b)
	e := signed(b, "TGBILLING1", goodSecret, now)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Identify(e, now); err != nil {
			b.Fatal(err)
		}
	}
}

// TestExpiry: a key is good to its last moment and not after it, whatever else is known of who calls; another key of the caller stays good.
func TestExpiry(t *testing.T) {
	old, next := key("TGOLD", goodSecret.Reveal()), key("TGNEXT", "another-good-secret-value")
	old.AccessKey.NotAfter = setting.NotAfter(now.UnixNano())
	r := mustRegistry(t, Config{Name: "billing", Auth: []Auth{old, next, certificate(CertificateName{CommonName: "billing-app"})}})
	for at, want := range map[time.Time]Reason{now: "", now.Add(-time.Hour): "", now.Add(1): ExpiredAccessKey, now.Add(time.Hour): ExpiredAccessKey} {
		for name, e := range map[string]Evidence{"alone": {}, "fixed": {Fixed: "billing"}, "certificate": {Certificate: leaf(t, named("billing-app"))}} {
			e.Header = signed(t, "TGOLD", goodSecret, at).Header
			_, claim, err := r.Identify(e, at)
			failure, _ := errors.AsType[*Error](err)
			if want == "" && (err != nil || !claim.Verify(request(at))) || want != "" && (failure == nil || failure.Reason != want || failure.Claimed != "billing" || claim != nil) {
				t.Errorf("%s, at %v: %v, want %q", name, at, err, want)
			}
			if failure != nil && (strings.Contains(failure.Detail.String(), "TGOLD") || strings.Contains(failure.Detail.String(), "billing") || strings.Contains(failure.Detail.String(), "2026")) {
				t.Errorf("the text says more than it should: %s", failure.Detail.String())
			}
		}
		if _, claim, err := r.Identify(signed(t, "TGNEXT", secret.New("another-good-secret-value"), at), at); err != nil || !claim.Verify(request(at)) {
			t.Errorf("the other key, at %v: %v", at, err)
		}
	}
}

// TestUses: what counts as a use is a signature that was verified; it stays known in the next registry while the key stays the caller's.
func TestUses(t *testing.T) {
	r := twoCallers(t)
	use := func(r *Registry, value secret.String, at time.Time) {
		t.Helper()
		_, claim, err := r.Identify(signed(t, "TGBILLING1", value, at), at)
		if err != nil {
			t.Fatal(err)
		}
		claim.Verify(request(at))
	}
	lastUse := func(r *Registry) time.Time { return r.Keys()[0].LastUse }
	use(r, secret.New("not-the-secret-of-it"), now)
	if got := r.Keys(); len(got) != 2 || got[0].Caller != "billing" || got[0].ID != "TGBILLING1" || !got[0].LastUse.IsZero() {
		t.Fatalf("after a wrong signature: %+v", got)
	}
	use(r, goodSecret, now)
	if !lastUse(r).Equal(now) {
		t.Errorf("last use is %v, want %v", lastUse(r), now)
	}
	next := twoCallers(t)
	next.TakeUses(r)
	later := now.Add(time.Minute)
	use(r, goodSecret, later) // by a call of the registry before
	if !lastUse(next).Equal(later) {
		t.Errorf("the next registry has %v, want %v", lastUse(next), later)
	}
	other := mustRegistry(t, Config{Name: "another", Auth: []Auth{key("TGBILLING1", goodSecret.Reveal())}})
	if other.TakeUses(next); !lastUse(other).IsZero() {
		t.Error("a key that is another caller's now is said to have been used")
	}
}

// TestEnding: keys that end within 14 days, and those that have ended, the first first.
func TestEnding(t *testing.T) {
	var auth []Auth
	for id, off := range map[string]time.Duration{"LATER": WarnAhead + time.Second, "SOON": WarnAhead - time.Second, "OVER": -time.Hour, "NEVER": 0} {
		k := key(id, goodSecret.Reveal()+id)
		if off != 0 {
			k.AccessKey.NotAfter = setting.NotAfter(now.Add(off).UnixNano())
		}
		auth = append(auth, k)
	}
	got := mustRegistry(t, Config{Name: "a", Auth: auth}).Ending(now)
	if len(got) != 2 || got[0].ID != "OVER" || !got[0].Expired(now) || got[1].ID != "SOON" || got[1].Expired(now) {
		t.Errorf("got %+v", got)
	}
}
