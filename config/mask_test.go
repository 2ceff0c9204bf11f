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
		"credential":       "credentials:\n  main:\n    phrase: WORD\n",
		"next line":        "credentials:\n  main:\n    phrase:\n      WORD\n    class: wrong\n",
		"in a line":        "credentials:\n  main: {phrase: WORD, class: wrong}\n",
		"without blank":    "credentials:\n  main: {class: wrong, phrase:WORD}\n",
		"without key":      "credentials:\n  main: {class: wrong, WORD}\n",
		"with a blank":     "credentials:\n  main: {class: wrong, phrase WORD}\n",
		"without colon":    "credentials:\n  main: {class: wrong, phrase WORD: x}\n",
		"twice":            "credentials:\n  main: {phrase:WORD, phrase:WORD}\n",
		"of a caller":      "callers:\n  app:\n    auth:\n      - bearer: WORD\n",
		"for a credential": "credentials:\n  main: WORD\n",
		"for all":          "credentials: WORD\n",
		"in a list":        "credentials:\n  main: [class,\nWORD]\n",
		"for a way":        "callers: {app: {auth: WORD}}\n",
		"without scheme":   "upstreams: {bss: {url: \"me:WORD@host\"}}\n",
		"one slash":        "upstreams: {bss: {url: \"https:/me:WORD@host\"}}\n",
		"account binding":  "listeners:\n  - address: 127.0.0.1:1\n    tls: {certificate: {acme: {hmac: WORD, account_binding: {mac: WORD}}}}\n",
		"no YAML":          "credentials:\n  main:\n    phrase: WORD\n    [\n",
		"no YAML, caller":  "callers: {app: {auth: [{bearer: WORD}}}",
	} {
		_, err := Parse("f", []byte(strings.ReplaceAll(text, "WORD", word)), ".", Options{LookupEnv: noEnv})
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsBesideTheirKeys: where the key of a secret and its value are on unlike lines, what is wrong with the rest of the value's line is
// reported without it. Of a text that is no YAML nothing is shown between a secret's section and the next.
func TestSecretsBesideTheirKeys(t *testing.T) {
	const word = "wJalrXUtnFEMI7MDENG"
	for name, text := range map[string]string{
		"bracket in a comment": "credentials:\n  main: {secret_key: { # }}\n env: WORD}, upstream: none}\n",
		"bracket in quotes":    "credentials:\n  main: {secret_key: {file: '}}',\n env: WORD}, upstream: none}\n",
		"blank lines":          "credentials:\n  main: {secret_key: # }}\n {\nenv:\n\nWORD}, upstream: none}\n",
		"another name":         "upstreams:\n  bss: {password: { # }}\nx: WORD}, catalog: none}\n",
		"glued to another":     "credentials: {main: {class: partneraccess_key: WORD, upstream: none}}\n",
		"indented less":        "callers:\n  app:\n    auth:\n      - access_key:\n          secret:\n    env: WORD\n",
		"unknown key":          "credentials:\n  main: {phrase: { # }}\nx: WORD}, upstream: none}\n",
		"no YAML":              "credentials:\n  main:\n    secret_key:\nx:\t y\n    value: WORD\n",
	} {
		_, err := Parse("f", []byte(strings.ReplaceAll(text, "WORD", word)), ".", Options{LookupEnv: noEnv})
		if err == nil || strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretInUTF16: an editor that writes UTF-16 makes each letter of a key and of a secret a word of its own.
func TestSecretInUTF16(t *testing.T) {
	for _, mark := range []string{"", "\xff\xfe"} {
		text := mark + strings.Join(strings.Split("secret_key: wJalrXUtn\n", ""), "\x00")
		_, err := Parse("f", []byte(text), ".", Options{LookupEnv: noEnv})
		if err == nil || strings.Contains(err.Error(), "w J a l") || strings.Contains(err.Error(), "w\x00J") || strings.Contains(err.Error(), `w\x00J`) {
			t.Errorf("%q: %v", mark, err)
		}
	}
}
