package http1_test

import (
	"strings"
	"testing"

	"tollgate/http1"
)

// usualHead is that of a call as the provider's SDKs send it.
const usualHead = "GET /v2/accounts/customer-accounts/balances HTTP/1.1\r\nHost: tollgate.example.com\r\nUser-Agent: huaweicloud-usdk-go/3.0\r\n" +
	"Accept: application/json\r\nContent-Type: application/json;charset=utf8\r\nX-Sdk-Date: 20261130T100000Z\r\n" +
	"Authorization: SDK-HMAC-SHA256 Access=BENCHACCESSKEY000001, SignedHeaders=content-type;host;x-sdk-date, " +
	"Signature=6b0f5f0a1e0c8d4a2a6d1f7f5d1f0b1e6b0f5f0a1e0c8d4a2a6d1f7f5d1f0b1e\r\n\r\n"

func BenchmarkReadRequestHead(b *testing.B) {
	source := strings.NewReader(usualHead)
	var r http1.Reader
	r.Reset(source, http1.Limits{Line: 8 << 10, Head: 64 << 10, Fields: 100})
	r.Lend(make([]byte, 4<<10))
	var head http1.RequestHead
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(usualHead)
		if err := r.ReadRequestHead(&head); err != nil {
			b.Fatal(err)
		}
	}
}
