package config

import (
	"strings"
	"testing"
)

// FuzzInlineSecret writes a secret behind a secret's key where only a reference belongs, in whatever surroundings: no
// message shows it.
func FuzzInlineSecret(f *testing.F) {
	const word = "wJalrXUtnFEMI7MDENG"
	keys := []string{"secret_key", "secret", "security_token", "access_key", "password", "sk", "secert_key"}
	for i := range keys {
		f.Add(uint8(i), "credentials:\n  main:\n    ", ": ", "\n")
		f.Add(uint8(i), "callers: {app: {auth: [{access_key: {id: X, ", ": ", "}}]}}")
		f.Add(uint8(i), "credentials:\n  main: {class: partner, ", ": {env: ", ", file: x}}\n")
		f.Add(uint8(i), "a: &x\nb: \"", "\": |\n      ", "\n   c: [")
	}
	f.Fuzz(func(t *testing.T, key uint8, before, between, after string) {
		if !belongs(before, between) {
			return
		}
		text := before + keys[int(key)%len(keys)] + between + word + after
		if _, err := Parse("f", []byte(text), ".", Options{LookupEnv: noEnv, Secrets: true}); err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("%q is shown:\n%v", text, err)
		}
	})
}

// belongs reports whether what follows is the value of the key between the two texts, as far as a person sees.
func belongs(before, between string) bool {
	quote, value, isKey := strings.Cut(between, ":")
	if !isKey || strings.Trim(quote, "\"' ") != "" || strings.Trim(value, "\"' \t{|>[-\n") != "" {
		return false
	}
	if before != "" && !strings.ContainsRune("\n {,\"'", rune(before[len(before)-1])) {
		return false // the word before is not the whole key
	}
	line := before[strings.LastIndexByte(before, '\n')+1:]
	if strings.Contains(line, "#") {
		return false // a comment
	}
	below := strings.LastIndexByte(between, '\n')
	blanks := between[below+1:]
	return below < 0 || strings.Trim(blanks, " ") == "" && len(blanks) > len(line) // deeper than the key
}
