package bss

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/digest"
)

func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"amount":"99.90","customer_id":"c-17"}`, `{"amount":1e400,"resource_ids":["a",2,null]}`, `{"Amount":1}`, `{"amount":1,"amount":2}`,
		`{"coupon_infos":[{"id":"x","type":1}]}`, `{"coupon_infos[].id":1}`, `{"\u0061mount":{}}`, `[{"customer_ids":["a"]}]`, `{"":{"amount":1}}`,
		`{"amount":" 777777"}`, `{"amount":"777780f"}`, `{"amount":true}`, `{"amount":1e41}`, `{"amount":""}`, `{"amount":"` + strings.Repeat("9", 1025) + `"}`,
		`{"resource_ids":["x"` + strings.Repeat(`,"a"`, 120) + `]}`, "{\"\u017f\":1}", `{"a":1}x`,
	} {
		f.Add("customer_id=c&amount=1", []byte(seed))
		f.Add("", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		before := bytes.Clone(body)
		got, err := ReadRequest(spend(), nil, pairs(query), body)
		again, errAgain := ReadRequest(spend(), nil, pairs(query), body)
		if !reflect.DeepEqual(got, again) || !reflect.DeepEqual(err, errAgain) || !bytes.Equal(body, before) {
			t.Fatalf("not stable: %+v, %v; %+v, %v", got, err, again, errAgain)
		}
		var bad *BodyError
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("error of type %T", err)
		}
		lenient, errLenient := ReadRequest(read("POST"), nil, pairs(query), body)
		if errLenient != nil || err != nil && (lenient.Accounts.Ambiguous.IsZero() || lenient.Fields != nil) {
			t.Fatalf("spend: %v, read: %+v, %v", err, lenient, errLenient)
		}
		for _, field := range got.Fields {
			for _, v := range field.Values {
				if len(v) > maxValueBytes || query == "" && !utf8.ValidString(v) {
					t.Errorf("recorded %q", v)
				}
			}
			judged(t, field)
		}
		if err == nil && query == "" && len(body) > 0 {
			compare(t, got, body)
		}
	})
}

// judged holds what is said of a field against its values: where nothing is omitted or unsummed, each amount is a number.
func judged(t *testing.T, field Value) {
	t.Helper()
	unsummed := 0
	for _, v := range field.Values {
		if _, err := decimal.Parse(v); err != nil && field.Kind == catalog.FieldAmount {
			unsummed++
		}
	}
	if field.Unsummed < unsummed || field.Unsummed > unsummed+field.Omitted {
		t.Errorf("%s: %d of %q unsummed, %d omitted", field.Name, field.Unsummed, field.Values, field.Omitted)
	}
	if (field.AllHash != "") != (field.Omitted > 0) {
		t.Errorf("%s: hash %q, %d omitted", field.Name, field.AllHash, field.Omitted)
	}
}

// compare holds what was recorded against encoding/json, which ignores case and takes the last of equal names: whatever
// such a reader behind us sees must be what the log shows.
func compare(t *testing.T, got Request, body []byte) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var theirs struct {
		Amount       any   `json:"amount"`
		CustomerID   any   `json:"customer_id"`
		ResourceIDs  []any `json:"resource_ids"`
		CustomerIDs  []any `json:"customer_ids"`
		CouponsInfos []struct {
			ID any `json:"id"`
		} `json:"coupon_infos"`
		Agent struct {
			OrderID any `json:"order_id"`
		} `json:"agent"`
	}
	if err := dec.Decode(&theirs); err != nil {
		t.Fatalf("accepted %q, but encoding/json says %v", body, err)
	}
	want, everything := map[string][]string{}, map[string][]string{}
	add := func(name string, values ...any) {
		for _, v := range values {
			if v == nil {
				continue
			}
			everything[name] = append(everything[name], fmt.Sprint(v))
			if len(fmt.Sprint(v)) <= maxValueBytes && len(want[name]) < maxValues {
				want[name] = append(want[name], fmt.Sprint(v))
			}
		}
	}
	add("amount", theirs.Amount)
	add("customer_id", theirs.CustomerID)
	add("resource_ids[]", theirs.ResourceIDs...)
	add("agent.order_id", theirs.Agent.OrderID)
	for _, c := range theirs.CouponsInfos {
		add("coupon_infos[].id", c.ID)
	}
	ours := map[string][]string{}
	for _, f := range got.Fields {
		if f.Name != "coupon_infos[].type" && len(f.Values) > 0 {
			ours[f.Name] = f.Values
		}
		bytes, hash := digest.Of(everything[f.Name])
		if f.Omitted > 0 && everything[f.Name] != nil && (f.AllBytes != bytes || f.AllHash != hash) {
			t.Errorf("%s: %d bytes, hash %s of %q", f.Name, f.AllBytes, f.AllHash, everything[f.Name])
		}
	}
	if !reflect.DeepEqual(ours, want) {
		t.Errorf("recorded %q, encoding/json reads %q from %q", ours, want, body)
	}
	if got.Accounts.Ambiguous.IsZero() && theirs.CustomerID != nil && len(got.Accounts.Customers) == 0 {
		t.Errorf("encoding/json reads the customer %v from %q", theirs.CustomerID, body)
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"error_code":"CBC.5003","error_msg":"x"}`, `{"error_code":"CBC.0000"}`, `{"error_details":[{"id":1}]}`, `{"order_ids":["a"]}`, "<html>",
		`{"to_ondemand_service_results":[{"result":"FAIL"}]}`, `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail"}`,
	} {
		f.Add(200, "application/json", []byte(seed))
		f.Add(401, "", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		reads := &catalog.Operation{Site: "cn", Method: "GET", Effect: catalog.Read}
		for _, op := range []*catalog.Operation{v1(), v2(), reads} {
			got := ReadAnswer(op, nil, status, contentType, body)
			if !reflect.DeepEqual(got, ReadAnswer(op, nil, status, contentType, body)) {
				t.Fatal("not stable")
			}
			if len(got.ErrorCode) > 64 || len(got.Message) > 256 || !utf8.ValidString(got.Message) || len(got.RequestID) > 128 {
				t.Errorf("%+v", got)
			}
			if ok := status >= 200 && status <= 299; ok && got.Result == Failure && (got.From != FromBody || op == reads) || !ok && got.Result != Failure {
				t.Errorf("status %d: %+v", status, got)
			}
			if got.Result == Success && op.CodeAlways && status != 204 && got.From != FromBody {
				t.Errorf("v1 success without its code: %+v", got)
			}
		}
	})
}

