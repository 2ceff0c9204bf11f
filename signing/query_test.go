package signing

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestParseQuery(t *testing.T) {
	for _, test := range []struct {
		raw, pairs, canonical string
	}{
		{"", "", ""},
		{"a", "a=", "a="},
		{"a=", "a=", "a="},
		{"a=b=c", "a=b=c", "a=b%3Dc"},
		{"limit=10&offset=0", "limit=10|offset=0", "limit=10&offset=0"},
		{"b=2&b=10&b=1&a", "b=2|b=10|b=1|a=", "a=&b=1&b=10&b=2"},
		{"ab=1&a-b=1&a.b=1&a=1&B=1", "ab=1|a-b=1|a.b=1|a=1|B=1", "B=1&a=1&a-b=1&a.b=1&ab=1"}, // not by "name=value"
		{"&a=1&&b=2&", "a=1|b=2", "a=1&b=2"},
		{"&&", "", ""},
		{"s=a+b%2Bc%20d", "s=a b+c d", "s=a%20b%2Bc%20d"},
		{"a+b=1", "a b=1", "a%20b=1"},
		{"s=c%2520", "s=c%20", "s=c%2520"},
		{"t=~*'()!/:,@", "t=~*'()!/:,@", "t=~%2A%27%28%29%21%2F%3A%2C%40"},
		{"u=%e4%b8%ad", "u=中", "u=%E4%B8%AD"},
		{"u=中", "u=中", "u=%E4%B8%AD"},
		{"s=%3B%26%23", "s=;&#", "s=%3B%26%23"},
		{"m[a]=1", "m[a]=1", "m%5Ba%5D=1"},
		{"~=1&%C3%A9=2", "~=1|é=2", "~=1&%C3%A9=2"}, // by bytes before escaping: "~" < "é" although "%" < "~"
		{"%C3%A9=2&~=1", "é=2|~=1", "~=1&%C3%A9=2"},
		{"a=" + strings.Repeat("x", 600), "a=" + strings.Repeat("x", 600), "a=" + strings.Repeat("x", 600)},
	} {
		q, err := ParseQuery(test.raw)
		if err != nil {
			t.Errorf("ParseQuery(%q): %v", test.raw, err)
			continue
		}
		var pairs []string
		for name, value := range q.All() {
			pairs = append(pairs, name+"="+value)
		}
		if got := strings.Join(pairs, "|"); got != test.pairs || len(q.pairs) != len(pairs) {
			t.Errorf("ParseQuery(%q) has %d pairs %q, want %q", test.raw, len(q.pairs), got, test.pairs)
		}
		if got := q.Canonical(); got != test.canonical {
			t.Errorf("ParseQuery(%q).Canonical() = %q, want %q", test.raw, got, test.canonical)
		}
	}
}

func TestParseQueryRefuses(t *testing.T) {
	for _, test := range []struct {
		raw    string
		offset int
		msg    string // part of it
	}{
		{"a=1;b=2", 3, `";"`},
		{"a=1#b", 3, `"#"`},
		{"a=1 2", 3, "spaces"},
		{"a=\x00", 2, "control"},
		{"a=\r\nX: y", 2, "control"},
		{"a=\x7f", 2, "control"},
		{"a=%00", 2, "control"},
		{"a=b%0ac", 3, "control"},
		{"%0D=1", 0, "control"},
		{"a=%C2%80", 2, "control"},
		{"a=%", 2, "two hex"},
		{"a=%2", 2, "two hex"},
		{"a=%zz", 2, "two hex"},
		{"a=%2&b=3", 2, "two hex"},
		{"a%=1", 1, "two hex"},
		{"a%2=1", 1, "two hex"},
		{"x=1&a=%ff", 6, "UTF-8"},
		{"x=%20&a=%20%ff", 11, "UTF-8"},
		{"a=\xff", 2, "UTF-8"},
		{"=1", 0, "no name"},
		{"a=1&=", 4, "no name"},
		{strings.Repeat("a=1&", 257), 4 * 256, "256"},
		{"a=" + strings.Repeat("x", 16<<10), 16 << 10, "longer"},
	} {
		_, err := ParseQuery(test.raw)
		var target *TargetError
		if !errors.As(err, &target) {
			t.Errorf("ParseQuery(%.40q): %v, want a TargetError", test.raw, err)
			continue
		}
		if target.Part != "query" || target.Offset != test.offset || !strings.Contains(err.Error(), test.msg) {
			t.Errorf("ParseQuery(%.40q): %v, want byte %d and %q", test.raw, err, test.offset, test.msg)
		}
	}
	if q, err := ParseQuery(strings.Repeat("a=1&", 256)); err != nil || len(q.pairs) != 256 {
		t.Errorf("256 pairs: %d, %v", len(q.pairs), err)
	}
}

func TestQueryAllStops(t *testing.T) {
	q, err := ParseQuery("a=1&b=2")
	if err != nil {
		t.Fatal(err)
	}
	for name := range q.All() {
		if name != "a" {
			t.Errorf("went on to %q", name)
		}
		break
	}
	var zero Query
	if len(zero.pairs) != 0 || zero.Canonical() != "" {
		t.Errorf("the zero Query is not empty: %v", zero)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"", "a", "a=1&b=2", "b=2&a=1&a=0", "a+b=%2B", "&&", "a=%ff", "a;b", "é=~&~=é", "a=%25zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseQuery(raw)
		if err != nil {
			var target *TargetError
			if !errors.As(err, &target) || target.Offset < 0 || target.Offset > len(raw) {
				t.Fatalf("ParseQuery(%q): %v", raw, err)
			}
			return
		}
		if len(q.Canonical()) <= maxQuery { // escaping can make it longer than what is accepted
			again, err := ParseQuery(q.Canonical())
			if err != nil || again.Canonical() != q.Canonical() || len(again.pairs) != len(q.pairs) {
				t.Errorf("%q is sent as %q, which parses to %q, %v", raw, q.Canonical(), again.Canonical(), err)
			}
		}
		// Whatever is accepted net/url must read the same: that is how Go services behind us see it.
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q is accepted, but net/url says %v", raw, err)
		}
		for name, value := range q.All() {
			if len(values[name]) == 0 || values[name][0] != value {
				t.Fatalf("%q: %q is %q here and %q in net/url", raw, name, value, values[name])
			}
			values[name] = values[name][1:]
		}
		for name, rest := range values {
			if len(rest) > 0 {
				t.Errorf("%q: net/url reads %q=%q as well", raw, name, rest)
			}
		}
	})
}
