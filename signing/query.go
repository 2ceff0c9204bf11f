package signing

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"tollgate/internal/words"
)

// Bounds of a query as received.
const (
	maxQuery = 16 << 10 // bytes
	maxPairs = 256      // the widest query of the billing API has about 20
)

// Query is a parsed query. The zero value is the empty query. It is never changed, so it may be shared.
type Query struct {
	pairs     []Pair
	canonical string
}

// Pair is one decoded query parameter.
type Pair struct{ Name, Value string }

// ParseQuery decodes a query as it came over the wire (after the "?"). It accepts only what every reader takes for the
// same pairs: see "Queries" in the package comment. The error is always a [*TargetError].
func ParseQuery(raw string) (Query, error) {
	if raw == "" {
		return Query{}, nil
	}
	if len(raw) > maxQuery {
		return Query{}, queryError(maxQuery, "error.target.long_query")
	}
	pairs := make([]Pair, 0, min(strings.Count(raw, "&")+1, maxPairs))
	for start := 0; start <= len(raw); {
		end := len(raw)
		if n := strings.IndexByte(raw[start:], '&'); n >= 0 {
			end = start + n
		}
		if start < end {
			if len(pairs) == maxPairs {
				return Query{}, queryError(start, "error.target.pairs")
			}
			pair, err := parsePair(raw, start, end)
			if err != nil {
				return Query{}, err
			}
			pairs = append(pairs, pair)
		}
		start = end + 1
	}
	return Query{pairs, canonicalQuery(raw, pairs)}, nil
}

func parsePair(raw string, start, end int) (pair Pair, err error) {
	equals := end
	if n := strings.IndexByte(raw[start:end], '='); n >= 0 {
		equals = start + n
	}
	if equals == start {
		return Pair{}, queryError(start, "error.target.no_name")
	}
	if pair.Name, err = decodeQuery(raw, start, equals); err != nil || equals == end {
		return pair, err
	}
	pair.Value, err = decodeQuery(raw, equals+1, end)
	return pair, err
}

// decodeQuery decodes raw[start:end] by the rule for forms (WHATWG URL, application/x-www-form-urlencoded), which
// servlet containers and net/url follow: "+" is a space.
func decodeQuery(raw string, start, end int) (string, error) {
	changed, ascii := false, true
	for i := start; i < end; i++ {
		c := raw[i]
		switch {
		case c == '%':
			var ok bool
			if c, ok = unescape(raw[:end], i); !ok {
				return "", queryError(i, "error.target.percent")
			}
			if isControl(c) {
				return "", queryError(i, "error.target.escaped_control")
			}
			i, changed = i+2, true
		case c == '+':
			changed = true
		case c <= ' ' || c == 0x7f || c == ';' || c == '#':
			return "", queryError(i, "error.target.unescaped")
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	text := raw[start:end]
	if changed {
		text = decodeForm(text)
	}
	if ascii {
		return text, nil
	}
	if at := badText(text); at >= 0 {
		return "", queryError(start+rawOffset(raw[start:end], at), "error.target.query_text")
	}
	return text, nil
}

// decodeForm decodes text whose escapes are known to be good.
func decodeForm(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c, ok := unescape(s, i); {
		case ok:
			b.WriteByte(c)
			i += 2
		case s[i] == '+':
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// canonicalQuery builds the canonical form of pairs; it returns raw itself where that is already canonical.
func canonicalQuery(raw string, pairs []Pair) string {
	if !slices.IsSortedFunc(pairs, comparePairs) {
		pairs = slices.Clone(pairs)
		slices.SortFunc(pairs, comparePairs)
	}
	var stack [512]byte
	buf := stack[:0]
	for i, pair := range pairs {
		if i > 0 {
			buf = append(buf, '&')
		}
		buf = appendEscaped(buf, pair.Name, 0)
		buf = append(buf, '=')
		buf = appendEscaped(buf, pair.Value, 0)
	}
	if string(buf) == raw {
		return raw
	}
	return string(buf)
}

func comparePairs(a, b Pair) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
}

func queryError(offset int, id string) error {
	return &TargetError{Part: "query", Offset: offset, Msg: words.Say(id)}
}

// All returns the decoded pairs in the order received. A name may occur more than once.
func (q Query) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, pair := range q.pairs {
			if !yield(pair.Name, pair.Value) {
				return
			}
		}
	}
}

// Canonical returns the canonical query, which is also what is sent: see the package comment. It is worked out once, when
// the query is parsed.
func (q Query) Canonical() string { return q.canonical }
