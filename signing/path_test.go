package signing

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for raw, want := range map[string]string{
		"/":                             "/",
		"/v2/orders/customer-orders":    "/v2/orders/customer-orders",
		"/a/b.c/..d/e..":                "/a/b.c/..d/e..",
		"/...":                          "/...",
		"/r/1%20x@y":                    "/r/1 x@y",
		"/!$&'()*+,=:@-._~":             "/!$&'()*+,=:@-._~",
		"/%21%24%26%27%28%29%2A%2B%2C":  "/!$&'()*+,",
		"/%e4%b8%ad/%E6%96%87":          "/中/文",
		"/100%25":                       "/100%",
		"/100%25zz":                     "/100%zz",
		"/a+b":                          "/a+b",
		"/%3F%23":                       "/?#",
		"/" + strings.Repeat("a", 8191): "/" + strings.Repeat("a", 8191),
	} {
		if got, err := ParsePath(raw); err != nil || got != want {
			t.Errorf("ParsePath(%.40q) = %.40q, %v, want %.40q", raw, got, err, want)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, test := range []struct {
		raw    string
		offset int
		msg    string // part of it
	}{
		{"", 0, "does not start"},
		{"v2", 0, "does not start"},
		{"*", 0, "does not start"},
		{"http://h/", 0, "does not start"},
		{"/a%2Fb", 2, "slash"},
		{"/a%2fb", 2, "slash"},
		{"/a%5Cb", 2, "backslash"},
		{`/a\b`, 2, "backslash"},
		{"/a%00", 2, "escaped control"},
		{"/a%0A", 2, "escaped control"},
		{"/a%7F", 2, "escaped control"},
		{"/a\x00", 2, "control"},
		{"/a\n", 2, "control"},
		{"/%C2%85", 1, "control"},
		{"/a;b", 2, `";"`},
		{"/a%3Bb", 2, `";"`},
		{"/a/;v=1/b", 3, `";"`},
		{"/.", 1, `".."`},
		{"/a/./b", 3, `".."`},
		{"/a/../b", 3, `".."`},
		{"/a/..", 3, `".."`},
		{"/a/%2e%2E/b", 3, `".."`},
		{"/a/.%2e/b", 3, `".."`},
		{"/a/%2e/b", 3, `".."`},
		{"//", 1, "empty"},
		{"//a", 1, "empty"},
		{"/a//b", 3, "empty"},
		{"/a/", 2, "ends in a slash"},
		{"/a%", 2, "two hex"},
		{"/a%2", 2, "two hex"},
		{"/a%2/b", 2, "two hex"},
		{"/a%zz", 2, "two hex"},
		{"/a%u0041", 2, "two hex"},
		{"/%ff", 1, "UTF-8"},
		{"/a%C3/b", 2, "UTF-8"},
		{"/%C0%AF", 1, "UTF-8"},      // overlong slash
		{"/%ED%A0%80", 1, "UTF-8"},   // surrogate
		{"/ab%E4%B8x", 3, "UTF-8"},   // cut short
		{"/中", 1, "outside ASCII"},   // bare
		{"/a\xff", 2, "outside ASC"}, // bare
		{"/a b", 2, "escaped"},
		{"/a?b", 2, "escaped"},
		{"/a#b", 2, "escaped"},
		{`/a"b`, 2, "escaped"},
		{"/a<b", 2, "escaped"},
		{"/[a]", 1, "escaped"},
		{"/{a}", 1, "escaped"},
		{"/a|b", 2, "escaped"},
		{"/a^b", 2, "escaped"},
		{"/%252e", 1, "twice"},
		{"/a%20%252F", 5, "twice"},
		{"/" + strings.Repeat("a", 8192), 8192, "longer"},
	} {
		decoded, err := ParsePath(test.raw)
		var target *TargetError
		if !errors.As(err, &target) {
			t.Errorf("ParsePath(%.40q) = %.40q, %v, want a TargetError", test.raw, decoded, err)
			continue
		}
		if target.Part != "path" || target.Offset != test.offset || !strings.Contains(err.Error(), test.msg) {
			t.Errorf("ParsePath(%.40q): %v, want byte %d and %q", test.raw, err, test.offset, test.msg)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	for decoded, want := range map[string]string{
		"":                                     "/",
		"/":                                    "/",
		"/a/":                                  "/a/",
		"/v2/orders":                           "/v2/orders",
		"/a b":                                 "/a%20b",
		"/:@!$&'()+,;=*":                       "/%3A%40%21%24%26%27%28%29%2B%2C%3B%3D%2A",
		"/-_.~":                                "/-_.~",
		"/中文":                                  "/%E4%B8%AD%E6%96%87",
		"/100%":                                "/100%25",
		`/"<>\^` + "`{|}[]?#" + "\x00\x7f\xff": "/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D%3F%23%00%7F%FF",
	} {
		if got := CanonicalPath(decoded); got != want {
			t.Errorf("CanonicalPath(%q) = %q, want %q", decoded, got, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/v2/orders", "/a%20b/%e4%b8%ad", "/a%2Fb", "/..", "/%252e", "/a/", "/;", "/%C0%AF"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		decoded, err := ParsePath(raw)
		if err != nil {
			var target *TargetError
			if !errors.As(err, &target) || target.Offset < 0 || target.Offset > len(raw) {
				t.Fatalf("ParsePath(%q): %v", raw, err)
			}
			return
		}
		// Whatever is accepted net/url must read the same, and cleaning must not change it: that is how Go services behind us see it.
		if u, err := url.ParseRequestURI(raw); err != nil || u.Path != decoded || u.RawQuery != "" || path.Clean(decoded) != decoded {
			t.Fatalf("%q decodes to %q here, net/url reads %+v, %v", raw, decoded, u, err)
		}
		canonical := CanonicalPath(decoded)
		if len(canonical) > maxPath { // escaping can make it longer than what is accepted
			return
		}
		again, err := ParsePath(canonical)
		if err != nil || again != decoded || CanonicalPath(again) != canonical {
			t.Errorf("%q decodes to %q, sent as %q, which decodes to %q, %v", raw, decoded, canonical, again, err)
		}
		for segment := range strings.SplitSeq(strings.TrimPrefix(decoded, "/"), "/") {
			if decoded != "/" && (segment == "" || segment == "." || segment == "..") || strings.ContainsAny(segment, "\\;\x00\n\r") {
				t.Errorf("%q decodes to %q", raw, decoded)
			}
		}
	})
}
