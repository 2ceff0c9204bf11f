package bss

import (
	"strings"
	"testing"
	"time"
)

// TestReadRejection has the provider's texts, as its manuals and public reports show them, in each of its spellings.
func TestReadRejection(t *testing.T) {
	const prefix = "Incorrect IAM authentication information: "
	body := func(code, message string) string {
		return `{"error_msg":"` + message + `","error_code":"` + code + `","request_id":"r"}`
	}
	for _, test := range []struct {
		status           int
		body, kind, code string
	}{
		{401, body("APIG.0301", prefix+"verify aksk signature fail"), WrongSignature, "APIG.0301"},
		{401, body("APIGW.0301", prefix+"verify aksk signature fail, canonicalRequest:GET|/v2/|"), WrongSignature, "APIGW.0301"},
		{401, body("APIGW.0301", prefix+"ak AKOLD not exist"), UnknownKey, "APIGW.0301"},
		{401, body("APIG.0301", prefix+"Get secretKey failed,ak:AKX,err:ak not exist"), UnknownKey, "APIG.0301"},
		{401, body("APIG.0301", prefix+"AK not exist"), UnknownKey, "APIG.0301"},
		{401, body("APIG.0301", prefix+"decrypt token fail"), BadToken, "APIG.0301"},
		{401, body("APIG.0301", prefix+"the date of the security token has expired"), BadToken, "APIG.0301"},
		{401, body("APIG.0301", prefix+"AK access failed to reach the limit,forbidden"), LockedKey, "APIG.0301"},
		{401, body("APIGW.0301", prefix+"Unauthorized"), OtherRejection, "APIGW.0301"},
		{401, body("APIG.0301", ""), OtherRejection, "APIG.0301"},
		{401, `{"error_code":"APIG.0301"}`, OtherRejection, "APIG.0301"},
		{401, body("IAM.0301", prefix), OtherRejection, "IAM.0301"},
		{401, body("apig.0301", prefix), OtherRejection, "apig.0301"},
		{401, body("0301", prefix), OtherRejection, "0301"},
		{401, body("APIG.0301", "signed. canonicalRequest:GET|/the account is frozen|"), OtherRejection, "APIG.0301"},
		{401, body("APIG.0301", "signed. CanonicalRequest:GET|/signature expired, server time:20230527T020608Z|"), OtherRejection, "APIG.0301"},

		{401, `{"error":{"error_code":"APIG.0301","error_msg":"verify aksk signature fail"}}`, WrongSignature, "APIG.0301"},
		{401, `{"error":{"code":"APIGW.0301","message":"ak X not exist"}}`, UnknownKey, "APIGW.0301"},
		{401, `{"code":"APIGW.0301","message":"decrypt token fail"}`, BadToken, "APIGW.0301"},
		{401, `{"errorCode":"APIGW.0301","errorMsg":"decrypt token fail"}`, BadToken, "APIGW.0301"},
		{401, `[{"error_code":"APIGW.0301","error_msg":"decrypt token fail"}]`, BadToken, "APIGW.0301"},
		{401, `{"error_code":"x","error_code":"APIGW.0301"}`, OtherRejection, "APIGW.0301"},
		{401, `{"code":401,"message":"APIGW.0301 ` + prefix + `verify aksk signature fail"}`, WrongSignature, "APIGW.0301"},
		{401, `{"status":401,"code":"Unauthorized","error_msg":"APIG.0301 ak AKOLD not exist"}`, UnknownKey, "APIG.0301"},
		{401, `{"error":{"details":[{"code":"APIG.0301","message":"verify aksk signature fail"}]},"code":"401"}`, WrongSignature, "APIG.0301"},
		{401, `{"a":{"b":{"code":"APIG.0301"}},"code":"EPS.0003"}`, OtherRejection, "APIG.0301"},
		{401, `{"data":{"code":"CBC.0150"},"code":"APIG.0301"}`, OtherRejection, "APIG.0301"},
		{401, `{"errors":["APIG.0301 ak X not exist"]}`, UnknownKey, "APIG.0301"},
		{401, `"APIG.0301 ak X not exist"`, UnknownKey, "APIG.0301"},
		{401, `{"error":"APIGW.0301: ak X not exist"}`, UnknownKey, "APIGW.0301"},
		{401, "[APIGW.0301]" + prefix + "verify aksk signature fail", WrongSignature, "APIGW.0301"},
		{401, "<html><h1>APIG.0301</h1>ak X not exist</html>", UnknownKey, "APIG.0301"},
		{401, `{"error_code":"APIG.0301","error_msg":"verify aksk sig`, OtherRejection, "APIG.0301"},

		{401, body("APIG.0301", prefix+"verify aksk signature fail, path=/v2/frozen/x"), WrongSignature, "APIG.0301"},
		{401, body("APIG.0301", prefix+"verify aksk signature fail; server time:20260101T000001Z"), WrongSignature, "APIG.0301"},
		{401, body("APIG.0301", prefix+"verify aksk signature fail; signature time:20260101T000000Z, server time:20260101T001500Z"), WrongSignature, "APIG.0301"},
		{401, body("APIG.0301", prefix+"verify aksk signature fail; signature time:20260101T001501Z, server time:20260101T000000Z"), ExpiredDate, "APIG.0301"},
		{401, body("APIG.0301", prefix+"signature expired, signature time:20260101T000000Z, server time:20260101T000100Z"), WrongSignature, "APIG.0301"},
		{401, body("APIG.0301", prefix+"signature expired, signature time:20260101T000000Z, server time:20260101T000101Z"), ExpiredDate, "APIG.0301"},
		{401, body("APIG.0301", prefix+"verify aksk signature fail: signature expired, frozen"), ExpiredDate, "APIG.0301"},

		{401, body("APIG.0301", "the account is in arrears"), AccountBlocked, "APIG.0301"},
		{401, body("APIG.0301", prefix+"Account is frozen, canonicalRequest:GET|verify aksk signature fail"), AccountBlocked, "APIG.0301"},
		{401, body("APIGW.0301", prefix+"calc ak sk signature fail:signature expired"), ExpiredDate, "APIGW.0301"},
		{401, body("APIG.0301", prefix+"x-sdk-date has expired"), ExpiredDate, "APIG.0301"},
		{401, body("APIG.0303", "Incorrect app authentication information: signature expired, signature time:20230527T000431Z,server time:20230527T020608Z"), ExpiredDate, "APIG.0303"},

		{403, body("APIG.0301", prefix+"verify aksk signature fail"), "", ""},
		{200, body("APIG.0301", prefix+"verify aksk signature fail"), "", ""},
		{401, body("APIG.0303", prefix+"verify aksk signature fail"), "", ""},
		{401, body("CBC.0301", prefix+"verify aksk signature fail"), "", ""},
		{401, body("CBC.0303", prefix+"signature expired"), "", ""},
		{401, body("APIG.03011", prefix+"verify aksk signature fail"), "", ""},
		{401, `{"error_code":"CBC.0150","error_msg":"APIG.0301","data":{"code":"APIG.0301"}}`, "", ""},
		{401, `{"error":{"code":"CBC.0150","details":[{"code":"APIG.0301"}]}}`, "", ""},
		{401, `{"timestamp":"x","status":401,"error":"Unauthorized","path":"/v2/orders/APIG.0301"}`, "", ""},
		{401, `{"code":401,"message":"no","APIG.0301":"APIG.0301","url":["APIG.0301"]}`, "", ""},
		{401, `{"code":"` + strings.Repeat("x", 64) + `.0301"}`, "", ""},
		{401, "verify aksk signature fail", "", ""},
		{401, "canonicalRequest: APIG.0301", "", ""},
		{401, "", "", ""},
	} {
		got, ok := ReadRejection(test.status, []byte(test.body))
		if !ok {
			got = Rejection{}
		}
		if got.Kind != test.kind || got.Code != test.code {
			t.Errorf("%d %s: %+v, want %q with %q", test.status, test.body, got, test.kind, test.code)
		}
		if ok && got.KeysInDoubt() != (test.code != "APIG.0303") {
			t.Errorf("%s: keys in doubt: %v", test.body, got.KeysInDoubt())
		}
		if ok && got.OfKey() != (test.kind != AccountBlocked && test.kind != ExpiredDate) {
			t.Errorf("%s: of the key: %v", test.body, got.OfKey())
		}
	}
}

