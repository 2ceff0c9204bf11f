package gateway

import (
	"mime"
	"slices"
	"strings"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/internal/words"
)

const jsonMedia = "application/json"

// ContentType is what the Content-Type of a request says of its body.
type ContentType struct {
	Sent string // to a signed upstream
	JSON bool   // every reader takes the body for JSON in UTF-8
}

// ReadContentType reads the lines of a request's Content-Type; without any the body is JSON. A signed upstream must read the body
// as the log does: it has to be of a type that the operation takes, and in UTF-8.
func ReadContentType(operation *catalog.Operation, signed bool, lines []string) (ContentType, *Refusal) {
	media, t, refused := parseContentType(lines)
	switch {
	case !signed:
		return t, nil
	case refused != nil:
		return ContentType{}, refused
	case !takes(operation, media):
		return ContentType{}, refusal(otherContentType, "error.request.types", "Operation", operation.Name, "Types", words.Join("error.or", taken(operation)))
	}
	return t, nil
}

// parseContentType rewrites what it sends, since readers differ about what they find odd. JSON has no parameters, and so none
// that is sent but a charset that the caller named.
func parseContentType(lines []string) (media string, t ContentType, refused *Refusal) {
	if len(lines) == 0 || len(lines) == 1 && lines[0] == jsonMedia {
		return jsonMedia, ContentType{jsonMedia, true}, nil
	}
	if len(lines) > 1 {
		return "", t, refusal(encodedBody, "error.request.one_type")
	}
	media, parameters, err := mime.ParseMediaType(lines[0])
	if err != nil || hasTwoReadings(lines[0]) {
		return "", t, refusal(encodedBody, "error.request.type_form")
	}
	charset, named := parameters["charset"]
	if named && !bss.IsUTF8(charset) {
		return "", t, refusal(encodedBody, "error.request.charset")
	}
	if t.JSON = isJSON(media); t.JSON {
		clear(parameters)
	}
	if named {
		parameters["charset"] = "utf-8"
	}
	t.Sent = mime.FormatMediaType(media, parameters)
	return media, t, nil
}

// hasTwoReadings reports whether some find other parameters in a line than package mime does: they know nothing of quoted strings, or
// take the names of RFC 2231 (charset*), of which package mime drops some, for the plain ones.
func hasTwoReadings(line string) bool {
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		}
		if c == '*' || c == '\\' || quoted && (c == ';' || c == ',') {
			return true
		}
	}
	return false
}

// isJSON reports whether every reader takes a media type for JSON: some take all for a form that begins like the type of forms.
func isJSON(media string) bool {
	subtype, ok := strings.CutPrefix(media, "application/")
	return ok && (subtype == "json" || strings.HasSuffix(subtype, "+json") && !strings.HasPrefix(subtype, "x-www-form-urlencoded"))
}

func takes(operation *catalog.Operation, media string) bool {
	types := taken(operation)
	return slices.Contains(types, media) || isJSON(media) && slices.Contains(types, jsonMedia)
}

// onlyJSON are the types that an operation takes unless its declaration says otherwise. It is never written to.
var onlyJSON = []string{jsonMedia}

func taken(operation *catalog.Operation) []string {
	if len(operation.ContentTypes) > 0 {
		return operation.ContentTypes
	}
	return onlyJSON
}
