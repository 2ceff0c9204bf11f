package strictyaml

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestMaskedLayouts puts a secret where people put it, in many layouts, with an error on every line: no excerpt and no
// message may show it.
func TestMaskedLayouts(t *testing.T) {
	const word = "wJalrXUtnFEMI7MDENG"
	secrets := secretKeysOf(reflect.TypeFor[testFile]())
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
		"as in a path":            "bss/secret_key: WORD",
		"as in a path, no blank":  "bss/secret_key:WORD",
		"of the SDK":              "HUAWEICLOUD_SDK_SK: WORD",
		"slash in a password":     "url: https://me:a/WORD@host",
		"blank in a password":     "url: \"https://me:a b WORD@host\"",
		"behind closed brackets":  "{a: {x: [y\n]}, secret_key: {\nenv: WORD}}",
	} {
		text := strings.ReplaceAll(layout, "WORD", word)
		lines := newSource(text)
		lines.hide(secrets.looksLikeName, nil)
		for i, line := range lines.lines {
			for column := range len(line) + 1 {
				if _, excerpt := lines.excerpt(Position{i + 1, column + 1}); strings.Contains(excerpt, word) {
					t.Errorf("%s: line %d is shown: %s", name, i+1, excerpt)
					break
				}
			}
		}
		for _, file := range []string{text, "credentials:\n  main:\n    " + strings.ReplaceAll(text, "\n", "\n    ")} {
			if _, err := decode(file); err == nil || strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error shows the secret: %v", name, err)
			}
		}
	}
}

// TestUnmasked shows that what is no secret can be read: the names of files, and what follows the block of a secret.
func TestUnmasked(t *testing.T) {
	secrets := secretKeysOf(reflect.TypeFor[testFile]())
	shown := func(text string, line int) bool {
		lines := newSource(text)
		lines.hide(secrets.looksLikeName, nil)
		_, excerpt := lines.excerpt(Position{line, 1})
		return excerpt != ""
	}
	for _, line := range []string{
		"tls: {certificate: {files: {cert: tls.crt, key: /run/secrets/tls.key}}}", "url: http://sts-token:8080/x", "client_ca: sk.txt", "audit: {key: {file: secrets/audit.key}}", "credentials:", "grants:", "access: x",
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

// TestSecretKeys: which keys are those of secrets is said by the types.
func TestSecretKeys(t *testing.T) {
	keys := secretKeysOf(reflect.TypeFor[testFile]())
	if got := fmt.Sprint(keys.names); got != "[access_key secret_key security_token secret]" {
		t.Errorf("names %s", got)
	}
	for word, want := range map[string]bool{
		"access_key": true, "accessKey": true, "acess_key": true, "secret": true, "sk": true, "password": true, "clientSecret": true, "key": false, "class": false, "address": false,
	} {
		if got := keys.looksLikeName(word); got != want {
			t.Errorf("%s: %v", word, got)
		}
	}
	none := secretKeysOf(reflect.TypeFor[testAudit]())
	if none.looksLikeName("access_key") || !none.looksLikeName("secret_key") {
		t.Error("keys are known without a type that has them")
	}
}