func TestTimesOfARejection(t *testing.T) {
	signed, server := time.Date(2023, 5, 27, 0, 4, 31, 0, time.UTC), time.Date(2023, 5, 27, 2, 6, 8, 0, time.UTC)
	for text, want := range map[string][2]time.Time{
		"signature expired, signature time:20230527T000431Z,server time:20230527T020608Z":     {signed, server},
		"signature expired, signature time: 20230527T000431Z, server time = 20230527T020608Z": {signed, server},
		"signature expired": {},
		"signature expired, signature time:20231327T000431Z,server time:x": {},
	} {
		got, ok := ReadRejection(401, []byte(`{"error_code":"APIG.0303","error_msg":"`+text+`"}`))
		if !ok || !got.SignatureTime.Equal(want[0]) || !got.ServerTime.Equal(want[1]) {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
}

// TestCallersWords has answers that repeat what was sent. It counts neither as a code nor as a cause.
func TestCallersWords(t *testing.T) {
	for _, test := range []struct{ body, sent, kind string }{
		{`{"status":401,"message":"no right to /echo/APIG.0301"}`, "/echo/APIG.0301", ""},
		{`{"status":401,"message":"no right to /echo/apig.0301"}`, "/echo/APIG.0301", ""},
		{`{"status":401,"message":"APIGW.0301: /echo/APIG.0301"}`, "/echo/APIG.0301", OtherRejection},
		{"<html>401 for /echo/APIG.0301</html>", "/echo/APIG.0301", ""},
		{"<html>401 for /echo/APIG.0301</html>", "/echo/x", OtherRejection},
		{`{"status":401,"path":"/echo/APIG.0301`, "/echo/APIG.0301", ""},
		{`{"code":"X.1","data":{"request":{"code":"APIG.0301"}}}`, `{"code":"APIG.0301"}`, ""},
		{`{"code":"APIG.0301"}`, "/echo/APIG.0301", OtherRejection},
		{`{"error":{"code":"APIG.0301"}}`, "/echo/APIG.0301", OtherRejection},
		{`{"code":"APIG.0301","message":"ak X not exist, path=/v2/frozen/x"}`, "/v2/frozen/x", UnknownKey},
		{`{"code":"APIG.0301","message":"ak X not exist, path=/v2/signature expired"}`, "/v2/Signature Expired", UnknownKey},
		{`{"code":"APIG.0301","message":"path=/signature time:20200101T000000Z,server time:20260101T000000Z"}`, "/signature time:20200101T000000Z,server time:20260101T000000Z", WrongSignature},
		{`{"code":"APIG.0301","message":"the account is frozen, path=/v2/signature fail"}`, "/v2/signature fail", AccountBlocked},
		{`{"code":"APIG.0301","message":"the account is frozen"}`, "/v2/x", AccountBlocked},
	} {
		got, ok := ReadRejection(401, []byte(test.body), "/", test.sent)
		if ok != (test.kind != "") || ok && got.Kind != test.kind {
			t.Errorf("%s for %s: %+v, %v, want %q", test.body, test.sent, got, ok, test.kind)
		}
	}
}

func TestIllegibleRejection(t *testing.T) {
	if r := IllegibleRejection(); !r.OfKey() || !r.KeysInDoubt() || !strings.Contains(r.String(), "no body") {
		t.Errorf("%+v: of the key %v, in doubt %v: %s", r, r.OfKey(), r.KeysInDoubt(), r)
	}
}
