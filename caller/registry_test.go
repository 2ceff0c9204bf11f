package caller

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/signing"
)

var goodSecret = secret.New("correct-horse-battery-staple")

func mustRegistry(t testing.TB, configs ...Config) *Registry {
	t.Helper()
	r, err := NewRegistry(configs, signing.Known(), asWritten)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asWritten takes what a reference says for the secret itself.
func asWritten(r setting.Reference) (secret.String, error) { return secret.New(r.Env), nil }

func certificate(name CertificateName) Auth { return Auth{Certificate: &name} }

func key(id, value string) Auth {
	return Auth{AccessKey: &VirtualKey{ID: id, Secret: setting.Reference{Env: value}}}
}

func withCertificate(c CertificateName) Config {
	return Config{Name: "a", Auth: []Auth{certificate(c)}}
}

func withKey(id, value string) Config { return Config{Name: "a", Auth: []Auth{key(id, value)}} }

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
		{[]Config{withCertificate(CertificateName{})}, "exactly one"},
		{[]Config{withCertificate(CertificateName{URI: "spiffe://corp/a", DNS: "a.corp"})}, "exactly one"},
		{[]Config{withCertificate(CertificateName{URI: "corp/a"})}, "absolute URI"},
		{[]Config{withCertificate(CertificateName{URI: "spiffe:///a"})}, "absolute URI"},
		{[]Config{withCertificate(CertificateName{URI: "SPIFFE://corp/a"})}, "would never match"},
		{[]Config{withCertificate(CertificateName{URI: "spiffe://corp/" + long})}, "absolute URI"},
		{[]Config{withCertificate(CertificateName{DNS: "*.corp.example"})}, "wildcards"},
		{[]Config{withCertificate(CertificateName{DNS: "a..corp"})}, "labels"},
		{[]Config{withCertificate(CertificateName{DNS: "a.corp."})}, "labels"},
		{[]Config{withCertificate(CertificateName{DNS: long})}, "longer"},
		{[]Config{withCertificate(CertificateName{CommonName: long})}, "longer"},
		{[]Config{withKey("", goodSecret.Reveal())}, "id"},
		{[]Config{withKey("A B", goodSecret.Reveal())}, "id"},
		{[]Config{withKey(strings.Repeat("A", 129), goodSecret.Reveal())}, "id"},
		{[]Config{withKey("AK", "")}, "has 0"},
		{[]Config{withKey("AK", "fifteen-letters")}, "has 15"},
		{[]Config{withKey("AK", long)}, "has 3000"},
		{[]Config{withKey("AK", "ends-with-a-line-feed\n")}, "printable"},
		{[]Config{withKey("AK", " starts-with-a-blank")}, "printable"},
	} {
		if _, err := NewRegistry(c.configs, signing.Known(), asWritten); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200v: error %v, want one about %q", c.configs, err, c.want)
		}
	}
}

func TestSharedNamesAreRefused(t *testing.T) {
	for _, c := range []struct {
		first, second Config
		want          string
	}{
		{withCertificate(CertificateName{URI: "spiffe://corp/x"}), withCertificate(CertificateName{URI: "spiffe://corp/x"}), "certificate name of"},
		{withCertificate(CertificateName{DNS: "x.corp"}), withCertificate(CertificateName{DNS: "X.Corp"}), "certificate name of"},
		{withCertificate(CertificateName{CommonName: "x"}), withCertificate(CertificateName{CommonName: "x"}), "certificate name of"},
		{withKey("AK1", goodSecret.Reveal()), withKey("AK1", goodSecret.Reveal()), "already an access key"},
	} {
		c.first.Name, c.second.Name = "first", "second"
		_, err := NewRegistry([]Config{c.first, c.second}, signing.Known(), asWritten)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"first"`) {
			t.Errorf("%v and %v: %v", c.first, c.second, err)
		}
	}
}

func TestAllProblemsAreReported(t *testing.T) {
	const weak, misplaced = "weak-secret", "s3cr3t in the wrong place!"
	_, err := NewRegistry([]Config{
		{Name: "a b", Auth: []Auth{key("AK", weak), key(misplaced, goodSecret.Reveal())}},
		{Name: "c", Auth: []Auth{certificate(CertificateName{URI: "x"}), certificate(CertificateName{DNS: "*"})}},
	}, signing.Known(), asWritten)
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

// TestWithoutSecrets: a registry that reads no secrets knows callers by their certificates alone.
func TestWithoutSecrets(t *testing.T) {
	r, err := NewRegistry([]Config{withKey("AK1", goodSecret.Reveal())}, signing.Known(), nil)
	if err != nil || !r.Has("a") || len(r.keys) > 0 {
		t.Errorf("%v, %v", r, err)
	}
	_, err = NewRegistry([]Config{withKey("AK1", "")}, signing.Known(), func(setting.Reference) (secret.String, error) {
		return secret.String{}, errors.New("it is gone")
	})
	if err == nil || !strings.Contains(err.Error(), "it is gone") {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}

func TestRegistryDoesNotPrintSecrets(t *testing.T) {
	r := mustRegistry(t, withKey("AK1", goodSecret.Reveal()))
	key := r.keys[keyName{signing.SDK.Name(), "AK1"}]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{r, *r, key, &Claim{key: key}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, goodSecret.Reveal()) {
				t.Errorf("%s shows the secret: %s", verb, text)
			}
		}
	}
	if key.key == nil {
		t.Error("there is no key")
	}
	if !r.Has("a") || r.Has("b") || r.Has("") {
		t.Error("Has does not report which callers there are")
	}
}
