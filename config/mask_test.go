package config

import (
	"strings"
	"testing"
)

// TestMaskedLayouts puts a secret where people put it, in many layouts, with an error on every line: no excerpt and no
// message may show it.
func TestMaskedLayouts(t *testing.T) {
	const word = "wJalrXUtnFEMI7MDENG"
	for name, layout := range map[string]string{
		"plain":                   "secret_key: WORD",
		"no blank":                "secret_key:WORD",
		"quoted":                  "secret_key: 'WORD'",
		"quoted key":              `"secret_key": "WORD"`,
		"comment after":           "secret_key: WORD # really",
		"next line":               "secret_key:\n  WORD",
		"next line, quoted":       "secret_key:\n  \"WORD\"",
		"two lines down":          "secret_key:\n\n\n    WORD",
		"after a comment":         "secret_key: # the key\n  WORD",
		"block text":              "secret_key: |\n  WORD\n  WORD",
		"list":                    "secret_key:\n- WORD",
		"indented list":           "secret_key:\n  - WORD",
		"flow list":               "secret_key: [WORD]",
		"flow mapping":            "secret_key: {value: WORD}",
		"flow mapping with env":   "secret_key: {env: WORD}",
		"flow, env and more":      "secret_key: {env: SK, value: WORD}",
		"block mapping":           "secret_key:\n  value: WORD",
		"block mapping, env":      "secret_key:\n  env: WORD",
		"flow over lines":         "secret_key: {\n  env: WORD}",
		"file without a path":     "secret_key: {file: WORD}",
		"in a line":               "{class: partner, secret_key: WORD, access_key: {env: AK}}",
		"in a line, no blank":     "{class: partner, secret_key:WORD}",
		"in a value, no blank":    "{class: partner secret_key:WORD}",
		"in a line, over lines":   "{class: partner, secret_key:\n    WORD}",
		"key name with dash":      "secret-key: WORD",
		"key name in camel case":  "secretKey: WORD",
		"key name mistyped":       "secert_key: WORD",
		"short key name":          "sk: WORD",
		"token":                   "security_token: WORD",
		"token mistyped":          "sec_token: WORD",
		"access key":              "access_key: WORD",
		"of a virtual key":        "access_key: {id: TGAPP1, secret: WORD}",
		"of a virtual key, first": "access_key: {secret: WORD, id: TGAPP1}",
		"of a virtual key, block": "access_key:\n  id: TGAPP1\n  secret: WORD",
		"of a virtual key, deep":  "access_key:\n  id: TGAPP1\n  secret:\n    WORD",
		"password":                "password: WORD",
		"complex key":             "? secret_key\n: WORD",
		"user in a url":           "url: https://me:WORD@host",
		"tabs":                    "secret_key:\tWORD",
		"broken off":              "secret_key: \"WORD",
		"tag":                     "secret_key: !!str WORD",
		"broken key":              "access_key \":WORD",
		"broken key, next line":   "secret_key\n  WORD",
		"no colon":                "secret_key WORD",
		"flow, to the margin":     "{secret_key: {env:\nWORD}}",
		"flow, another entry":     "{secret_key: {env: X,\nfile: WORD}}",
		"text, to the margin":     "secret_key: \"a\nWORD\"",
		"list, flow below":        "secret_key:\n- value: WORD",
		"passphrase":              "passphrase: WORD",
		"after a path":            "{file: /run/secrets/x, secret_key: WORD}",
		"anchor":                  "secret_key: &k WORD",
	} {
		text := strings.ReplaceAll(layout, "WORD", word)
		lines := newFileText(text)
		lines.hide(nil)
		for i, line := range lines.lines {
			for column := range len(line) + 1 {
				if _, excerpt := lines.excerpt(position{i + 1, column + 1}); strings.Contains(excerpt, word) {
					t.Errorf("%s: line %d is shown: %s", name, i+1, excerpt)
					break
				}
			}
		}
		for _, file := range []string{text, "credentials:\n  main:\n    " + strings.ReplaceAll(text, "\n", "\n    ")} {
			if _, err := Parse("f", []byte(file), ".", Options{Secrets: true}); err == nil || strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error shows the secret: %v", name, err)
			}
		}
	}
}

// TestUnmasked shows that what is no secret can be read: the names of files, and what follows the block of a secret.
func TestUnmasked(t *testing.T) {
	shown := func(text string, line int) bool {
		lines := newFileText(text)
		lines.hide(nil)
		_, excerpt := lines.excerpt(position{line, 1})
		return excerpt != ""
	}
	for _, line := range []string{
		"tls: {certificate: {files: {cert: tls.crt, key: /run/secrets/tls.key}}}", "audit: {key: {file: secrets/audit.key}}", "credentials:", "grants:", "access: x",
	} {
		if !shown(line, 1) {
			t.Errorf("%s is hidden", line)
		}
	}
	block := "main:\n  class: partner\n  access_key:\n    env: AK\n  secret_key: {env: SK}\n  kinds: [distributor]\nauth:\n  - access_key: {id: TGAPP1,\n      secret: {file: app1.sk}}\n  - certificate: {dns: a}\ngrants: []"
	for i, want := range []bool{true, true, false, false, false, true, true, false, false, true, true} {
		if got := shown(block, i+1); got != want {
			t.Errorf("line %d is shown: %v", i+1, got)
		}
	}
}

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

func TestExcerpt(t *testing.T) {
	long := "name: " + strings.Repeat("x", 300)
	for _, test := range []struct {
		line   string
		column int
		want   string
	}{
		{"a: b", 4, "    1 | a: b\n      |    ^"},
		{"a: b", 99, "    1 | a: b\n      |     ^"}, // behind the end
		{"a: b", 0, "    1 | a: b\n      | ^"},
		{"\ta: \x1b[31mb", 3, "    1 |  a:  [31mb\n      |   ^"}, // nothing that a terminal obeys
		{"é: ü", 4, "    1 | é: ü\n      |    ^"},
		{long, 1, "    1 | " + long[:120] + "...\n      | ^"},
		{long, 200, "    1 | ..." + strings.Repeat("x", 117) + "...\n      | " + strings.Repeat(" ", 63) + "^"},
	} {
		lines := newFileText(test.line)
		lines.hide(nil)
		if _, got := lines.excerpt(position{1, test.column}); got != test.want {
			t.Errorf("%.20q, column %d: got\n%s\nwant\n%s", test.line, test.column, got, test.want)
		}
	}
}
