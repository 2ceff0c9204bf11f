package gateway_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/signing"
)

// declaring adds endpoints of the internal app, which the local caller may call, and nothing else.
func declaring(declarations ...catalog.Declaration) adjustment {
	return func(f *fixture) {
		route, app := &f.listener.Routes[0], grants.Upstream{Name: "app"}
		for _, d := range declarations {
			o := must(catalog.Declare(d))
			route.Upstreams[o] = f.upstream["app"]
			app.Operations = append(app.Operations, o)
		}
		route.Router = must(catalog.NewRouter(slices.Collect(maps.Keys(route.Upstreams))))
		f.plan.Grants, _ = grants.New([]grants.Upstream{app}, nil, []grants.Grant{{Caller: localCaller, Upstream: "app", Operations: []string{"*"}}})
	}
}

// endpoints are declared with and without what a declaration says of records.
func endpoints(name string, effect catalog.Effect) adjustment {
	return declaring(
		catalog.Declaration{Name: name, Method: "*", Path: "/plain/{path...}", Effect: effect},
		catalog.Declaration{Name: name + "Recorded", Method: "*", Path: "/recorded/{path...}", Effect: effect, RecordQuery: true},
		catalog.Declaration{Name: name + "Sensitive", Method: "POST", Path: "/reset/{code}/{rest...}", Effect: effect, Sensitive: true},
	)
}

// guesses are the forms in which a secret could stand in a log: as it is, or as a hash from which it can be searched.
func guesses(secret string) []string {
	sum := sha256.Sum256([]byte(secret))
	return []string{secret, hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(sum[:])}
}

// wantWithheld looks for secrets, and their plain hashes, in all that was written.
func (f *fixture) wantWithheld(t *testing.T, secrets ...string) {
	t.Helper()
	written := f.written()
	if !strings.Contains(written, `"kind":`) {
		t.Fatal("nothing was written, so nothing is proved")
	}
	for _, secret := range secrets {
		for _, guess := range guesses(secret) {
			if strings.Contains(written, guess) {
				t.Errorf("%.80q of %.40q was written:\n%.2000s", guess, secret, written)
			}
		}
	}
}

// TestSecretsOfDeclaredEndpointsAreNotWritten has secrets under names that no list has, in path, query, body and answer. No
// secret could stand in an id or a hash by chance.
func TestSecretsOfDeclaredEndpointsAreNotWritten(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("eyJzdWIiOiIx", 8) + ".c2ln"
	query := "code=27x4w1&jwt=" + jwt + "&key=K3Y-of-it&otp=86z0k4&pass=hunter2-pass&sig=51G-of-it"
	secrets := []string{"27x4w1", jwt, "K3Y-of-it", "86z0k4", "hunter2-pass", "51G-of-it", query, "pin=7w3k", "7w3k", `{"pin":"5w2k"}`, "5w2k"}
	answers := map[string]string{
		"success": jsonAnswer(200, `{"pin":"5w2k"}`), "failure that quotes": jsonAnswer(400, `{"error_code":"X.1","error_msg":"no pin=7w3k, pass hunter2-pass, 27x4w1"}`),
	}
	for name, answer := range answers {
		for _, effect := range []catalog.Effect{catalog.Read, catalog.Write, catalog.Spend} {
			for _, path := range []string{"/plain/x", "/reset/27x4w1/86z0k4"} {
				t.Run(fmt.Sprint(name, effect, path), func(t *testing.T) {
					f := start(t, fixed, endpoints("Pin", effect), answering(answer))
					if got := f.send(t, plain("POST", path+"?"+query, "pin=7w3k")); got.status != 200 && got.status != 400 {
						t.Fatalf("%d %s", got.status, got.body)
					}
					if a := f.origin.only(t); !strings.Contains(a.line, path+"?"+query) || a.body != "pin=7w3k" {
						t.Errorf("sent %q %q", a.line, a.body)
					}
					f.wantWithheld(t, secrets...)
					intent, outcome := f.log.only(t, logfile.KindIntent), f.log.only(t, logfile.KindOutcome)
					if intent.BodyHash+outcome.AnswerHash+intent.QueryHash+intent.PathHash+outcome.ErrorMessage != "" {
						t.Errorf("hashes %q %q %q %q", intent.BodyHash, outcome.AnswerHash, intent.QueryHash, intent.PathHash)
					}
					if intent.BodyBytes != 8 || intent.QueryBytes != int64(len(query)) || outcome.AnswerBytes == 0 {
						t.Errorf("lengths %d %d %d", intent.BodyBytes, intent.QueryBytes, outcome.AnswerBytes)
					}
					f.checkWithheld(t, strings.HasPrefix(path, "/reset"), query, intent, outcome)
				})
			}
		}
	}
}

