package config

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// manyCallers is a configuration of n callers, with an access key and a grant each.
func manyCallers(n int) []byte {
	var b strings.Builder
	b.WriteString("listeners: [{name: l, address: 127.0.0.1:8080, upstreams: [bss]}]\n" +
		"upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn, sign: true}}\n" +
		"credentials: {acme: {class: customer, upstream: bss, access_key: {env: AK}, secret_key: {env: SK}}}\n" +
		"audit: {dir: /var/lib/tollgate/audit}\n" +
		"callers:\n")
	for i := range n {
		fmt.Fprintf(&b, "  app-%d:\n    auth: [{access_key: {id: TGAPP%d, secret: {env: SECRET_OF_APP_%d}}}]\n"+
			"    grants: [{operations: [PayOrders, ListCustomerOrders], credential: acme}]\n", i, i, i)
	}
	return []byte(b.String())
}

func withEnvironment() Options {
	return Options{Secrets: true, LookupEnv: func(name string) (string, bool) { return "0123456789abcdef01234567-" + name, true }}
}

// TestManyCallers: what loading costs grows with the file. It allocates 320 MB; 800 MB if the parser reads the callers as a whole, and copies
// those behind each.
func TestManyCallers(t *testing.T) {
	const callers, most = 10_000, 650 << 20
	text := manyCallers(callers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := Parse("f", text, t.TempDir(), withEnvironment())
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("%d bytes are allocated, want at most %d", took, most)
	}
	if n := len(c.Callers); n != callers {
		t.Errorf("%d callers, want %d", n, callers)
	}
}

// BenchmarkLoad loads 10,000 callers with a key and a grant each, and says what they come to, as `tollgate check` does.
func BenchmarkLoad(b *testing.B) {
	text := manyCallers(10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := Parse("f", text, ".", withEnvironment())
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Describe(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
