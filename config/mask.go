package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tollgate/internal/nearest"
)

// Secrets belong into a reference, but people do write them into the file, and the error about that must not carry
// them into logs. Masking works on raw lines, not on parsed ones, because syntax errors have excerpts too. It rather
// masks too much.

// secretKeys are the keys whose values are secrets, or references to secrets.
var secretKeys = []string{"access_key", "secret_key", "secret", "security_token"}

// What may be shown after such a key: the names in references, and the public id of an access key. A file whose path has
// neither "/" nor "." may as well be a secret.
var (
	safeEntry = regexp.MustCompile(`^(env\s*:\s*["']?[A-Z][A-Z0-9_]*["']?|file\s*:\s*["']?[\w.@+/-]*[./][\w.@+/-]*["']?|id\s*:\s*["']?[\w-]*["']?)?$`)
	anyKey    = regexp.MustCompile(`[A-Za-z0-9_.-]+`)
	firstKey  = regexp.MustCompile(`^["']?([A-Za-z0-9_.-]+)["']?\s*:`)
	keyEnd    = regexp.MustCompile(`^["']?\s*(:|$)`)
	userinfo  = regexp.MustCompile(`://[^/\s@]*@`)
	comment   = regexp.MustCompile(`(^|\s)#.*$`)
)

// maskFrom gives the index of the first character of line i that must not be shown, or more than its length.
func (s *fileText) maskFrom(i int) int {
	line := s.lines[i]
	if s.underSecret(i) {
		indent := len(line) - len(strings.TrimLeft(line, " -"))
		if !safeEntries(strings.TrimRight(strings.TrimLeft(line[indent:], "{"), " ]}")) {
			return utf8.RuneCountInString(line[:indent])
		}
	}
	first := len(line) + 1
	if m := userinfo.FindStringIndex(line); m != nil {
		first = m[0] + len("://")
	}
	for _, m := range anyKey.FindAllStringIndex(line, -1) {
		end := keyEnd.FindStringIndex(line[m[1]:])
		if end == nil || !sensitive(line[m[0]:m[1]]) {
			continue
		}
		value := line[m[1]+end[1]:]
		if !safeValue(value) {
			first = min(first, len(line)-len(strings.TrimLeft(value, " \t")))
			break
		}
	}
	if first > len(line) {
		return utf8.RuneCountInString(line) + 1
	}
	return utf8.RuneCountInString(line[:first])
}

// safeValue tells whether what follows a secret's key on its line may be shown: nothing, or the beginning of a mapping
// with safe entries. Keys of secrets inside it are looked at by themselves.
func safeValue(value string) bool {
	inner, mapping := strings.CutPrefix(strings.TrimSpace(value), "{")
	if !mapping {
		return strings.Trim(comment.ReplaceAllString(value, ""), " \t]},") == ""
	}
	inner, _, _ = strings.Cut(inner, "}")
	return safeEntries(inner)
}

// safeEntries tells whether the entries of a mapping may be shown.
func safeEntries(text string) bool {
	for entry := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ",") {
		entry = strings.TrimSpace(entry)
		if key := firstKey.FindStringSubmatch(entry); key != nil && sensitive(key[1]) {
			continue
		}
		if !safeEntry.MatchString(entry) {
			return false
		}
	}
	return true
}

// insideSecret tells whether a config path leads to a secret's reference, or into it.
func insideSecret(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if slices.Contains(secretKeys, part) {
			return true
		}
	}
	return false
}

// namesSecret tells whether an excerpt has a secret's key, so that its masking knows where the value begins.
func namesSecret(excerpt string) bool {
	return slices.ContainsFunc(secretKeys, func(key string) bool { return strings.Contains(excerpt, key) })
}

// underSecret tells whether the line continues the value of a secret's key that stands on an earlier line.
func (s *fileText) underSecret(i int) bool {
	indent := indentOf(s.lines[i])
	for above := i - 1; above >= 0; above-- {
		line := s.lines[above]
		if strings.TrimSpace(line) == "" || indentOf(line) > indent {
			continue
		}
		inList := indentOf(line) == indent && strings.HasPrefix(strings.TrimSpace(s.lines[i]), "- ")
		if indentOf(line) == indent && !inList {
			continue
		}
		if opensSecret(line) {
			return true
		}
		if indent = indentOf(line); indent == 0 {
			return false
		}
	}
	return false
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// opensSecret tells whether the last key of a line is a secret's.
func opensSecret(line string) bool {
	line = comment.ReplaceAllString(line, "")
	last := false
	for _, m := range anyKey.FindAllStringIndex(line, -1) {
		if keyEnd.MatchString(line[m[1]:]) {
			last = sensitive(line[m[0]:m[1]])
		}
	}
	return last
}

// sensitive tells whether a key, perhaps mistyped, holds a secret. "key" alone is the path of a certificate's key.
func sensitive(key string) bool {
	if len(key) > 64 {
		return false
	}
	plain := strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(key))
	if slices.Contains([]string{"sk", "ak", "pwd", "accesskey", "secretkey"}, plain) {
		return true
	}
	for _, part := range []string{"secret", "token", "passw", "apikey", "privatekey"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return len(nearest.Words(key, secretKeys)) > 0
}
