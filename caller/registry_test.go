package caller

import (
	"fmt"
	"strings"
	"testing"

	"tollgate/internal/secret"
	"tollgate/signing"
)

var goodSecret = secret.New("correct-horse-battery-staple")

func mustRegistry(t testing.TB, configs ...Config) *Registry {
	t.Helper()
	r, err := NewRegistry(configs, signing.Known())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func withCertificate(c Certificate) Config { return Config{Name: "a", Certificates: []Certificate{c}} }

func withKey(id, value string) Config {
	return Config{Name: "a", AccessKeys: []AccessKey{{ID: id, Secret: secret.New(value)}}}
}

func TestConfigProblems(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, c := range []struct {
		configs []Config
		want    string
	}{
		{[]Config{{Name: ""}}, "name"},
		{[]Config{{Name: "a b"}}, "name"},
		{[]Config{{Name: long}}, "name"},
		{[]Config{{Name: "a\r\nX: y"}}, "name"},
		{[]Config{{Name: "a"}, {Name: "a"}}, "another caller has this name"},
		{[]Config{withCertificate(Certificate{})}, "exactly one"},
		{[]Config{withCertificate(Certificate{URI: "spiffe://corp/a", DNS: "a.corp"})}, "exactly one"},
		{[]Config{withCertificate(Certificate{URI: "corp/a"})}, "absolute URI"},
		{[]Config{withCertificate(Certificate{URI: "spiffe:///a"})}, "absolute URI"},
		{[]Config{withCertificate(Certificate{URI: "SPIFFE://corp/a"})}, "would never match"},
		{[]Config{withCertificate(Certificate{URI: "spiffe://corp/" + long})}, "absolute URI"},
		{[]Config{withCertificate(Certificate{DNS: "*.corp.example"})}, "wildcards"},
		{[]Config{withCertificate(Certificate{DNS: "a..corp"})}, "labels"},
		{[]Config{withCertificate(Certificate{DNS: "a.corp."})}, "labels"},
		{[]Config{withCertificate(Certificate{DNS: long})}, "longer"},
		{[]Config{withCertificate(Certificate{CommonName: long})}, "longer"},
		{[]Config{withKey("", goodSecret.Reveal())}, "id"},
		{[]Config{withKey("A B", goodSecret.Reveal())}, "id"},
		{[]Config{withKey(strings.Repeat("A", 129), goodSecret.Reveal())}, "id"},
		{[]Config{withKey("AK", "")}, "has 0"},
		{[]Config{withKey("AK", "fifteen-letters")}, "has 15"},
		{[]Config{withKey("AK", long)}, "has 3000"},
		{[]Config{withKey("AK", "ends-with-a-line-feed\n")}, "printable"},
		{[]Config{withKey("AK", " starts-with-a-blank")}, "printable"},
	} {
		if _, err := NewRegistry(c.configs, signing.Known()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200v: error %v, want one about %q", c.configs, err, c.want)
		}
	}
}

func TestSharedNamesAreRefused(t *testing.T) {
	key := []AccessKey{{ID: "AK1", Secret: goodSecret}}
	for _, c := range []struct {
		first, second Config
		want          string
	}{
		{Config{Certificates: []Certificate{{URI: "spiffe://corp/x"}}}, Config{Certificates: []Certificate{{URI: "spiffe://corp/x"}}}, "certificate name of"},
		{Config{Certificates: []Certificate{{DNS: "x.corp"}}}, Config{Certificates: []Certificate{{DNS: "X.Corp"}}}, "certificate name of"},
		{Config{Certificates: []Certificate{{CommonName: "x"}}}, Config{Certificates: []Certificate{{CommonName: "x"}}}, "certificate name of"},
		{Config{AccessKeys: key}, Config{AccessKeys: key}, "already an access key"},
	} {
		c.first.Name, c.second.Name = "first", "second"
		_, err := NewRegistry([]Config{c.first, c.second}, signing.Known())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"first"`) {
			t.Errorf("%v and %v: %v", c.first, c.second, err)
		}
	}
}

func TestAllProblemsAreReported(t *testing.T) {
	const weak, misplaced = "weak-secret", "s3cr3t in the wrong place!"
	_, err := NewRegistry([]Config{
		{Name: "a b", AccessKeys: []AccessKey{{ID: "AK", Secret: secret.New(weak)}, {ID: misplaced, Secret: goodSecret}}},
		{Name: "c", Certificates: []Certificate{{URI: "x"}, {DNS: "*"}}},
	}, signing.Known())
	text := fmt.Sprint(err)
	for _, want := range []string{`"a b"`, "access key 1", "has 11", "access key 2", "certificate 1", "certificate 2", "caller 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	for _, hidden := range []string{weak, misplaced, goodSecret.Reveal()} {
		if strings.Contains(text, hidden) {
			t.Errorf("the error shows a secret: %s", text)
		}
	}
}

func TestRegistryDoesNotPrintSecrets(t *testing.T) {
	r := mustRegistry(t, Config{Name: "a", AccessKeys: []AccessKey{{ID: "AK1", Secret: goodSecret}}})
	key := r.keys[keyName{signing.SDK.Name(), "AK1"}]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{r, *r, key, &Claim{key: key.key}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, goodSecret.Reveal()) {
				t.Errorf("%s shows the secret: %s", verb, text)
			}
		}
	}
	if key.key == nil {
		t.Error("there is no key")
	}
	if !r.Has("a") || r.Has("b") || r.Has("") {
		t.Error("Has does not tell who is known")
	}
}
