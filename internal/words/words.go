// Package words has the texts of pages in the languages that people read them in: en.yaml and zh.yaml.
//
// A message is text with the names of its values, as in "{{.Calls}} calls", or has forms by number ("one", "other"). Values of messages are
// never parsed as part of them. A test holds that each language has each message, with the same values.
package words

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
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

//go:embed en.yaml zh.yaml
var files embed.FS

// names are the files of messages.
var names = map[Language]string{English: "en.yaml", Chinese: "zh.yaml"}

// Words are the texts in one language. Safe for concurrent use.
type Words struct {
	Language  Language
	localizer *i18n.Localizer
	values    map[string][]string // of each message, by its id
}

var all = load()

// load reads the messages. They are part of the program: one that cannot be read is a fault that each test shows.
func load() map[Language]*Words {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	words, values := map[Language]*Words{}, map[string][]string{}
	for lang, name := range names {
		text, err := files.ReadFile(name)
		if err == nil {
			err = parse(bundle, text, string(lang)+".yaml", values)
		}
		if err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
		words[lang] = &Words{lang, i18n.NewLocalizer(bundle, string(lang)), values}
	}
	return words
}

// valueName finds the values of a message.
var valueName = regexp.MustCompile(`{{\.(\w+)}}`)

// parse reads a file of messages, whose name says their language, and notes the values that each has. They are the same in each language.
func parse(bundle *i18n.Bundle, text []byte, name string, values map[string][]string) error {
	file, err := bundle.ParseMessageFileBytes(text, name)
	if err != nil {
		return err
	}
	for _, m := range file.Messages {
		values[m.ID] = nil
		for _, found := range valueName.FindAllStringSubmatch(m.Other, -1) {
			if !slices.Contains(values[m.ID], found[1]) {
				values[m.ID] = append(values[m.ID], found[1])
			}
		}
	}
	return nil
}

// Values returns the names of the values of a message.
func (w *Words) Values(id string) []string { return w.values[id] }

// In returns the texts in a language; of one that there is not, English.
func In(lang Language) *Words {
	if w := all[lang]; w != nil {
		return w
	}
	return all[English]
}

// Text returns a message with its values: names and values by turns. The value named Count chooses the form by number, if it is an int, an
// int64 or a uint64. A message that there is not is its id, so that a page can be read without it.
func (w *Words) Text(id string, args ...any) string {
	values, count := valuesOf(args)
	return w.localize(id, values, count)
}

// Part is a part of a message: its own words, or a value.
type Part struct {
	Text  string
	Value bool
}

// Said returns a message in parts, for the values to be set apart from the words: values may be texts of unauthenticated peers.
func (w *Words) Said(id string, args ...any) []Part {
	values, count := valuesOf(args)
	var texts []string
	for name, value := range values {
		values[name] = string(mark(len(texts)))
		texts = append(texts, fmt.Sprint(value))
	}
	return split(w.localize(id, values, count), texts)
}

// Marks stand for values while a message is made: characters of private use, which no message has.
const (
	firstMark = '\uE000'
	maxValues = 64
)

func mark(i int) rune { return firstMark + rune(i) }

func split(text string, values []string) (parts []Part) {
	for text != "" {
		at := strings.IndexFunc(text, func(r rune) bool { return r >= firstMark && int(r-firstMark) < len(values) })
		if at < 0 {
			return append(parts, Part{Text: text})
		}
		if at > 0 {
			parts = append(parts, Part{Text: text[:at]})
		}
		r := []rune(text[at:][:3])[0]
		parts, text = append(parts, Part{values[r-firstMark], true}), text[at+3:]
	}
	return parts
}

// valuesOf returns names and values by name, and the one that counts.
func valuesOf(args []any) (values map[string]any, count any) {
	if len(args)%2 != 0 || len(args) > 2*maxValues {
		panic(fmt.Sprintf("%d arguments are no names and values", len(args)))
	}
	values = make(map[string]any, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		values[args[i].(string)] = args[i+1]
	}
	return values, countOf(values["Count"])
}

// countOf returns a number as the library takes it: an int.
func countOf(value any) any {
	switch n := value.(type) {
	case int:
		return n
	case int64:
		return int(n)
	case uint64:
		return int(n)
	}
	return nil
}

func (w *Words) localize(id string, values map[string]any, count any) string {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: values, PluralCount: count})
	if text == "" && err != nil {
		return id
	}
	return text
}

// Has reports whether there is a message.
func (w *Words) Has(id string) bool {
	_, tag, err := w.localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: id, PluralCount: 2})
	_, wanted := language.MatchStrings(matcher, string(w.Language))
	_, found := language.MatchStrings(matcher, tag.String())
	return err == nil && wanted == found
}
