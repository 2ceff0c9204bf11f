package bss

import (
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/http1"
)

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
		{billing, 302, "", false, false},
		{declared, 200, "", true, false},
		{declared, 302, "", false, false},
		{declared, 404, "", false, false},
		{declared, 404, "404", false, false},
		{declared, 404, "APIG.0101", false, false},
		{declared, 400, "apigw.0106", false, false},
		{declared, 413, "APIG.0201", false, false},
		{declared, 400, "IAM.0011", false, false},
		{declared, 404, "EPS.0003", true, false},
		{declared, 409, "ORDER_EXISTS", true, false},
		{declared, 403, "CBC.0151", true, false},
		{declared, 403, "EPS.0003", false, false},
		{declared, 401, "", false, false},
		{declared, 403, "", false, false},
		{declared, 429, "", false, false},
		{declared, 503, "", false, true},
	} {
		if got := ReachedService(test.op, test.status, test.code); got != test.reached {
			t.Errorf("site %q, %d %s: reached the service: %t", test.op.Site, test.status, test.code, got)
		}
		if got := GaveUpOnTheWay(test.status, test.code); got != test.gaveUp {
			t.Errorf("%d %s: stopped on the way: %t", test.status, test.code, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	long := strings.Repeat("r", 129)
	for want, header := range map[string]http1.Fields{
		"a":        {{Name: "X-Request-Id", Value: "a"}, {Name: "X-Iam-Trace-Id", Value: "b"}},
		"b":        {{Name: "X-Iam-Trace-Id", Value: "b"}},
		"body":     {},
		long[:128]: {{Name: "X-Request-Id", Value: long}},
	} {
		if got := RequestID(header, &Outcome{RequestID: "body"}); got != want {
			t.Errorf("%v: %q, want %q", header, got, want)
		}
	}
}
