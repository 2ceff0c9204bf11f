package bss

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate/catalog"
)

var fieldsOfAnswer = []catalog.Field{
	{Name: "transfer_id", Kind: catalog.FieldTransaction},
	{Name: "order_ids[]", Kind: catalog.FieldOrder},
	{Name: "fail_resource_infos[].resource_id", Kind: catalog.FieldResource},
}

func v1() *catalog.Operation {
	return &catalog.Operation{Site: "cn", Method: "POST", Effect: catalog.Spend, Class: catalog.ClassCustomer, CodeAlways: true, Answer: fieldsOfAnswer}
}

func v2() *catalog.Operation {
	return &catalog.Operation{Site: "cn", Method: "POST", Effect: catalog.Spend, Class: catalog.ClassCustomer, Answer: fieldsOfAnswer}
}

func TestReadAnswer(t *testing.T) {
	internal := declared(catalog.Write)
	signed := declared(catalog.Write)
	signed.Class = catalog.ClassPartner
	for _, test := range []struct {
		name   string
		op     *catalog.Operation
		status int
		body   string
		result string
		from   string
		code   string
	}{
		{"v2 success", v2(), 200, `{"transfer_id":"t1"}`, Success, FromBody, ""},
		{"v2 empty", v2(), 200, "", Success, FromStatus, ""},
		{"v2 no content", v2(), 204, "", Success, FromStatus, ""},
		{"v2 empty object", v2(), 201, "{}", Success, FromBody, ""},
		{"v2 failure", v2(), 400, `{"error_code":"CBC.99005003","error_msg":"balance too low"}`, Failure, FromBody, "CBC.99005003"},
		{"v2 failure in a 200", v2(), 200, `{"error_code":"CBC.0999"}`, Failure, FromBody, "CBC.0999"},
		{"v2 null code", v2(), 200, `{"error_code":null}`, Success, FromBody, ""},
		{"v2 empty code", v2(), 200, `{"error_code":""}`, Success, FromBody, ""},
		{"v2 code of success", v2(), 200, `{"error_code":"CBC.0000"}`, Success, FromBody, ""},
		{"v2 number as code", v2(), 200, `{"error_code":7}`, Failure, FromBody, "7"},
		{"code that is none", v2(), 200, `{"error_code":"<b>\n"}`, Failure, FromBody, ""},
		{"code too long", v2(), 200, `{"error_code":"` + strings.Repeat("a", 65) + `"}`, Failure, FromBody, ""},
		{"failure without a code", v2(), 500, `{"message":"x"}`, Failure, FromStatus, ""},
		{"failure with the code of success", v2(), 500, `{"error_code":"CBC.0000"}`, Failure, FromStatus, ""},
		{"failure with a page", v2(), 502, `<html>`, Failure, FromStatus, ""},
		{"failure without a body", v2(), 503, "", Failure, FromStatus, ""},
		{"redirect", v2(), 302, "", Failure, FromStatus, ""},
		{"throttled", v2(), 429, `{"error_code":"APIG.0308","error_msg":"The throttling threshold has been reached","request_id":"r1"}`, Failure, FromBody, "APIG.0308"},
		{"unread page", v2(), 200, `<html>`, Unread, FromStatus, ""},
		{"unread, cut short", v2(), 200, `{"transfer_id":"t1"`, Unread, FromStatus, ""},
		{"unread, two values", v2(), 200, `{} {}`, Unread, FromStatus, ""},
		{"unread, list", v2(), 200, `[]`, Unread, FromStatus, ""},
		{"unread, null", v2(), 200, `null`, Unread, FromStatus, ""},
		{"unread, too deep", v2(), 200, strings.Repeat(`{"a":`, 99) + "1" + strings.Repeat("}", 99), Unread, FromStatus, ""},
		{"unread, two codes", v2(), 200, `{"error_code":"CBC.0000","error_code":"CBC.5003"}`, Unread, FromStatus, ""},
		{"unread, two equal codes", v2(), 200, `{"error_code":"CBC.0000","error_code":"CBC.0000"}`, Unread, FromStatus, ""},
		{"unread, code in other case", v2(), 200, `{"Error_Code":"CBC.5003"}`, Unread, FromStatus, ""},
		{"unread, object as code", v2(), 200, `{"error_code":{}}`, Unread, FromStatus, ""},
		{"ambiguous failure", v2(), 400, `{"error_code":"CBC.1","error_code":"CBC.2"}`, Failure, FromStatus, ""},
		{"code further in", v2(), 200, `{"data":{"error_code":"CBC.1"}}`, Success, FromBody, ""},
		{"other duplicates", v2(), 200, `{"a":1,"a":2,"A":3}`, Success, FromBody, ""},
		{"error details", v2(), 200, `{"error_details":[{"id":"c-17","error_code":"CBC.1"}]}`, Partial, FromBody, ""},
		{"no error details", v2(), 200, `{"error_details":[],"fail_resource_infos":[],"to_ondemand_service_results":[]}`, Success, FromBody, ""},
		{"null error details", v2(), 200, `{"error_details":null}`, Success, FromBody, ""},
		{"odd error details", v2(), 200, `{"error_details":{"id":"c-17"}}`, Unread, FromStatus, ""},
		{"failed resources", v2(), 200, `{"order_ids":["o1"],"fail_resource_infos":[{"resource_id":"r2"}]}`, Partial, FromBody, ""},
		{"all to on-demand", v2(), 200, `{"to_ondemand_service_results":[{"result":"SUCCESS"},{"result":"AUDIT","error_code":""}]}`, Success, FromBody, ""},
		{"some to on-demand", v2(), 200, `{"to_ondemand_service_results":[{"result":"SUCCESS"},{"result":"FAIL"}]}`, Partial, FromBody, ""},
		{"code only, to on-demand", v2(), 200, `{"to_ondemand_service_results":[{"error_code":"CBC.1"}]}`, Partial, FromBody, ""},
		{"unknown result, to on-demand", v2(), 200, `{"to_ondemand_service_results":[{"result":"REVOKED"}]}`, Partial, FromBody, ""},
		{"failure goes before partial", v2(), 200, `{"error_details":[{}],"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"v1 success", v1(), 200, `{"error_code":"CBC.0000","error_msg":"success"}`, Success, FromBody, ""},
		{"v1 failure in a 200", v1(), 200, `{"error_code":"CBC.5003","error_msg":"balance too low"}`, Failure, FromBody, "CBC.5003"},
		{"v1 partial", v1(), 200, `{"error_code":"CBC.0000","fail_resource_infos":[1]}`, Partial, FromBody, ""},
		{"v1 without a code", v1(), 200, `{"orders":[]}`, Unread, FromStatus, ""},
		{"v1 empty", v1(), 200, "", Unread, FromStatus, ""},
		{"v1 no content", v1(), 204, "", Success, FromStatus, ""},
		{"declared, unsigned", internal, 200, `{"error_code":"X"}`, Success, FromStatus, ""},
		{"declared, unsigned, not modified", internal, 304, "", Success, FromStatus, ""},
		{"declared, unsigned, redirect", internal, 302, `<html>`, Success, FromStatus, ""},
		{"declared, signed, redirect", signed, 302, `{}`, Failure, FromStatus, ""},
		{"declared, unsigned, failure", internal, 404, `{"error_code":"X"}`, Failure, FromStatus, ""},
		{"declared, signed", signed, 200, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ReadAnswer(test.op, nil, test.status, "application/json", []byte(test.body))
			if got.Result != test.result || got.From != test.from || got.ErrorCode != test.code {
				t.Errorf("%+v, want %s from %s, code %q", got, test.result, test.from, test.code)
			}
		})
	}
}

// What a read answers below 400 counts by its status, unless the operation has members for the record there, error_code in every answer
// or a list of failed items.
func TestReadsByStatus(t *testing.T) {
	plain := catalog.Operation{Site: "cn", Method: "GET", Effect: catalog.Read, Class: catalog.ClassCustomer}
	recorded, listing, old, writes, spends, signed := plain, plain, plain, plain, plain, plain
	recorded.Answer, listing.ItemList, old.CodeAlways = fieldsOfAnswer, true, true
	writes.Effect, spends.Effect, signed.Site = catalog.Write, catalog.Spend, ""
	for _, test := range []struct {
		name   string
		op     *catalog.Operation
		status int
		body   string
		result string
		from   string
		code   string
	}{
		{"read", &plain, 200, `{}`, Success, FromStatus, ""},
		{"declared read", &signed, 200, `{}`, Success, FromStatus, ""},
		{"read, no JSON", &plain, 200, `<html>`, Success, FromStatus, ""},
		{"read, empty", &plain, 200, ``, Success, FromStatus, ""},
		{"read, code in a 200", &plain, 200, `{"error_code":"CBC.1","error_msg":"x"}`, Success, FromStatus, ""},
		{"read, 399", &plain, 399, `{"error_code":"CBC.1"}`, Failure, FromStatus, ""},
		{"read, 400", &plain, 400, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"read, 500", &plain, 500, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"declared read, 404", &signed, 404, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"read with fields", &recorded, 200, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"read with a list", &listing, 200, `{"fail_resource_infos":[{"resource_id":"r"}]}`, Partial, FromBody, ""},
		{"read of the old API", &old, 200, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"read of the old API without a code", &old, 200, `{}`, Unread, FromStatus, ""},
		{"write", &writes, 200, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"spend", &spends, 200, `{"error_code":"CBC.1"}`, Failure, FromBody, "CBC.1"},
		{"spend, no JSON", &spends, 200, `<html>`, Unread, FromStatus, ""},
	} {
		got := ReadAnswer(test.op, nil, test.status, "application/json", []byte(test.body))
		if got.Result != test.result || got.From != test.from || got.ErrorCode != test.code || got.From == FromStatus && got.RequestID != "" {
			t.Errorf("%s: %+v, want %s from %s, code %q", test.name, got, test.result, test.from, test.code)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for contentType, want := range map[string]string{
		"":                                Failure,
		"application/json":                Failure,
		"Application/JSON; charset=UTF-8": Failure,
		"application/json;charset=utf-8":  Failure,
		"application/json;charset=utf8":   Failure,
		"application/problem+json":        Failure,
		"text/plain":                      Failure,
		"application/json; charset=gbk":   Unread,
		"application/json; charset":       Unread,
		"text/html":                       Unread,
		"application/octet-stream":        Unread,
	} {
		if got := ReadAnswer(v2(), nil, 200, contentType, []byte(`{"error_code":"CBC.1"}`)); got.Result != want {
			t.Errorf("%q: %+v, want %s", contentType, got, want)
		}
	}
}

func TestIsUTF8(t *testing.T) {
	for _, charset := range []string{"utf-8", "UTF-8", " utf8\t", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "X-UNICODE20UTF8", "us-ascii"} {
		if !IsUTF8(charset) {
			t.Errorf("%q is not UTF-8", charset)
		}
	}
	for _, charset := range []string{"", "utf", "utf-7", "utf-16", "utf-8-sig", "utf 8", "latin1", "gbk", "cesu-8", "\u00a0utf-8"} {
		if IsUTF8(charset) {
			t.Errorf("%q is UTF-8", charset)
		}
	}
}

func TestAnswerFields(t *testing.T) {
	got := ReadAnswer(v2(), nil, 200, "", []byte(`{"transfer_id":12,"order_ids":["o1","o2",null],"request_id":"r-1","fail_resource_infos":[{"resource_id":"r2"},{"x":{"resource_id":"no"}}],"x":{"transfer_id":"no"}}`))
	if want := "transfer_id=12 order_ids[]=o1,o2 fail_resource_infos[].resource_id=r2"; show(got.Fields) != want || got.Result != Partial || got.RequestID != "r-1" {
		t.Errorf("%+v, want %s", got, want)
	}
	if got.Fields[0].Kind != catalog.FieldTransaction {
		t.Errorf("kind %q", got.Fields[0].Kind)
	}
	got = ReadAnswer(v2(), nil, 200, "", []byte(`{"request_id":"a b"}`))
	if got.RequestID != "" {
		t.Errorf("request id %q", got.RequestID)
	}
}

func TestMessages(t *testing.T) {
	for body, want := range map[string]string{
		`{"error_code":"X","error_msg":" two\r\nlines\u0000\u2028\u202e\u0085 "}`:    "two  lines",
		`{"error_code":"X","error_msg":["a"]}`:                                       "",
		`{"error_code":"X","error_msg":"` + strings.Repeat("a", 300) + `"}`:          strings.Repeat("a", 256),
		`{"error_code":"X","error_msg":"` + strings.Repeat("a", 254) + "余额不足" + `"}`: strings.Repeat("a", 254),
		`{"error_code":"X","error_msg":"` + strings.Repeat("a", 250) + "余额不足" + `"}`: strings.Repeat("a", 250) + "余额",
		`{"error_msg":"no code"}`: "no code",
	} {
		got := ReadAnswer(v2(), nil, 400, "", []byte(body)).Message
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%.60s: %q, want %q", body, got, want)
		}
	}
	if got := ReadAnswer(v1(), nil, 200, "", []byte(`{"error_code":"CBC.0000","error_msg":"success"}`)); got.Message != "" {
		t.Errorf("a success has the message %q", got.Message)
	}
	sensitive := v2()
	sensitive.Sensitive = true
	if got := ReadAnswer(sensitive, nil, 400, "", []byte(`{"error_code":"CBC.1","error_msg":"password s3cr3t is too short"}`)); got.Message != "" || got.ErrorCode != "CBC.1" {
		t.Errorf("%+v", got)
	}
}
