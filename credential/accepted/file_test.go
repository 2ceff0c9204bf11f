package accepted

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/credential"
)

const line = "AK1 0123456789abcdef\n"

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"one":  header + line,
		"two":  header + line + "AK1 0123456789abcdf0\n",
		"many": encode(many(maxEntries)),
	} {
		if got, err := parse(text); err != nil || encode(got) != text {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if n := len(encode(many(maxEntries + 1))); n != maxFile {
		t.Errorf("a file of %d bytes, want %d", n, maxFile)
	}
	if text := encode(nil); text != "" {
		t.Errorf("of nothing: %q", text)
	}
	if text := encode([]credential.Fingerprint{{}, {AccessKey: "A K"}, {AccessKey: "A\n"}, {AccessKey: strings.Repeat("A", maxAccessKey+1)}}); text != "" {
		t.Errorf("of access keys that no line can have: %q", text)
	}
}

// many are the largest entries that there are.
func many(n int) (all []credential.Fingerprint) {
	for i := range n {
		all = append(all, credential.Fingerprint{AccessKey: fmt.Sprintf("%0*d", maxAccessKey, i)})
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"no lines":        header,
		"no header":       line,
		"another version": strings.Replace(header, "1", "2", 1) + line,
		"no end":          header + strings.TrimSuffix(line, "\n"),
		"cut":             header + line[:len(line)-3],
		"no access key":   header + strings.TrimPrefix(line, "AK1"),
		"control":         header + "AK\x01" + line,
		"capitals":        header + "AK1 0123456789ABCDEF\n",
		"no digits":       header + "AK1 0123456789abcdeg\n",
		"short":           header + "AK1 0123456789abcd\n",
		"long":            header + "AK1 0123456789abcdef01\n",
		"two blanks":      header + "AK1  0123456789abcdef\n",
		"trailing blank":  header + "AK1 0123456789abcdef \n",
		"carriage return": header + "AK1 0123456789abcdef\r\n",
		"empty line":      header + "\n" + line,
		"twice":           header + line + line,
		"out of order":    header + line + "AK0 0123456789abcdef\n",
		"zeros behind":    header + line + "\x00\x00",
		"too many":        encode(many(maxEntries)) + "z 0123456789abcdef\n",
	} {
		if got, err := parse(text); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzParse holds the parser against the writer: what is read is written the same, and says nothing twice.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", header, header + line, header + line + line, header + line + "AK2 ffffffffffffffff\n", "AK1", header + "A B 0123456789abcdef\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse(text)
		if err != nil {
			if len(all) > 0 {
				t.Errorf("%v beside %v", all, err)
			}
			return
		}
		if encode(all) != text || len(text) > maxFile || strings.Count(text, "\n") != len(all)+1 {
			t.Errorf("%q is written as %q", text, encode(all))
		}
		if !slices.IsSortedFunc(all, func(a, b credential.Fingerprint) int { return cmp.Or(order(a, b), -1) }) {
			t.Errorf("not in order: %v", all)
		}
	})
}