// FuzzReadRejection: a code that another JSON reader finds at the top rejects, nothing that stands behind the quoted canonical
// request changes what a message means, and what the caller wrote rejects nothing where it is repeated.
func FuzzReadRejection(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "APIGW.0301", `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail, canonicalRequest:GET|frozen"}`,
		`{"error":{"code":"APIGW.0301","message":"decrypt token fail"}}`, `{"code":"CBC.0301","message":"x"}`, `[{"error_code":"IAM.0301"}]`,
		`{"error_code":"APIG.0303","error_msg":"signature expired, signature time:20230527T000431Z,server time:20230527T020608Z"}`,
		`{"timestamp":"x","status":401,"error":"Unauthorized","path":"/echo/APIG.0301"}`, `{"code":401,"message":"APIGW.0301 no key"}`,
		`{"error":{"details":[{"code":"APIG.0301"}]},"code":"401"}`, `{"error_code":"CBC.0150","data":{"code":"APIG.0301"}}`, `["APIG.0301"]`,
		`{"error_code":"APIG.0301","error_msg":"verify aksk signature fail; signature time:20260101T000000Z, server time:20260101T000001Z"}`,
	} {
		f.Add(401, []byte(seed), "ak X not exist, ", ":GET|/frozen|")
		f.Add(403, []byte(seed), "signature expired, server time:20230527T020608Z", " server time:20230527T020609Z")
	}
	f.Add(401, []byte("{}"), "", "/echo/APIG.0301?q=apigw.0301")
	f.Fuzz(func(t *testing.T, status int, body []byte, message, quoted string) {
		got, ok := ReadRejection(status, body)
		if ok && (status != 401 || got.Code == "" || got.Kind == "" || isBillingCode(got.Code)) {
			t.Errorf("status %d: %+v", status, got)
		}
		if !ok && status == 401 && len(body) < maxErrorText && topCode(body) == "APIG.0301" {
			t.Errorf("%q has the code and does not reject", body)
		}
		for _, repeated := range repeating(quoted) {
			if got, ok := ReadRejection(401, repeated, quoted); ok {
				t.Errorf("%q rejects by the caller's own words: %+v", repeated, got)
			}
		}
		short, long := errorBody(message+"canonicalRequest"), errorBody(message+"canonicalRequest"+quoted)
		want, _ := ReadRejection(401, short)
		if got, ok := ReadRejection(401, long); !ok || got != want {
			t.Errorf("%q: %+v, without the quoted request %+v", long, got, want)
		}
	})
}

// repeating are answers without a code that repeat what the caller wrote.
func repeating(callers string) [][]byte {
	deep := map[string]any{"code": callers, "message": callers}
	body, err := json.Marshal(map[string]any{"status": 401, "path": callers, "message": callers, "data": map[string]any{"request": deep}})
	if err != nil {
		panic(err)
	}
	return [][]byte{body, []byte("<html>401 for " + callers + "</html>")}
}

func errorBody(message string) []byte {
	body, err := json.Marshal(map[string]string{"error_code": "APIG.0301", "error_msg": message})
	if err != nil {
		panic(err)
	}
	return body
}

// topCode is the error_code at the top, as encoding/json reads it.
func topCode(body []byte) string {
	var members map[string]json.RawMessage
	var code string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["error_code"], &code) != nil {
		return ""
	}
	return code
}
