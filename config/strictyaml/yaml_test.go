package strictyaml

import (
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/lexer"
)

// TestColonsInBraces is about a fault of the lexer: see joinPlain.
func TestColonsInBraces(t *testing.T) {
	for text, want := range map[string]string{
		`{x: [effect:read, "*"]}`:      `{ x : [ effect:read , * ] }`,
		`{x: [site:cn,effect:read]}`:   `{ x : [ site:cn , effect:read ] }`,
		`{x: [::1, a:b:c, :80]}`:       `{ x : [ ::1 , a:b:c , :80 ] }`,
		`{x: [1:2], y: z}`:             `{ x : [ 1:2 ] , y : z }`,
		`{"x":1, y: 2}`:                `{ x : 1 , y : 2 }`,
		`{x: [a: b]}`:                  `{ x : [ a : b ] }`,
		`{x: {y: [é:ü]}}`:              `{ x : { y : [ é:ü ] } }`,
		`{url: http://x:80/y:z}`:       `{ url : http://x:80/y:z }`,
		`{x: [unix:/run/x, true:yes]}`: `{ x : [ unix:/run/x , true:yes ] }`,
	} {
		var got []string
		for _, token := range joinPlain(lexer.Tokenize(text)) {
			got = append(got, token.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", text, strings.Join(got, " "), want)
		}
	}
}

// TestBounds: inputs that would cost the YAML parser time or stack are refused before it.
func TestBounds(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"large file", strings.Repeat("#", MaxFile+1), "larger than 4 MiB"},
		{"keys where no piece ends", "- a\n" + strings.Repeat("b: c\n", maxSiblings+1), "more than 16384 keys"},
		{"keys without values", "a: {" + strings.Repeat("b, c: ,", 4000) + "}", "more than 4096 keys without a value"},
		{"flow depth", strings.Repeat("[", 30_000), "levels deep"},
		{"list depth", strings.Repeat("- ", 30_000), "levels deep"},
		{"complex keys", strings.Repeat("? ", 30_000), "not supported"},
		{"indentation", deepIndentation(1000), "levels deep"},
		{"not UTF-8", "listeners: \xff\xfe", "f:1:12: the file is not UTF-8"},
		{"truncated UTF-8", "a: b\nlisteners: \xef\xbf", "f:2:"},
		{"NUL", "listeners: \x00", "listeners"},
		{"carriage return", "a: b # c\rsecrets: d\n", "f:1:9: a carriage return without a line feed"},
		{"carriage return at the end", "a: b\r", "f:1:5: a carriage return without a line feed"},
		{"lines of Windows", "# c\r\n# d\r\nxyz: b\r\n", "f:3:1: unknown key"},
		{"only a colon", ":", "f:1:1"},
		{"after the end", "a: b\n...\n# c\nd: e\n", "f:2:1: several YAML documents"},
		{"only a directive", "%YAML 1.2\n", "directives"},
	} {
		_, err := decode(test.text)
		var problems *Errors
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %.300v, want *Errors with %q", test.name, err, test.want)
			continue
		}
		if len(problems.Problems) > maxProblems || len(err.Error()) > 200_000 {
			t.Errorf("%s: %d problems in %d bytes", test.name, len(problems.Problems), len(err.Error()))
		}
	}
}

func deepIndentation(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestManyProblems shows that the list of problems is bounded, and says so.
func TestManyProblems(t *testing.T) {
	_, err := decode("x: y\n" + strings.Repeat("audit: {}\n", 5000))
	var problems *Errors
	if !errors.As(err, &problems) || len(problems.Problems) != maxProblems || !strings.HasSuffix(err.Error(), "perhaps more") {
		t.Errorf("got %.200v", err)
	}
	if n := strings.Count(err.Error(), "given twice"); n > maxPrinted {
		t.Errorf("%d problems are printed", n)
	}
}
