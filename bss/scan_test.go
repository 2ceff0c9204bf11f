package bss

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// TestScan: what RFC 8259 allows is read, and nothing else. Where it leaves a choice, we take the strict one.
func TestScan(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 5)
	for text, want := range map[string]bool{
		// Numbers.
		"0": true, "-0": true, "10": true, "-1.5": true, "0.0": true, "1e5": true, "1E+5": true, "0e-05": true, "1.25e400": true,
		strings.Repeat("9", 400): true,
		"00":                     false, "-": false, "-01": false, "+1": false, ".5": false, "1.": false, "-.5": false, "1.e5": false, "1e": false, "1e+": false,
		"0x10": false, "1_000": false, "1e5.5": false, "--1": false, "1,5": false, "NaN": false, "Infinity": false, "-Infinity": false, "١": false,

		// Literals.
		"true": true, "false": true, "null": true, "tru": false, "True": false, "nul": false, "nulll": false, "truefalse": false, "undefined": false,

		// Space: four bytes of it, and nothing that looks alike.
		" \t\r\n1 \t\r\n": true, "": false, " ": false, "\v1": false, "\f1": false, "\u00a01": false, "1\u2028": false, "\x00": false, "1\x00": false,
		"\ufeff1": false, "1\ufeff": false, "[1\ufeff]": false, "/**/1": false, "1//": false, "[1\x0c]": false,

		// Structure.
		"[]": true, "{}": true, "[ ]": true, "[1,2]": true, "[[],{}]": true, `{"a":1,"b":{}}`: true, `{"":""}`: true, `{"a":1,"a":2}`: true,
		"[": false, "]": false, "{": false, "}": false, "[1,]": false, "[,1]": false, "[1 2]": false, "[1,,2]": false, "[1": false, "[1,": false, "[}": false,
		"{]": false, `{"a"}`: false, `{"a":}`: false, `{"a":1,}`: false, `{,"a":1}`: false, `{"a" 1}`: false, `{"a":1 "b":2}`: false, `{"a"::1}`: false,
		`{a:1}`: false, `{1:1}`: false, `{null:1}`: false, `{'a':1}`: false, `{"a":1`: false, `{"a":`: false, `{"a`: false, `{"a":1;"b":2}`: false,
		"[1]]": false, "{}}": false, "1 2": false, "[] []": false, "{},": false, `"a""b"`: false, "[1:2]": false, "(1)": false,

		// Strings.
		`""`: true, `"a"`: true, `"` + long + `"`: true, "\"\x7f\"": true, `"/"`: true, `"'"`: true, `"`: false, `"a`: false, `'a'`: false, "`a`": false,
		`"` + long: false, "\"\n\"": false, "\"\t\"": false, "\"\x00\"": false, "\"\x1f\"": false, `"` + long + "\x1f" + long + `"`: false, `"` + long + `\`: false,

		// Escape sequences.
		`"\"\\\/\b\f\n\r\t"`: true, `"\u0000"`: true, `"\u00e9\u4E2d"`: true, `"\uFFFF"`: true, `"\ud83d\ude00"`: true, `"\uD83D\uDE00x"`: true, `"` + long + `\u0041"`: true,
		`"\a"`: false, `"\v"`: false, `"\e"`: false, `"\N"`: false, `"\x41"`: false, `"\'"`: false, `"\0"`: false, `"\U00000041"`: false, `"\`: false, `"\"`: false, "\"\\\n\"": false, "\"\\\u00e9\"": false,
		`"\u"`: false, `"\u004"`: false, `"\u00g0"`: false, `"\u 041"`: false, `"\u+041"`: false, `"\u00`: false, `"\u004` + "\u0661" + `"`: false, `"\u{41}"`: false,
		`"\ud800"`: false, `"\udc00"`: false, `"\ud800x"`: false, `"\ud800\n"`: false, `"\ud800\u0041"`: false, `"\ud800\ud800"`: false, `"\udc00\ud800"`: false,
		`"\ud800\udc0"`: false, `"\ud800\u"`: false, `"\ud800\udc00\udc00"`: false, `"\ud800\\udc00"`: false, `"\ud800\xdc00"`: false,

		// UTF-8.
		`"é中😀"`: true, `"` + long + `é"`: true, `{"中":"中"}`: true, "\"\ufffd\"": true, "\"\u0080\U0010ffff\"": true, "\"\ufeff\"": true,
		"\"\xff\"": false, "\"\x80\"": false, "\"\xc3\"": false, "\"\xe4\xb8\"": false, "\"\xf0\x9f\x98\"": false, "\"\xc0\xaf\"": false, "\"\xc1\xbf\"": false,
		"\"\xe0\x80\xaf\"": false, "\"\xed\xa0\x80\"": false, "\"\xed\xb0\x80\"": false, "\"\xf4\x90\x80\x80\"": false, "\"\xf5\x80\x80\x80\"": false,
		"\"\xc3\\n\xa9\"": false, `"` + long + "\xff" + long + `"`: false, "{\"\xff\":1}": false, "{\"" + long + "\xe4\":1}": false, "\xff": false, "\xc3\xa9": false,
		"\"\xc3\"\xa9": false, "\xff\xfe1\x00": false,

		// Depth.
		strings.Repeat("[", 32) + strings.Repeat("]", 32): true, strings.Repeat("[", 33) + strings.Repeat("]", 33): false,
		strings.Repeat("[", 33): false, strings.Repeat("[[],", 20) + "1" + strings.Repeat("]", 20): true,
	} {
		if _, err := events([]byte(text)); (err == nil) != want {
			t.Errorf("%.60q: %v, want it read: %v", text, err, want)
		}
	}
}

