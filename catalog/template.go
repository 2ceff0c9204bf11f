package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a path template. Eight parameters fit into [Params] without allocation; no API comes near.
const (
	maxTemplateLength = 1024
	maxParams         = 8
)

// segment is one part of a template between slashes.
type segment struct {
	text  string // the literal text, or the parameter's name
	param bool
	rest  bool // "{name...}": one or more segments, last in its template
}

// parseTemplate reads a path template: "/" alone, or "/"-led segments that are literal text, {name}, or, last,
// {name...}; and perhaps a final "/", which makes an empty last segment. Literal text is decoded text of a narrow alphabet, so that no
// parser on the way can read it differently.
func parseTemplate(path string) ([]segment, error) {
	if len(path) > maxTemplateLength {
		return nil, fmt.Errorf("path is longer than %d bytes", maxTemplateLength)
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q does not start with \"/\"", path)
	}
	if path == "/" {
		return nil, nil
	}
	var segments []segment
	names := make(map[string]bool)
	inner, final := strings.CutSuffix(path[1:], "/")
	for text := range strings.SplitSeq(inner, "/") {
		if n := len(segments); n > 0 && segments[n-1].rest {
			return nil, restNotLast(path, segments[n-1])
		}
		s, err := parseSegment(text)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		if s.param && names[s.text] {
			return nil, fmt.Errorf("path %q names the parameter %q twice", path, s.text)
		}
		if s.param {
			names[s.text] = true
		}
		segments = append(segments, s)
	}
	if len(names) > maxParams {
		return nil, fmt.Errorf("path %q has more than %d parameters", path, maxParams)
	}
	if !final {
		return segments, nil
	}
	if last := segments[len(segments)-1]; last.rest {
		return nil, restNotLast(path, last)
	}
	return append(segments, segment{}), nil
}

func restNotLast(path string, rest segment) error {
	return fmt.Errorf("path %q: {%s...} must be the last segment", path, rest.text)
}

func parseSegment(text string) (segment, error) {
	if text == "" {
		return segment{}, errors.New("empty segment (\"//\")")
	}
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		return parseParam(inner)
	}
	if text == "." || text == ".." {
		return segment{}, fmt.Errorf("segment %q changes its meaning when a path is cleaned", text)
	}
	for i := range len(text) {
		if !isLiteral(text[i]) {
			return segment{}, fmt.Errorf("character %q in segment %q: letters, digits and -._~!$&+,=:@ are allowed", text[i], text)
		}
	}
	return segment{text: text}, nil
}

// parseParam reads what follows the "{" of a parameter segment.
func parseParam(inner string) (segment, error) {
	name, ok := strings.CutSuffix(inner, "}")
	if !ok {
		return segment{}, fmt.Errorf("segment \"{%s\" does not end in \"}\"", inner)
	}
	name, rest := strings.CutSuffix(name, "...")
	if !isParamName(name) {
		return segment{}, fmt.Errorf("parameter name %q: want a letter or \"_\", then letters, digits or \"_\"", name)
	}
	return segment{text: name, param: true, rest: rest}, nil
}

// isLiteral reports whether a character is unreserved by RFC 3986, or one of those sub-delimiters that parsers agree on.
func isLiteral(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("-._~!$&+,=:@", c) >= 0
}

func isParamName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && !isAlphanumeric(c) || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return name != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
