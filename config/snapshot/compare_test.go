package snapshot

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/config"
)

func lines(changes []Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.Where+" "+c.Text)
	}
	return all
}

// TestCompare: each change of the file is said in words, and nothing besides.
func TestCompare(t *testing.T) {
	dir := folder(t)
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"grant added", []string{"[PayOrders, ListCustomerOrders]", "[PayOrders, ListCustomerOrders, CancelCustomerOrder]"}, []string{"callers.billing.grants may call CancelCustomerOrder with credential acme"}},
		{"grant removed", []string{"[PayOrders, ListCustomerOrders]", "[PayOrders]"}, []string{"callers.billing.grants may no longer call ListCustomerOrders with credential acme"}},
		{"grant of other customers", []string{"customers: [c-17]", "customers: [c-18]"}, []string{
			"callers.billing.grants may no longer call CreatePartnerCoupons with credential main for c-17 only",
			"callers.billing.grants may call CreatePartnerCoupons with credential main for c-18 only",
		}},
		{"grants in another order", []string{"[PayOrders, ListCustomerOrders]", "[ListCustomerOrders, PayOrders]"}, []string{"callers.billing.grants are written in another way, and allow the same"}},
		{"limit lowered", []string{"rate: 10/s", "rate: 5/s"}, []string{"limits.rules.per.app.burst is lowered to 5 (was 10)", "limits.rules.per.app.rate is lowered to 5/s (was 10/s)"}},
		{"limit raised", []string{"rate: 10/s", "rate: 700/min, burst: 10"}, []string{"limits.rules.per.app.rate is raised to 700/min (was 10/s)"}},
		{"limit counts otherwise", []string{"per: [caller]", "per: [caller, operation]"}, []string{"limits.rules.per.app.per counts by caller, operation (was caller): its counts start at zero"}},
		{"limit renamed", []string{"name: per.app", "name: all"}, []string{"limits.rules.all is added: rate 10/s, burst 10, mode enforce, per caller", "limits.rules.per.app is gone (rate 10/s, burst 10, mode enforce, per caller)"}},
		{"credential replaced", []string{"secret_key: {file: sk.txt}", "secret_key: {file: sk2.txt}"}, []string{"credentials.acme.secret_key is taken from file " + dir + "/sk2.txt (was file " + dir + "/sk.txt)"}},
		{"account", []string{"domain_id: 0a1b", "domain_id: 0a1c"}, []string{"credentials.main.domain_id is 0a1c (was 0a1b)"}},
		{"caller added", []string{"limits:", "  new:\n    auth: [{access_key: {id: TGNEW, secret: {file: app2.txt}}}]\n    grants: [{operations: [PayOrders], credential: acme}]\nlimits:"}, []string{
			"callers.new is added", "callers.new.auth access key TGNEW is added", "callers.new.grants may call PayOrders with credential acme",
		}},
		{"key replaced", []string{"id: TGAPP1, secret: {file: app.txt}", "id: TGAPP2, secret: {file: app.txt}"}, []string{
			"callers.billing.auth access key TGAPP1 is gone: what is known by it is refused", "callers.billing.auth access key TGAPP2 is added",
		}},
		{"secret of a key elsewhere", []string{"secret: {file: app.txt}", "secret: {file: app2.txt}"}, []string{
			"callers.billing.auth[access key TGAPP1].access_key.secret.file is " + dir + "/app2.txt (was " + dir + "/app.txt)",
		}},
		{"listener", []string{"name: app, address: 127.0.0.1:8080", "name: app, address: 127.0.0.1:8081"}, []string{"listeners.app.address is 127.0.0.1:8081 (was 127.0.0.1:8080)"}},
		{"listener gone", []string{"  - {name: app, address: 127.0.0.1:8080, caller: billing, upstreams: [bss]}\n", ""}, []string{"listeners.app is gone (address 127.0.0.1:8080, caller billing, upstreams bss)"}},
		{"policy", []string{"client_ca: ca.pem", "client_ca: ca.pem, policy: huawei"}, []string{"listeners.tls.tls.policy is huawei (was huawei-high)"}},
		{"bounds", []string{"audit:", "bounds: {body: 1MiB}\naudit:"}, []string{"bounds.body is lowered to 1MiB (was 12MiB)"}},
		{"off", []string{"limits:", "limits:\n  published: false\n  max_wait: 0s"}, []string{"limits.max_wait is 0 or not set (was 2s)", "limits.published is false (was true)"}},
		{"names like amounts", []string{"caller: billing", "caller: \"20\"", "  billing:", "  \"20\": {}\n  billing:"}, []string{"callers.20 is added", "listeners.app.caller is 20 (was billing)"}},
		{"pages", []string{"audit:", "review: {address: 127.0.0.1:9444, sign_in: token}\naudit:"}, []string{
			"review.address is 127.0.0.1:9444 (was not set)", "review.hosts is 127.0.0.1, ::1, localhost (was not set)", "review.sign_in is token (was not set)",
		}},
		{"person, who comes and goes as a caller does", []string{"audit:", "identities: {li: {proofs: [{token: {sha256: " + hash + "}}, {certificate: {dns: li.test}}], roles: [viewer]}}\naudit:"}, []string{
			"identities.li is added", "identities.li.proofs certificate dns li.test is added", "identities.li.proofs token 2c26b46b… is added", "identities.li.roles is viewer (was not set)",
		}},
		{"section added", []string{"audit:", "admin: {address: 127.0.0.1:9090}\naudit:"}, []string{"admin.address is 127.0.0.1:9090 (was not set)"}},
	} {
		before, after := load(t, dir, base), load(t, dir, changed(t, c.pairs...))
		if got := lines(Compare(before, after)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if back := Compare(after, before); len(back) != len(c.want) && !strings.Contains(c.name, "caller") {
			t.Errorf("%s, the other way: %q", c.name, lines(back))
		}
	}
}

const hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

// TestIdentities: what a reload takes from people is said, and what it ends.
func TestIdentities(t *testing.T) {
	dir := folder(t)
	with := func(proofs, roles string) *config.Config {
		return load(t, dir, changed(t, "audit:", "identities: {li: {proofs: ["+proofs+"], roles: ["+roles+"]}}\naudit:"))
	}
	const token, certificate = "{token: {sha256: " + hash + "}}", "{certificate: {dns: li.test}}"
	before := with(token+", "+certificate, "viewer")
	for want, after := range map[string]*config.Config{
		"identities.li is gone: the sessions of this person end":                           load(t, dir, base),
		"identities.li.proofs token 2c26b46b… is gone: sessions that it began end":         with(certificate, "viewer"),
		"identities.li.proofs certificate dns li.test is gone: sessions that it began end": with(token, "viewer"),
		"identities.li.roles has reviewer, and no longer viewer":                           with(token+", "+certificate, "reviewer"),
	} {
		if got := strings.Join(lines(Compare(before, after)), "\n"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// TestOrder: limits in another order are another text, and so another plan: it is said.
func TestOrder(t *testing.T) {
	dir, rule := folder(t), "{name: per.app, per: [caller], rate: 10/s}"
	before, after := load(t, dir, changed(t, rule, rule+", {name: all, rate: 1/s}")), load(t, dir, changed(t, rule, "{name: all, rate: 1/s}, "+rule))
	if got, want := lines(Compare(before, after)), []string{"limits.rules are in another order"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestCatalog: a text says which operations the program knows, which patterns in grants depend on.
func TestCatalog(t *testing.T) {
	text := Of(load(t, folder(t), base), nil)
	newer := bytes.Replace(text, []byte(catalog.ID()), []byte("0123456789abcdef"), 1)
	got, err := CompareTexts(text, newer)
	if err != nil || len(got) != 1 || got[0].Where != "catalog" {
		t.Errorf("%q, %v", lines(got), err)
	}
}

// TestCallerGone: one line for a caller that is gone.
func TestCallerGone(t *testing.T) {
	dir := folder(t)
	before := load(t, dir, base)
	after := *before
	after.Callers, after.Grants = nil, nil
	if got, want := lines(Compare(before, &after)), []string{"callers.billing is gone: its calls are refused"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestCompareTexts: texts of the log are compared with the keys in use, with those of a file without.
func TestCompareTexts(t *testing.T) {
	c := load(t, folder(t), base)
	one, two, file := Of(c, map[string]Generation{"acme": {"AK1", 1}}), Of(c, map[string]Generation{"acme": {"AK2", 2}}), Of(c, nil)
	got, err := CompareTexts(one, two)
	want := []string{"credentials.acme.generation the keys are replaced: access key AK2, set 2 (was AK1, set 1)"}
	if err != nil || !slices.Equal(lines(got), want) {
		t.Errorf("%q, %v", lines(got), err)
	}
	if got, err = CompareTexts(one, file); err != nil || len(got) != 0 {
		t.Errorf("with a file: %q, %v", lines(got), err)
	}
	for text, want := range map[string]string{
		`{`: "not the text of a plan", `[]`: "not the text of a plan", `{"listeners":{}}`: "no version", `{"version":9}`: "use a newer one", `{"version":"1"}`: "not the text of a plan",
	} {
		if _, err := CompareTexts(one, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzCompareTexts: two texts, whatever they are, are compared or refused, and equal ones have no difference. What is said of others is
// the same for texts with blanks.
func FuzzCompareTexts(f *testing.F) {
	plan := `{"callers":{"a":{"auth":[{"access_key":{"id":"K"}}],"grants":[{"operations":["A"],"credential":"c"}]}},"limits":{"rules":[{"name":"l","per":["caller"],"rate":"1/s"}]},"version":1}`
	for _, text := range []string{
		plan, `{"version":1}`, `{"version":1,"callers":[1,"a",{}]}`, `{"version":1,"callers":{"a":null,"b":{"auth":3,"grants":"x"}}}`, ` { "version" : 1 , "limits" : { "rules" : [ ] } } `,
		`{"version":1,"limits":{"rules":[{"name":"l","per":{}}]}}`, `{"version":1,"a":"\"]}\\","b":[],"c":[[]],"d":-1.5e3}`,
	} {
		f.Add([]byte(plan), []byte(text))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		if same, err := CompareTexts(after, after); err == nil && len(same) > 0 {
			t.Errorf("%s differs from itself: %q", after, lines(same))
		}
		changes, err := CompareTexts(before, after)
		if again, err2 := CompareTexts(before, []byte(" "+string(after)+"\n")); (err == nil) != (err2 == nil) || !slices.Equal(lines(changes), lines(again)) {
			t.Errorf("%q, %v; with blanks %q, %v", lines(changes), err, lines(again), err2)
		}
	})
}
