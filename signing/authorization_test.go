package signing

import (
	"errors"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var goodSignature = strings.Repeat("0123456789abcdef", 4)

const goodDateText = "20240102T030405Z"

var goodDate = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// parse reads an Authorization header beside a good date, as all schemes together do.
func parse(value string) (Claim, error) {
	scheme, c, err := Known().ParseClaim(http.Header{"Authorization": {value}, "X-Sdk-Date": {goodDateText}})
	if err == nil && scheme != SDK {
		return c, errors.New("claim of another scheme")
	}
	return c, err
}

func TestParseAuthorization(t *testing.T) {
	want := Claim{AccessKey: "AK1", SignedHeaders: []string{"host", "x-sdk-date"}, Signature: goodSignature, Date: goodDate, DateText: goodDateText}
	for _, value := range []string{
		"SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=" + goodSignature,
		"SDK-HMAC-SHA256 Access=AK1,SignedHeaders=host;x-sdk-date,Signature=" + goodSignature,
		"SDK-HMAC-SHA256 Signature=" + goodSignature + ", SignedHeaders=host;x-sdk-date, Access=AK1",
	} {
		if got, err := parse(value); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parse(%q) = %+v, %v", value, got, err)
		}
	}
	many := manyNames(64)
	value := "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=" + many + ", Signature=" + goodSignature
	if got, err := parse(value); err != nil || len(got.SignedHeaders) != 64 {
		t.Errorf("64 names: %v", err)
	}
}

