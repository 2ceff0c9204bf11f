package signing

import (
	"errors"
	"net/http"
	"slices"
	"testing"
)

func TestOwns(t *testing.T) {
	for name, want := range map[string]Use{
		"Authorization": Proof, "authorization": Proof, "X-Security-Token": Token, "x-security-token": Token, "X-Domain-Id": AccountName,
		"x-sdk-date": Date, "X-SDK-Content-sha256": ContentHash, "X-Sdk-Other": Family, "x-sdk-": Family,
	} {
		if use, owned := Known().Owns(name); !owned || use != want {
			t.Errorf("%s: %v, %v, want %v", name, use, owned, want)
		}
	}
	for _, name := range []string{"", "Host", "X-Sdk", "X-Domain-Ids", "X-Domain-I", "X_Sdk_Date", "Proxy-Authorization", "X-Project-Id", "Content-Type"} {
		if use, owned := Known().Owns(name); owned {
			t.Errorf("%s is owned: %v", name, use)
		}
	}
}

func TestSchemes(t *testing.T) {
	twice := NewSchemes(SDK, SDK)
	if got := twice.Headers(Token); !slices.Equal(got, []string{"X-Security-Token"}) {
		t.Errorf("a header of two schemes: %q", got)
	}
	if got := Known().Names(); !slices.Equal(got, []string{"SDK-HMAC-SHA256"}) {
		t.Errorf("names %q", got)
	}
	if got := HeaderOf(SDK, ContentHash); got != "X-Sdk-Content-Sha256" {
		t.Errorf("header of the hash %q", got)
	}
}

// TestClaimNeedsOneAuthorization, and a date that is read in one way only. With what is wrong with the date alone comes the rest.
func TestClaimNeedsOneAuthorization(t *testing.T) {
	good := "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=x-sdk-date, Signature=" + goodSignature
	for name, values := range map[string][]string{"none": nil, "two": {good, good}, "of another": {good, "Bearer x"}} {
		_, c, err := Known().ParseClaim(http.Header{"Authorization": values, "X-Sdk-Date": {goodDateText}})
		if _, ok := errors.AsType[*AuthorizationError](err); !ok || c.AccessKey != "" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for name, dates := range map[string][]string{"none": nil, "two": {goodDateText, goodDateText}, "bad": {"2024"}, "empty": {""}, "no day": {"20240230T030405Z"}} {
		scheme, c, err := Known().ParseClaim(http.Header{"Authorization": {good}, "X-Sdk-Date": dates})
		failure, ok := errors.AsType[*DateError](err)
		if !ok || failure.Missing != (name == "none") || scheme != SDK || c.AccessKey != "AK1" || c.Signature != goodSignature || c.DateText != "" || !c.Date.IsZero() {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestForApp(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "Bearer x": true, "SDK": true, "sdk-x": false, "SDK-HMAC-SHA256 x": false, "v11-HMAC-SHA256 x": false, "AWS4-HMAC-SHA256 x": false,
	} {
		if got := Known().ForApp([]string{value}); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if Known().ForApp(nil) || Known().ForApp([]string{"Bearer x", "Bearer y"}) {
		t.Error("none or two of them are for an app")
	}
}