// TestScanEveryPlace puts what ends or breaks a string at every distance from its beginning and from the end of the text:
// strings are read several bytes at a time.
func TestScanEveryPlace(t *testing.T) {
	for before := range 110 {
		for after := range 12 {
			for c, valid := range map[string]bool{"": true, `\n`: true, "é": true, `\u00e9`: true, "\n": false, "\x1f": false, "\xff": false, `"`: false, `\`: after > 0} {
				content := strings.Repeat("~", before) + c + strings.Repeat(" n", after)
				if c == `\` {
					content = strings.Repeat("~", before) + `\` + strings.Repeat("n", after)
				}
				got, err := events([]byte(`"` + content + `"`))
				if (err == nil) != valid {
					t.Fatalf("%q: %v, want it read: %v", content, err, valid)
				}
				if want, _ := jsontext.AppendUnquote(nil, `"`+content+`"`); valid && got[0] != fmt.Sprintf(`value "%q`, want) {
					t.Fatalf("%q: read %s, want %q", content, got[0], want)
				}
			}
		}
	}
}

func TestFaultsSayWhere(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, " x": 1, `{"a":tru}`: 5, `[1,]`: 3, `{"a" 1}`: 5, `["abc\x"]`: 5, `"ab`: 3, `[1] x`: 4, "[\"a\nb\"]": 3, `[01]`: 1,
	} {
		_, err := events([]byte(text))
		if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf(" byte %d", want)) {
			t.Errorf("%q: %v, want byte %d", text, err, want)
		}
	}
}

// recorder is a visitor that writes down its calls.
type recorder struct {
	walker walker
	events []string
}

func (r *recorder) member(name []byte, top bool) error {
	r.events = append(r.events, fmt.Sprintf("name %q %v", name, top))
	return nil
}

func (r *recorder) value(kind kind, raw []byte) error {
	if raw != nil {
		raw = r.walker.content(kind, raw)
	}
	r.events = append(r.events, fmt.Sprintf("value %c%q", kind, raw))
	return nil
}

func events(text []byte) ([]string, error) {
	r := recorder{}
	r.walker.visitor = &r
	err := r.walker.walk(text)
	return r.events, err
}

// oracle returns what jsontext reads in a text.
func oracle(text []byte) (events []string, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	for first := true; first || dec.StackDepth() > 0; first = false {
		parent, read := dec.StackIndex(dec.StackDepth())
		isName := parent == '{' && read%2 == 0
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		if dec.StackDepth() > maxDepth {
			return nil, errors.New("too deep")
		}
		switch kind := token.Kind(); {
		case kind == '}' || kind == ']':
		case isName:
			events = append(events, fmt.Sprintf("name %q %v", token.String(), dec.StackDepth() == 1))
		case kind == '{' || kind == '[':
			events = append(events, fmt.Sprintf("value %c%q", kind, ""))
		default:
			events = append(events, fmt.Sprintf("value %c%q", kind, token.String()))
		}
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	return events, nil
}

// FuzzScan holds what we read against jsontext.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"order_id":"CS24","amount":99.90,"list":[{"id":"CP1","type":300},null,true,false,-1.5e+07,{}],"":""}`, ` [ ] `, `"\"\\\/\b\f\n\r\t\u00e9"`,
		`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `{"a":1,"a":2}`, `{"é中😀":"0123456789é0123456789"}`, "\"0123456789\xff0123456789\"", "\"\xed\xa0\x80\"",
		`"0123456789abcdef0123456789abcdef0123456789abcdef\n0123456789abcdef"`, "\"0123456789\x1f\"", `[01]`, `[1.]`, `[1e]`, `[-]`, `[1,]`, `{"a":1,}`, "\ufeff1", `1 1`, "1\x00",
		strings.Repeat("[", 32) + strings.Repeat("]", 32), strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), `nul`, `"`, `"\`, `"\u12`, `{"a"`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got, err := events(text)
		want, wantErr := oracle(text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, jsontext says %v", text, err, wantErr)
		}
		if err == nil && strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%q: read\n%s\njsontext reads\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if err == nil && !utf8.Valid(text) || !bytes.Equal(text, before) {
			t.Fatalf("%q: not UTF-8, or changed", text)
		}
	})
}
