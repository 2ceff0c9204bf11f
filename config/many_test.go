package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tollgate/config/strictyaml"
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

// TestManyCallers: what loading costs grows with the file. It allocates 95 MB; 310 MB if the parser
// reads all of it in chunks, and 800 MB as a whole.
func TestManyCallers(t *testing.T) {
	const callers, most = 10_000, 200 << 20
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

// writeMany writes a configuration of n callers, whose secrets are in files, in as many included files; 0: all are in the main one.
func writeMany(tb testing.TB, n, files int) (main string) {
	tb.Helper()
	head, callers, _ := strings.Cut(string(manyCallers(n)), "callers:\n")
	callers = strings.ReplaceAll(callers, "{env: SECRET_OF_APP_", "{file: s/")
	tree := map[string]string{"main.yaml": head + "include: [d]\n", "d/.keep": ""}
	for i := range n {
		tree[fmt.Sprintf("s/%d", i)] = fmt.Sprintf("0123456789abcdef01234567-%d\n", i)
	}
	if files == 0 {
		tree["main.yaml"] = head + "callers:\n" + callers
	}
	entries := strings.SplitAfter(callers, "acme}]\n")
	for i := range files {
		tree[fmt.Sprintf("d/%03d.yaml", i)] = "callers:\n" + strings.Join(entries[i*n/files:(i+1)*n/files], "")
	}
	return filepath.Join(writeTree(tb, tree), "main.yaml")
}

// BenchmarkLoad loads 10,000 callers with a key in a file and a grant each, in one file and in several.
func BenchmarkLoad(b *testing.B) {
	for _, files := range []int{0, 1, 10, 1000} {
		b.Run(fmt.Sprintf("%d included", files), func(b *testing.B) {
			main := writeMany(b, 10_000, files)
			b.ReportAllocs()
			for b.Loop() {
				if c, err := Load(main, withEnvironment()); err != nil || len(c.Callers) != 10_000 {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestManyUnknownNames: each is reported, and for the first of them the right one is looked for; for thousands among thousands that took minutes.
func TestManyUnknownNames(t *testing.T) {
	text := strings.ReplaceAll(string(manyCallers(2*maxSuggested)), "credential: acme", "credential: acne")
	_, err := Parse("f", []byte(text), t.TempDir(), withEnvironment())
	problems, ok := errors.AsType[*strictyaml.Errors](err)
	if !ok {
		t.Fatal(err)
	}
	reported, suggested := 0, 0
	for _, p := range problems.Problems {
		if strings.HasPrefix(p.Message, `there is no credential "acne"`) {
			reported++
		}
		if p.Suggestion != "" {
			suggested++
		}
	}
	if reported != 2*maxSuggested || suggested != maxSuggested {
		t.Errorf("%d reported, %d with a suggestion", reported, suggested)
	}
}
