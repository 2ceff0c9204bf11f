package tlspolicy

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestStatementIsInTheDocs: the statement that reviewers read is the one that the program makes.
func TestStatementIsInTheDocs(t *testing.T) {
	var made bytes.Buffer
	if err := WriteStatement(&made); err != nil {
		t.Fatal(err)
	}
	const file = "../docs/tls-compliance.md"
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, made.Bytes()) {
		t.Errorf("%s is not what the program states; remake it: go run ./cmd/proxy tls statement > docs/tls-compliance.md", file)
	}
	for _, s := range Whitelist() {
		if strings.Count(made.String(), "| "+s.Name+" |") != 1 {
			t.Errorf("%s does not have one row", s.Name)
		}
	}
}

// TestStated: each status of a suite stands for what a policy really does with it.
func TestStated(t *testing.T) {
	high := mustNamed(t, Default)
	for name, want := range map[string]string{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "offered",
		"TLS_AES_256_GCM_SHA384":                "offered",
		"TLS_DHE_RSA_WITH_AES_128_GCM_SHA256":   "not available in Go",
		"TLS_PSK_WITH_AES_256_GCM_SHA384":       "refused by policy (nor available in Go)",
	} {
		for _, s := range Whitelist() {
			if s.Name == name && high.stated(s) != want {
				t.Errorf("%s: %s, want %s", name, high.stated(s), want)
			}
		}
	}
}
