package snapshot

import "encoding/json"

// members returns the members of an object in JSON without blanks; none of another value. It looks at the text once and copies nothing,
// which counts where there are callers by the thousand.
func members(object json.RawMessage) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	if len(object) == 0 || object[0] != '{' {
		return all
	}
	for rest := object[1:]; rest[0] != '}'; {
		key := rest[:valueEnd(rest)]
		rest = rest[len(key)+1:]
		value := rest[:valueEnd(rest)]
		if rest = rest[len(value):]; rest[0] == ',' {
			rest = rest[1:]
		}
		all[unquoted(key)] = value
	}
	return all
}

// elements returns the elements of a list in JSON without blanks; none of another value.
func elements(list json.RawMessage) (all []json.RawMessage) {
	if len(list) == 0 || list[0] != '[' {
		return nil
	}
	for rest := list[1:]; rest[0] != ']'; {
		value := rest[:valueEnd(rest)]
		if rest = rest[len(value):]; rest[0] == ',' {
			rest = rest[1:]
		}
		all = append(all, value)
	}
	return all
}

// valueEnd returns the length of the value that valid JSON begins with.
func valueEnd(text json.RawMessage) int {
	depth := 0
	for i := 0; ; i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 || i+1 < len(text) && !ends(text[i+1]) {
				continue
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// ends reports whether a character ends a number, true, false or null.
func ends(c byte) bool { return c == ',' || c == ':' || c == '}' || c == ']' }

// stringEnd returns the place of the quote that ends the text that begins at i.
func stringEnd(text json.RawMessage, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// unquoted returns a text in JSON.
func unquoted(quoted json.RawMessage) string {
	if inner := quoted[1 : len(quoted)-1]; plain(string(inner)) {
		return string(inner)
	}
	return decode[string](quoted)
}
