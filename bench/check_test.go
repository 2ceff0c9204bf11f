package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// signedHead is a call to pricePath as a proxy would sign it.
func signedHead(date, body, secret string) string {
	canonical := "POST\n" + pricePath + "/\n\nhost:127.0.0.1:1\nx-sdk-date:" + date + "\n\nhost;x-sdk-date\n" + hexHash([]byte(body))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("SDK-HMAC-SHA256\n" + date + "\n" + hexHash([]byte(canonical))))
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Sdk-Date: %s\r\n"+
		"Authorization: SDK-HMAC-SHA256 Access=%s, SignedHeaders=host;x-sdk-date, Signature=%x\r\n\r\n", pricePath, date, accessKey, mac.Sum(nil))
}

func TestInspect(t *testing.T) {
	now := time.Now().UTC().Format("20060102T150405Z")
	old := time.Now().UTC().Add(-time.Hour).Format("20060102T150405Z")
	want := request{"POST", pricePath, []byte("{}")}
	for name, test := range map[string]struct {
		head, body string
		fault      string
	}{
		"good":          {signedHead(now, "{}", secretKey), "{}", ""},
		"another body":  {signedHead(now, "{}", secretKey), "[]", "reached the upstream"},
		"another hash":  {signedHead(now, "[]", secretKey), "{}", "wrong signature"},
		"another key":   {signedHead(now, "{}", "x"), "{}", "wrong signature"},
		"an old date":   {signedHead(old, "{}", secretKey), "{}", "ago"},
		"no signature":  {"POST " + pricePath + " HTTP/1.1\r\nHost: a\r\n\r\n", "{}", "no signature"},
		"another path":  {strings.Replace(signedHead(now, "{}", secretKey), pricePath, "/x", 1), "{}", "reached the upstream"},
		"another query": {strings.Replace(signedHead(now, "{}", secretKey), pricePath, pricePath+"?a=1", 1), "{}", "reached the upstream"},
	} {
		err := inspect([]byte(test.head), []byte(test.body), want, true)
		if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: %v, want %q", name, err, test.fault)
		}
	}
}

// A proxy that does not sign must still pass calls on as they are.
func TestInspectUnsigned(t *testing.T) {
	head := "POST " + pricePath + " HTTP/1.1\r\nHost: a\r\n\r\n"
	if err := inspect([]byte(head), []byte("{}"), request{"POST", pricePath, []byte("{}")}, false); err != nil {
		t.Error(err)
	}
}
