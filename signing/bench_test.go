package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/http"
	"testing"

	"tollgate/internal/secret"
)

// What a signature costs besides its hashes is BenchmarkSign minus BenchmarkHashes: the same bytes through SHA-256 and a
// kept HMAC state, twice hex, nothing else. The payload hash is given in all of them, so a GET and a POST of 1 KB differ
// by the length of the canonical request only; BenchmarkHashHex is what the body adds.

func BenchmarkHashes(b *testing.B) {
	r := testRequest()
	canonical, text := appendCanonical(nil, r), appendStringToSign(nil, "20240102T030405Z", [32]byte{})
	var mac hash.Hash = hmac.New(sha256.New, []byte(testSecret))
	sum := make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		_ = sha256.Sum256(canonical)
		mac.Reset()
		mac.Write(text)
		sum = mac.Sum(sum[:0])
	}
}

func BenchmarkSign(b *testing.B) {
	get := &Request{
		Method: "GET", Path: "/v2/orders/customer-orders", Query: "customer_id=c-17&limit=10&offset=0",
		Headers: []Header{{"host", "bss.myhuaweicloud.com"}, {"x-domain-id", "0123456789abcdef"}}, PayloadHash: EmptyHash,
	}
	for name, r := range map[string]*Request{"GET": get, "POST": undated()} {
		b.Run(name, func(b *testing.B) {
			key := testKey()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = key.Sign(goodDate, *r, Account{})
			}
		})
	}
}

// BenchmarkSignParallel shows whether callers wait for each other: run with -cpu 1,2.
func BenchmarkSignParallel(b *testing.B) {
	key := testKey()
	b.RunParallel(func(pb *testing.PB) {
		for r := undated(); pb.Next(); {
			_, _ = key.Sign(goodDate, *r, Account{})
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, r := testKey(), testRequest()
	good := &Claim{Signature: signature(b, key, r), DateText: goodDateText}
	b.ReportAllocs()
	for b.Loop() {
		key.Verify(*r, good)
	}
}

func BenchmarkNewKey(b *testing.B) {
	for b.Loop() {
		_, _ = SDK.NewKey("AK", secret.New(testSecret)).Sign(goodDate, *undated(), Account{})
	}
}

func BenchmarkHashHex(b *testing.B) {
	body := make([]byte, 1024)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		_ = HashHex(body)
	}
}

func BenchmarkPath(b *testing.B) {
	for name, raw := range map[string]string{"plain": "/v2/orders/customer-orders/details/CS2401010000AAAAA", "escaped": "/r/1%20x@y"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decoded, _ := ParsePath(raw)
				_ = CanonicalPath(decoded)
			}
		})
	}
}

func BenchmarkQuery(b *testing.B) {
	for name, raw := range map[string]string{
		"empty": "", "canonical": "customer_id=c-17&limit=10&offset=0", "unsorted": "offset=0&limit=10&name=a+b",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ParseQuery(raw)
			}
		})
	}
}

func BenchmarkParseClaim(b *testing.B) {
	header := http.Header{
		"Authorization": {"SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=" + goodSignature}, "X-Sdk-Date": {goodDateText},
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = SDK.ParseClaim(header)
	}
}