func manyNames(n int) string {
	names := []string{dateHeader}
	for i := range n - 1 {
		names = append(names, "a"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	slices.Sort(names)
	return strings.Join(names, ";")
}

func TestParseAuthorizationRefuses(t *testing.T) {
	const access, headers = "Access=AK1", "SignedHeaders=host;x-sdk-date"
	sig := "Signature=" + goodSignature
	for _, test := range []struct{ params, msg string }{
		{"", "parameters must be"},
		{access, "SignedHeaders is missing"},
		{access + ", " + headers, "Signature is missing"},
		{headers + ", " + sig, "Access is missing"},
		{access + ", " + access + ", " + headers + ", " + sig, "Access occurs twice"},
		{access + ", " + headers + ", " + sig + ", " + sig, "Signature occurs twice"},
		{access + ", " + headers + ", " + sig + ",", "parameters must be"},
		{access + ", " + headers + ", " + sig + ", Extra=1", "parameters must be"},
		{access + ",  " + headers + ", " + sig, "parameters must be"},
		{" " + access + ",  " + headers + ", " + sig, "parameters must be"},
		{"access=AK1, " + headers + ", " + sig, "parameters must be"},
		{"Credential=AK1, " + headers + ", " + sig, "parameters must be"},
		{access + "; " + headers + ", " + sig, "is missing"},
		{"Access=, " + headers + ", " + sig, "not an access key"},
		{"Access, " + headers + ", " + sig, "not an access key"},
		{"Access=A K, " + headers + ", " + sig, "not an access key"},
		{"Access=A\"K, " + headers + ", " + sig, "not an access key"},
		{"Access=中, " + headers + ", " + sig, "not an access key"},
		{"Access=" + strings.Repeat("A", 129) + ", " + headers + ", " + sig, "not an access key"},
		{access + ", SignedHeaders=, " + sig, "lower-case header names"},
		{access + ", SignedHeaders=Host;x-sdk-date, " + sig, "lower-case header names"},
		{access + ", SignedHeaders=host;;x-sdk-date, " + sig, "lower-case header names"},
		{access + ", SignedHeaders=host;x-sdk-date;, " + sig, "lower-case header names"},
		{access + ", SignedHeaders=ho st;x-sdk-date, " + sig, "lower-case header names"},
		{access + ", SignedHeaders=x-sdk-date;host, " + sig, "not sorted"},
		{access + ", SignedHeaders=x-sdk-date;x-sdk-date, " + sig, "twice"},
		{access + ", SignedHeaders=host, " + sig, "x-sdk-date"},
		{access + ", SignedHeaders=" + manyNames(65) + ", " + sig, "64 names"},
		{access + ", " + headers + ", Signature=", "64 lower-case"},
		{access + ", " + headers + ", Signature=" + strings.ToUpper(goodSignature), "64 lower-case"},
		{access + ", " + headers + ", Signature=" + goodSignature[1:], "64 lower-case"},
		{access + ", " + headers + ", Signature=" + goodSignature + "0", "64 lower-case"},
		{access + ", " + headers + ", Signature=" + goodSignature + " ", "64 lower-case"},
		{access + strings.Repeat("A", 4096), "4096"},
	} {
		got, err := parse(sdkName + " " + test.params)
		var malformed *AuthorizationError
		if !errors.As(err, &malformed) || !strings.Contains(err.Error(), test.msg) {
			t.Errorf("parse(%q) = %+v, %v, want %q", test.params, got, err, test.msg)
		}
	}
}

func TestOtherSchemes(t *testing.T) {
	for value, want := range map[string]string{
		"V11-HMAC-SHA256 Credential=AK/20240102/globe/bss, SignedHeaders=x-sdk-date, Signature=x": "V11-HMAC-SHA256",
		"SDK-HMAC-SM3 Access=AK, SignedHeaders=x-sdk-date, Signature=x":                           "SDK-HMAC-SM3",
		"Bearer s3cr3t":          "Bearer",
		"bearer s3cr3t":          "Bearer",
		"Basic czNjcjN0":         "Basic",
		"":                       "",
		"s3cr3t":                 "",
		"s3cr3t and more":        "",
		"sdk-hmac-sha256 Access": "",
		" SDK-HMAC-SHA256 x":     "",
		"SDK-HMAC-SHA2560 x":     "",
	} {
		_, err := parse(value)
		var scheme *SchemeError
		if !errors.As(err, &scheme) || scheme.Scheme != want {
			t.Errorf("parse(%q): %v, want scheme %q", value, err, want)
			continue
		}
		if text := err.Error(); !strings.Contains(text, sdkName) || strings.Contains(text, "s3cr3t") {
			t.Errorf("parse(%q): %s", value, text)
		}
		if derived := strings.Contains(err.Error(), "predicate"); derived != strings.HasPrefix(want, "V11-") {
			t.Errorf("parse(%q): derived %v: %v", value, derived, err)
		}
	}
}

// goodHeader is a header with three parameters, whatever they are.
var goodHeader = regexp.MustCompile(`^SDK-HMAC-SHA256  ?(\w+)=([^, "]+), ?(\w+)=([^, "]+), ?(\w+)=([^, "]+)$`)

// readByPattern reads a good header independently.
func readByPattern(value string) map[string]string {
	parts := goodHeader.FindStringSubmatch(value)
	if parts == nil {
		return nil
	}
	return map[string]string{parts[1]: parts[2], parts[3]: parts[4], parts[5]: parts[6]}
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=" + goodSignature)
	f.Add("SDK-HMAC-SHA256 Access=AK1,,Signature=,SignedHeaders")
	f.Add("V11-HMAC-SHA256 Credential=AK/20240102/globe/bss")
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, value string) {
		a, err := parse(value)
		if err != nil {
			if !reflect.DeepEqual(a, Claim{}) {
				t.Errorf("%q: %v, and yet %+v", value, err, a)
			}
			return
		}
		written := sdkName + " Access=" + a.AccessKey + ", SignedHeaders=" + strings.Join(a.SignedHeaders, ";") + ", Signature=" + a.Signature
		again, err := parse(written)
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%q reads as %+v, which is written %q, which reads as %+v, %v", value, a, written, again, err)
		}
		want := map[string]string{"Access": a.AccessKey, "SignedHeaders": strings.Join(a.SignedHeaders, ";"), "Signature": a.Signature}
		if read := readByPattern(value); !maps.Equal(read, want) {
			t.Errorf("%q reads as %+v, a pattern finds %q", value, a, read)
		}
		if !slices.Contains(a.SignedHeaders, dateHeader) || !slices.IsSorted(a.SignedHeaders) || len(a.Signature) != 64 {
			t.Errorf("%q reads as %+v", value, a)
		}
	})
}
