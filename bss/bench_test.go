package bss

import (
	"strings"
	"testing"

	"tollgate/catalog"
)

// BenchmarkReadRequest is one pass over the body plus what is recorded; it does not depend on how many fields the
// catalog names until members are compared with them.
func BenchmarkReadRequest(b *testing.B) {
	for name, body := range map[string]string{
		"payment": `{"order_id":"CS2401010000AAAAA","customer_id":"c-17","amount":"99.90","coupon_infos":[{"id":"CP1","type":300}]}`,
		"long":    `{"order_id":"CS1","memo":"` + strings.Repeat("0123456789abcdef", 4<<10) + `"}`,
		"64KB":    `{"resource_ids":["` + strings.Repeat(`0123456789abcdef","`, 3600) + `x"]}`,
	} {
		b.Run(name, func(b *testing.B) {
			op, bytes := spend(), []byte(body)
			b.SetBytes(int64(len(bytes)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ReadRequest(op, nil, nil, bytes)
			}
		})
	}
}

// BenchmarkHostileNames is the worst that a body can do to the search for duplicate names: full objects of short names.
func BenchmarkHostileNames(b *testing.B) {
	body := []byte("[" + strings.Repeat(members(256)+",", 400) + "0]")
	op := &catalog.Operation{Site: "cn", Method: "POST", Effect: catalog.Spend}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		_, _ = ReadRequest(op, nil, nil, body)
	}
}

func BenchmarkReadAnswer(b *testing.B) {
	op, body := v2(), []byte(`{"order_ids":["CS1","CS2"],"fail_resource_infos":[{"resource_id":"r1","error_code":"CBC.1","error_msg":"x"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = ReadAnswer(op, nil, 200, "application/json", body)
	}
}
