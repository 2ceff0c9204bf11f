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
		"anchor":                  "secret_key: &k WORD",
	} {
		text := strings.ReplaceAll(layout, "WORD", word)
		lines := newFileText(text)
		for i, line := range lines.lines {
			if name == "complex key" && i == 1 {
				continue // never quoted: the file is refused at the "?"
			}
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

// TestUnmasked shows that what is no secret can be read.
func TestUnmasked(t *testing.T) {
	for _, line := range []string{
		"main: {class: partner, access_key: {env: AK}, secret_key: {file: /run/secrets/sk}}",
		"secret_key: {env: PARTNER_SK} # the key",
		`secret_key: { file: "app1.sk" }`,
		"access_key: {id: TGAPP1, secret: {file: app1.sk}}",
		"auth: [{certificate: {uri: spiffe://corp/billing}}, {access_key: {id: TGAPP1, secret: {file: app1.sk}}}]",
		"tls: {certificate: {files: {cert: tls.crt, key: tls.key}}}",
		"secret_key:",
	} {
		if _, excerpt := newFileText(line).excerpt(position{1, 1}); !strings.Contains(excerpt, line) {
			t.Errorf("%s is shown as\n%s", line, excerpt)
		}
	}
	block := newFileText("secret_key:\n  env: SK\naccess_key:\n  id: TGAPP1\n  secret:\n    file: app1.sk\nkinds: [distributor]")
	for i, line := range block.lines {
		if _, excerpt := block.excerpt(position{i + 1, 1}); !strings.Contains(excerpt, line) {
			t.Errorf("%q is shown as\n%s", line, excerpt)
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
		if _, got := newFileText(test.line).excerpt(position{1, test.column}); got != test.want {
			t.Errorf("%.20q, column %d: got\n%s\nwant\n%s", test.line, test.column, got, test.want)
		}
	}
}
