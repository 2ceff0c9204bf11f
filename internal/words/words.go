// Package words has the texts of pages, commands and refusals in the languages that people read them in: en.yaml and zh.yaml.
//
// A message is text with the names of its values, as in "{{.Calls}} calls", or has forms by number ("one", "other"). Values of messages are
// never parsed as part of them. A test holds that each language has each message, with the same values.
package words

import (
	_ "embed" // for the files of messages
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Language is one that texts are in, as a BCP 47 tag.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh-Hans"
)

// Languages lists them.
func Languages() []Language { return []Language{English, Chinese} }

// matcher finds the language that fits best.
var matcher = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})

// Match returns the language that fits best what a person reads: values of Accept-Language or tags, those preferred first.
func Match(accepted ...string) Language {
	_, index := language.MatchStrings(matcher, accepted...)
	return Languages()[index]
}

// The files of messages.
var (
	//go:embed en.yaml
	english string
	//go:embed zh.yaml
	chinese string
)

// Words are the texts in one language. Safe for concurrent use.
type Words struct {
	Language Language
	messages map[string]forms
}

// The texts are read when they are first asked for: most commands print none in Chinese.
var (
	inEnglish = sync.OnceValue(func() *Words { return load(English, english) })
	inChinese = sync.OnceValue(func() *Words { return load(Chinese, chinese) })
)

// load reads messages. They are part of the program: one that cannot be read is a fault that each test shows.
func load(lang Language, file string) *Words {
	messages, err := parse(file)
	if err != nil {
		panic(fmt.Errorf("messages in %s: %w", lang, err))
	}
	return &Words{lang, messages}
}

// In returns the texts in a language; of one that there is not, English.
func In(lang Language) *Words {
	if lang == Chinese {
		return inChinese()
	}
	return inEnglish()
}

// Has reports whether there is a message.
func (w *Words) Has(id string) bool {
	_, ok := w.messages[id]
	return ok
}

// Values returns the names of the values of a message.
func (w *Words) Values(id string) (names []string) {
	for name, value := range partsOf(w.messages[id].other) {
		if value && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Text returns a message with its values: names and values by turns. The value named Count chooses the form by number, if it is an int, an
// int64 or a uint64. A value that is a [Message] is read in the same language. A message that there is not is its id, so that a page can be
// read without it.
func (w *Words) Text(id string, args ...any) string {
	text, ok := w.form(id, args)
	if !ok || !strings.Contains(text, open) {
		return text
	}
	var b strings.Builder
	b.Grow(2 * len(text))
	for part, value := range partsOf(text) {
		if value {
			part = w.value(args, part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// Part is a part of a message: its own words, or a value.
type Part struct {
	Text  string
	Value bool
}

// Said returns a message in parts, for the values to be set apart from the words: values may be texts of unauthenticated peers.
func (w *Words) Said(id string, args ...any) (parts []Part) {
	text, _ := w.form(id, args)
	for part, value := range partsOf(text) {
		if value {
			part = w.value(args, part)
		}
		parts = append(parts, Part{part, value})
	}
	return parts
}

// form returns the text of a message for the number among its values; ok is false, and text the id, if there is no such message.
func (w *Words) form(id string, args []any) (text string, ok bool) {
	if len(args)%2 != 0 {
		panic(fmt.Sprintf("%s: %d arguments are no names and values", id, len(args)))
	}
	message, ok := w.messages[id]
	if !ok {
		return id, false
	}
	for i := 0; i < len(args); i += 2 {
		if args[i] == "Count" {
			return message.of(countOf(args[i+1])), true
		}
	}
	return message.other, true
}

// countOf returns a number; of what is none, one that has no form of its own.
func countOf(value any) int64 {
	switch n := value.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(min(n, math.MaxInt64))
	}
	return -1
}

// value returns the text of a value, by its name.
func (w *Words) value(args []any, name string) string {
	for i := 0; i < len(args); i += 2 {
		if args[i] != name {
			continue
		}
		switch v := args[i+1].(type) {
		case string:
			return v
		case Message:
			return v.In(w)
		default:
			return fmt.Sprint(v)
		}
	}
	return "<no value>"
}

// open and end stand around the name of a value.
const (
	open = "{{."
	end  = "}}"
)

// partsOf yields the parts of a text: words, and names of values.
func partsOf(text string) iter.Seq2[string, bool] {
	return func(yield func(part string, value bool) bool) {
		for text != "" {
			words, rest, found := strings.Cut(text, open)
			if words != "" && !yield(words, false) || !found {
				return
			}
			name, after, _ := strings.Cut(rest, end)
			if !yield(name, true) {
				return
			}
			text = after
		}
	}
}