// checkWithheld checks what stands for what is withheld: of a sensitive endpoint nothing.
func (f *fixture) checkWithheld(t *testing.T, sensitive bool, query string, intent, outcome logfile.Record) {
	t.Helper()
	if sensitive {
		if intent.Path != "/reset/{code}/{rest...}" || intent.QueryWithheld != nil || intent.MACKey+intent.BodyMAC+intent.QueryMAC+intent.PathMAC+outcome.AnswerMAC+outcome.MACKey != "" {
			t.Errorf("intent %+v", intent)
		}
		return
	}
	key := f.config.MAC
	if intent.Path != "/plain/x" || intent.MACKey != key.ID() || intent.BodyMAC != key.Text("pin=7w3k") || intent.QueryMAC != key.Text(query) ||
		outcome.MACKey != key.ID() || outcome.AnswerMAC == "" {
		t.Errorf("intent %+v", intent)
	}
	if got := fmt.Sprint(intent.QueryWithheld); !strings.HasPrefix(got, "[{code 6 0} {jwt ") || !strings.HasSuffix(got, " {key 9 0} {otp 6 0} {pass 12 0} {sig 9 0}]") {
		t.Errorf("withheld %s", got)
	}
}

// TestRefusalsOfSensitiveEndpointsWithholdThePath: also where the call only was meant for one, and where it is refused before.
func TestRefusalsOfSensitiveEndpointsWithholdThePath(t *testing.T) {
	for name, request := range map[string]string{
		"another method":    plain("GET", "/reset/27x4w1/x?otp=86z0k4", ""),
		"a final slash":     plain("POST", "/reset/27x4w1/", ""),
		"a path too short":  plain("POST", "/reset/27x4w1", ""),
		"in capitals":       plain("POST", "/Reset/27x4w1/x", ""),
		"ambiguous":         plain("POST", "//reset/27x4w1/x", ""),
		"a bad escape":      plain("POST", "/reset/27x4w1%2f/x", ""),
		"an ambiguous pair": plain("POST", "/reset/27x4w1/x?otp=86z0k4;x", ""),
		"another host":      "POST /reset/27x4w1/x HTTP/1.1\r\nHost: other.test\r\nContent-Length: 0\r\n\r\n",
		"a foreign token":   "POST /reset/27x4w1/x?otp=86z0k4 HTTP/1.1\r\nHost: gateway.test\r\nTollgate-Credential: a\r\nTollgate-Credential: b\r\nContent-Length: 8\r\n\r\npin=7w3k",
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, endpoints("Pin", catalog.Read))
			if got := f.send(t, request); got.code() == "" {
				t.Fatalf("not refused: %d %s", got.status, got.body)
			}
			f.wantWithheld(t, "27x4w1", "86z0k4", "pin=7w3k")
		})
	}
	f := start(t, fixed, declaring(catalog.Declaration{Name: "Pin", Method: "POST", Path: "/pin", Effect: catalog.Read}))
	f.send(t, plain("GET", "/nothing/here", ""))
	if r := f.log.only(t, logfile.KindRefusal); r.Path != "/nothing/here" || r.PathBytes != 0 {
		t.Errorf("without a sensitive endpoint: path %q, %d", r.Path, r.PathBytes)
	}
}

