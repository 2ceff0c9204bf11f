package calls

import (
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"tollgate/internal/text"
	"tollgate/internal/words"
)

// Sentence is a message of package words with its values. Values of type string are texts of records, which may be texts of peers; those
// of type composed have such texts in quotes already.
type Sentence struct {
	words  *words.Words
	id     string
	values values
}

type (
	values   map[string]any
	composed string
)

// Parts returns the sentence with its values apart, each up to [maxQuoted] bytes.
func (s Sentence) Parts() []words.Part {
	return s.words.Said(s.id, s.args(func(value string) string { return text.Truncate(value, maxQuoted, "…") })...)
}

// String returns the sentence as a text in which texts of peers are quoted, and nothing is left that a terminal would obey.
func (s Sentence) String() string {
	return text.Printable(s.words.Text(s.id, s.args(quoted)...), '\uFFFD')
}

// Paragraph returns sentences as one text.
func Paragraph(sentences []Sentence) string {
	var b strings.Builder
	for i, s := range sentences {
		b.WriteString(s.space(i) + s.String())
	}
	return b.String()
}

// Parts returns sentences as one, in parts.
func Parts(sentences []Sentence) (parts []words.Part) {
	for i, s := range sentences {
		parts = append(append(parts, words.Part{Text: s.space(i)}), s.Parts()...)
	}
	return parts
}

// space returns what stands before a sentence that follows i others. The full stop of Chinese has its space within.
func (s Sentence) space(i int) string {
	if i == 0 || s.words.Language == words.Chinese {
		return ""
	}
	return " "
}

func (s Sentence) args(write func(string) string) (args []any) {
	for _, name := range s.words.Values(s.id) {
		value := s.values[name]
		if said, ok := value.(string); ok {
			value = write(said)
		}
		args = append(args, name, value)
	}
	return args
}

// complete reports whether the records have each value of the sentence.
func (s Sentence) complete() bool {
	for _, name := range s.words.Values(s.id) {
		if v := reflect.ValueOf(s.values[name]); !v.IsValid() || v.IsZero() {
			return false
		}
	}
	return true
}

// maxQuoted is how many bytes of a text of a peer a sentence has.
const maxQuoted = 300

// quoted returns a text of a peer so that it cannot be taken for words of the sentence.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~/:@%+=&[]", r)
	}
	s = text.Truncate(s, maxQuoted, "…")
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	if strings.ContainsRune(s, '"') && strconv.CanBackquote(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "`" + s + "`" // reads better than escaped quotes
	}
	return strconv.Quote(s)
}
