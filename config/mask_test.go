package config

import (
	"strings"
	"testing"
)

// TestUnknownKeysOfSecretSections: what stands behind an unknown key beside a secret's may be one, whatever the key is called; where the file
// is no YAML, so may all that stands in such a section.
func TestUnknownKeysOfSecretSections(t *testing.T) {
	const word = "wJalrXUtnFEMI7MDENG"
	for name, text := range map[string]string{
		"credential":      "credentials:\n  main:\n    phrase: WORD\n",
		"next line":       "credentials:\n  main:\n    phrase:\n      WORD\n    class: wrong\n",
		"in a line":       "credentials:\n  main: {phrase: WORD, class: wrong}\n",
		"without blank":   "credentials:\n  main: {class: wrong, phrase:WORD}\n",
		"without key":     "credentials:\n  main: {class: wrong, WORD}\n",
		"with a blank":    "credentials:\n  main: {class: wrong, phrase WORD}\n",
		"without colon":   "credentials:\n  main: {class: wrong, phrase WORD: x}\n",
		"twice":           "credentials:\n  main: {phrase:WORD, phrase:WORD}\n",
		"of a caller":     "callers:\n  app:\n    auth:\n      - bearer: WORD\n",
		"account binding": "listeners:\n  - address: 127.0.0.1:1\n    tls: {certificate: {acme: {hmac: WORD, account_binding: {mac: WORD}}}}\n",
		"no YAML":         "credentials:\n  main:\n    phrase: WORD\n    [\n",
		"no YAML, caller": "callers: {app: {auth: [{bearer: WORD}}}",
	} {
		_, err := Parse("f", []byte(strings.ReplaceAll(text, "WORD", word)), ".", Options{LookupEnv: noEnv})
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