// TestUnknownNamesOfTheCatalog: of what the billing API does not know, name and length are recorded, and no call is refused for it.
func TestUnknownNamesOfTheCatalog(t *testing.T) {
	const query = "card_id=c-17&limit=5&otp=86z0k4&pass=hunter2-pass"
	for name, call := range map[string]signed{
		"read":  {caller: partnerCaller, method: "GET", target: "/v2/orders/customer-orders?" + query},
		"spend": {caller: partnerCaller, method: "POST", target: "/v2/accounts/partner-accounts/adjust-amount?" + query, body: `{"customer_id":"c-17","amount":"5"}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, answering(jsonAnswer(400, `{"error_code":"X.1","error_msg":"pass hunter2-pass"}`)))
			f.call(t, call)
			f.wantWithheld(t, "86z0k4", "hunter2-pass", query)
			r := f.log.only(t, logfile.KindIntent)
			if r.Query != "card_id=c-17&limit=5" || r.QueryBytes != int64(len(query)) || fmt.Sprint(r.QueryWithheld) != "[{otp 6 0} {pass 12 0}]" ||
				r.QueryMAC != f.config.MAC.Text(query) || r.MACKey != f.config.MAC.ID() || r.BodyHash != signing.HashHex([]byte(call.body)) || r.BodyMAC != "" {
				t.Errorf("intent %+v", r)
			}
		})
	}
}

// TestQueriesAreDivided: names that may be values, values that have none, and many.
func TestQueriesAreDivided(t *testing.T) {
	many, names := make([]string, 40), ""
	for i := range many {
		many[i] = fmt.Sprintf("n%02d=12", i)
		if i < 32 {
			names += fmt.Sprintf("{n%02d 2 0} ", i)
		}
	}
	long := strings.Repeat("n", 65)
	for target, want := range map[string]string{
		"/plain/x":                            "[] ",
		"/plain/x?a=":                         "[{ 1 1}] ",
		"/plain/x?7391":                       "[{ 4 1}] ",
		"/plain/x?7391=1":                     "[{ 5 1}] ",
		"/plain/x?hunter2":                    "[{ 7 1}] ",
		"/plain/x?" + long + "=1":             "[{ 66 1}] ",
		"/plain/x?n%C3%A9=1&b=1":              "[{b 1 0} { 4 1}] ",
		"/plain/x?a=%E9%87%91&a=2":            "[{a 1 0} {a 3 0}] ",
		"/plain/x?a%5B%5D=1":                  "[{a[] 1 0}] ",
		"/plain/x?a=b+c%3D":                   "[{a 4 0}] ",
		"/recorded/x?a=1&b=2":                 "[] a=1&b=2",
		"/recorded/x?a=1&X-Token=abc&b=2":     "[{X-Token 3 0}] a=1&b=2",
		"/recorded/x?Pass%77ord=abc":          "[{Password 3 0}] ",
		"/plain/x?" + strings.Join(many, "&"): "[" + names + "{ 40 8}] ",
	} {
		for _, effect := range []catalog.Effect{catalog.Read, catalog.Spend} {
			f := start(t, fixed, endpoints("Pin", effect))
			if got := f.send(t, plain("GET", target, "")); got.status != 200 {
				t.Fatalf("%s: %d %s", target, got.status, got.body)
			}
			if r := f.log.only(t, logfile.KindIntent); fmt.Sprint(r.QueryWithheld)+" "+r.Query != want {
				t.Errorf("%.60s: %v %q, want %s", target, r.QueryWithheld, r.Query, want)
			} else if (r.QueryMAC != "") != (len(r.QueryWithheld) > 0) {
				t.Errorf("%.60s: keyed hash %q", target, r.QueryMAC)
			}
		}
	}
}

// TestWithheldIsNotTooLong: what only leaves its length is no reason to refuse a call, and its record stays whole.
func TestWithheldIsNotTooLong(t *testing.T) {
	long := strings.Repeat("金", 1800)
	names := make([]string, 250)
	for i := range names {
		names[i] = fmt.Sprintf("%s%03d=1", strings.Repeat("n", 55), i)
	}
	for _, target := range []string{"/plain/x?otp=" + long + "&q=" + long, "/plain/x?" + strings.Join(names, "&"), "/reset/" + strings.Repeat("!", 6000) + "/y?otp=" + long + long} {
		f := start(t, fixed, endpoints("Pin", catalog.Spend))
		if got := f.send(t, plain("POST", target, "pin=7w3k")); got.status != 200 {
			t.Fatalf("%.20s: %d %s", target, got.status, got.body)
		}
		r := f.log.only(t, logfile.KindIntent)
		if line := string(r.Append(nil)); strings.Contains(line, `"cut"`) || strings.Contains(line, "%E9") || strings.Contains(line, "%21") || len(line) > 8<<10 {
			t.Errorf("%.20s: %.3000s", target, line)
		}
	}
	f := start(t, fixed, endpoints("Pin", catalog.Spend))
	f.send(t, plain("POST", "/recorded/x?q="+long+strings.Repeat("x", 200), "")).wantCode(t, "TG.1007")
}

// TestLossOfTheHashKey: records name the key, so that hashes of another are not compared.
func TestLossOfTheHashKey(t *testing.T) {
	keys := map[string]string{}
	for range 2 {
		f := start(t, fixed, endpoints("Pin", catalog.Read), func(f *fixture) { f.config.MAC = mac.New() })
		f.send(t, plain("POST", "/plain/x", "pin=7w3k"))
		r := f.log.only(t, logfile.KindIntent)
		keys[r.MACKey] = r.BodyMAC
	}
	f := start(t, fixed, endpoints("Pin", catalog.Read), func(f *fixture) { f.config.MAC = nil })
	f.send(t, plain("POST", "/plain/x", "pin=7w3k"))
	f.wantWithheld(t, "pin=7w3k")
	if len(keys) != 2 {
		t.Errorf("keys %q", keys)
	}
}

// FuzzWithheldQuery: no value of a pair that is not recorded stands in a record, and the lengths add up.
func FuzzWithheldQuery(f *testing.F) {
	f.Add("a=1", false)
	f.Add("limit=5&pass=abc&%5B=x&7=8", true)
	f.Add("a=%E9%87%91&b&c=+", false)
	f.Fuzz(func(t *testing.T, raw string, ofCatalog bool) {
		query, err := signing.ParseQuery(raw)
		if err != nil {
			return
		}
		r := logfile.Record{}
		o := must(catalog.Declare(catalog.Declaration{Name: "A", Method: "GET", Path: "/a", Effect: catalog.Read}))
		if ofCatalog {
			o = catalog.Find("cn", "ListCustomerOrders")
		}
		gateway.SetQuery(&r, o, query)
		pairs, bytes := 0, 0
		for name, value := range query.All() {
			if ofCatalog && catalog.KnowsQuery(name) {
				pairs, bytes = pairs+1, bytes+len(name)+len(value)
			}
		}
		if r.Query != "" {
			kept := must(signing.ParseQuery(r.Query))
			for name, value := range kept.All() {
				if !ofCatalog || !catalog.KnowsQuery(name) {
					t.Errorf("%q of %q is recorded", name, raw)
				}
				pairs, bytes = pairs-1, bytes-len(name)-len(value)
			}
		}
		if pairs != 0 || bytes != 0 {
			t.Errorf("of %q %q is recorded", raw, r.Query)
		}
		for name, value := range query.All() {
			if !ofCatalog || !catalog.KnowsQuery(name) {
				pairs, bytes = pairs+1, bytes+len(name)+len(value)
			}
		}
		for _, w := range r.QueryWithheld {
			pairs, bytes = pairs-max(w.Pairs, 1), bytes-len(w.Name)-int(w.Bytes)
		}
		if pairs != 0 || bytes != 0 {
			t.Errorf("of %q, %v is withheld", raw, r.QueryWithheld)
		}
	})
}
