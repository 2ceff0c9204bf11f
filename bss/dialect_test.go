package bss

import (
	"net/http"
	"strings"
	"testing"

	"tollgate/catalog"
)

func TestBadSignature(t *testing.T) {
	const prefix = "Incorrect IAM authentication information: "
	body := func(code, message string) string {
		return `{"error_msg":"` + message + `","error_code":"` + code + `","request_id":"r"}`
	}
	for _, test := range []struct {
		status     int
		body, kind string
	}{
		{401, body("APIG.0301", prefix+"verify aksk signature fail"), WrongSignature},
		{401, body("APIGW.0301", prefix+"verify aksk signature fail, canonicalRequest:GET|/v2/|"), WrongSignature},
		{401, body("APIG.0301", prefix+"Get secretKey failed,ak:AKX,err:ak not exist"), UnknownKey},
		{401, body("APIG.0301", prefix+"AK not exist"), UnknownKey},
		{403, body("APIG.0301", prefix+"verify aksk signature fail"), ""},
		{200, body("APIG.0301", prefix+"verify aksk signature fail"), ""},
		{401, body("APIG.0303", prefix+"verify aksk signature fail"), ""},
		{401, body("CBC.0301", prefix+"verify aksk signature fail"), ""},
		{401, body("apig.0301", prefix+"verify aksk signature fail"), ""},
		{401, body("APIG.0301", prefix+"decrypt token fail"), ""},
		{401, body("APIG.0301", prefix+"AK access failed to reach the limit,forbidden"), ""},
		{401, body("APIG.0301", prefix+"AK access failed to reach the limit,forbidden: verify aksk signature fail"), ""},
		{401, body("APIG.0301", "the account is in arrears"), ""},
		{401, body("APIG.0301", "frozen. canonicalRequest:GET|/verify aksk signature fail|"), ""},
		{401, body("APIG.0301", ""), ""},
		{401, `{"error_code":"APIG.0301"}`, ""},
		{401, `{"error":{"error_code":"APIG.0301","error_msg":"verify aksk signature fail"}}`, ""},
		{401, "verify aksk signature fail", ""},
		{401, "", ""},
	} {
		kind, ok := BadSignature(test.status, []byte(test.body))
		if kind != test.kind || ok != (test.kind != "") {
			t.Errorf("%d %s: %q, %v, want %q", test.status, test.body, kind, ok, test.kind)
		}
	}
}

func TestWhereAnAnswerComesFrom(t *testing.T) {
	billing, declared := &catalog.Operation{Site: "intl"}, &catalog.Operation{}
	for _, test := range []struct {
		op              *catalog.Operation
		status          int
		code            string
		reached, gaveUp bool
	}{
		{billing, 200, "", true, false},
		{billing, 400, "CBC.0100", true, false},
		{billing, 400, "APIG.0308", false, false},
		{billing, 403, "", false, false},
		{billing, 408, "", false, true},
		{billing, 499, "", false, true},
		{billing, 500, "CBC.0999", true, false},
		{billing, 502, "APIG.0201", false, true},
		{declared, 404, "", true, false},
		{declared, 401, "", false, false},
		{declared, 403, "", false, false},
		{declared, 429, "", false, false},
		{declared, 503, "", false, true},
	} {
		if got := ReachedService(test.op, test.status, test.code); got != test.reached {
			t.Errorf("site %q, %d %s: reached the service: %t", test.op.Site, test.status, test.code, got)
		}
		if got := GaveUpOnTheWay(test.status, test.code); got != test.gaveUp {
			t.Errorf("%d %s: gave up on the way: %t", test.status, test.code, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	long := strings.Repeat("r", 129)
	for want, header := range map[string]http.Header{
		"a":        {"X-Request-Id": {"a"}, "X-Iam-Trace-Id": {"b"}},
		"b":        {"X-Iam-Trace-Id": {"b"}},
		"body":     {},
		long[:128]: {"X-Request-Id": {long}},
	} {
		if got := RequestID(header, &Outcome{RequestID: "body"}); got != want {
			t.Errorf("%v: %q, want %q", header, got, want)
		}
	}
}
