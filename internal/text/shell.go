package text

import (
	"regexp"
	"strings"
)

// plainWords are the words that a shell takes as they are.
var plainWords = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`)

// ShellWord returns a word for a POSIX shell, in quotes where it needs them.
func ShellWord(word string) string {
	if plainWords.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
