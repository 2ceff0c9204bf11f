package words

import (
	"fmt"
	"strconv"
	"strings"
)

// forms are the texts of a message: one for all numbers, and a text for 1 if it is another.
type forms struct{ one, other string }

// of returns the form for a number.
func (f forms) of(count int64) string {
	if f.one != "" && count == 1 {
		return f.one
	}
	return f.other
}

// parse reads a file of messages. It is YAML of one form, which is read so since each start of the program waits for it: a line `id: "text"`,
// or a line `id:` with `  one: "text"` and `  other: "text"` below. A text has no escapes but \", \\ and \n.
func parse(file string) (map[string]forms, error) {
	all := make(map[string]forms, strings.Count(file, "\n"))
	id, number := "", 0
	for line := range strings.Lines(file) {
		line = strings.TrimSuffix(line, "\n")
		number++
		if line == "" || line[0] == '#' {
			continue
		}
		if err := add(all, &id, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return all, nil
}

// add reads a line. id is that of the message whose forms follow.
func add(all map[string]forms, id *string, line string) error {
	key, quoted, ok := strings.Cut(line, ":")
	form, inside := strings.CutPrefix(key, "  ")
	message, known := all[*id]
	switch {
	case !ok || inside && !known:
		return fmt.Errorf("%q is neither a message nor a form of one", line)
	case inside:
		return message.set(all, *id, form, quoted)
	}
	if _, twice := all[key]; twice {
		return fmt.Errorf("%s is there twice", key)
	}
	*id, all[key] = key, forms{}
	if quoted == "" {
		return nil
	}
	return forms{}.set(all, key, "other", quoted)
}

func (f forms) set(all map[string]forms, id, form, quoted string) error {
	text, err := unquote(quoted)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	switch form {
	case "one":
		f.one = text
	case "other":
		f.other = text
	default:
		return fmt.Errorf("%s has the form %q", id, form)
	}
	all[id] = f
	return nil
}

// unquote returns a quoted text as it is, where nothing in it is escaped.
func unquote(quoted string) (string, error) {
	text, ok := strings.CutPrefix(quoted, ` "`)
	inner, closed := strings.CutSuffix(text, `"`)
	switch {
	case !ok || !closed:
		return "", strconv.ErrSyntax
	case !strings.ContainsAny(inner, `"\`):
		return inner, nil
	}
	return strconv.Unquote(quoted[1:])
}
