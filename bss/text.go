package bss

import (
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// jsonType reports whether a Content-Type leaves open that the body is JSON in UTF-8. Missing and text/plain do: error
// pages of gateways come so.
func jsonType(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	if charset := params["charset"]; charset != "" && !IsUTF8(charset) {
		return false
	}
	return media == "application/json" || media == "text/plain" || strings.HasSuffix(media, "+json")
}

// IsUTF8 reports whether a charset is UTF-8 by one of the names that the WHATWG's Encoding Standard has for it, in any case, or
// ASCII, of which each text is one of UTF-8.
func IsUTF8(charset string) bool {
	switch strings.ToLower(strings.Trim(charset, " \t")) {
	case "utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8", "us-ascii":
		return true
	}
	return false
}

// identifier returns s if it is at most limit of A-Z a-z 0-9 - _ . and otherwise "".
func identifier(s string, limit int) string {
	if len(s) > limit {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return s
}

// truncate makes a text of the provider fit for a record: at most limit bytes of whole characters, without control,
// format (bidirectional overrides, above all) and separator characters other than the space, which stands for them.
func truncate(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			r = ' '
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
