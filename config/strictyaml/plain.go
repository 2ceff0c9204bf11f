package strictyaml

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// joinPlain repairs what the lexer does to colons inside braces. There, {names: [kind:name]} comes as a mapping
// {kind: name} in a list, though a colon that no blank follows belongs to a plain scalar (YAML 1.2.2, section 7.3.3);
// goccy/go-yaml 1.19.2 minds that outside of braces only.
func joinPlain(tokens token.Tokens) token.Tokens {
	joined := make(token.Tokens, 0, len(tokens))
	braces := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case token.MappingStartType:
			braces++
		case token.MappingEndType:
			braces--
		}
		if braces > 0 && t.Type == token.MappingValueType && i+1 < len(tokens) && isPlain(tokens[i+1]) && touch(t, tokens[i+1]) && !afterQuoted(joined, t) {
			t, joined = join(joined, t, tokens[i+1])
			i++
		}
		joined = append(joined, t)
	}
	for i, t := range joined {
		t.Prev, t.Next = nil, nil
		if i > 0 {
			t.Prev, joined[i-1].Next = joined[i-1], t
		}
	}
	return joined
}

// join makes one scalar of the colon, the scalar after it and the one before it, if that touches the colon.
func join(before token.Tokens, colon, after *token.Token) (*token.Token, token.Tokens) {
	text, at := ":"+after.Value, colon.Position
	if n := len(before); n > 0 && isPlain(before[n-1]) && touch(before[n-1], colon) {
		text, at = before[n-1].Value+text, before[n-1].Position
		before = before[:n-1]
	}
	return token.String(text, text, at), before
}

// afterQuoted reports whether the colon follows a quoted key or a bracket, where it needs no blank after it.
func afterQuoted(before token.Tokens, colon *token.Token) bool {
	if len(before) == 0 {
		return false
	}
	switch last := before[len(before)-1]; last.Type {
	case token.SingleQuoteType, token.DoubleQuoteType, token.SequenceEndType, token.MappingEndType:
		return last.Position.Line == colon.Position.Line
	}
	return false
}

func isPlain(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.IntegerType, token.FloatType, token.BoolType, token.NullType, token.InfinityType, token.NanType,
		token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType:
		return true
	}
	return false
}

// touch reports whether b begins where a ends.
func touch(a, b *token.Token) bool {
	return a.Position.Line == b.Position.Line && a.Position.Column+utf8.RuneCountInString(a.Value) == b.Position.Column
}
