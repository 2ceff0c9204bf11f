package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// described is a gateway whose listeners are shown to applications. Nothing can be shown of a port that is any free one: the tests put the one
// that was taken in its place.
var described = strings.NewReplacer(
	"key: gateway.key}}}", "key: gateway.key}}, client_ca: ca.pem, client_certificate: optional}",
	"auth: [{access_key: {id: TGOFFICE, secret: {file: office.sk}}}]",
	"auth: [{access_key: {id: TGOFFICE, secret: {file: office.sk}, not_after: 2126-12-31}}, {certificate: {common_name: office}}]",
).Replace(standard)

// exported finds what the lines say to set in the shell.
var exported = regexp.MustCompile(`(?m)^(?://|#) +(export [A-Z_]+=.+)$`)

// TestSDKConfig runs the lines that sdk-config prints, as they are: with the Go and the Node SDK over TLS and plain HTTP, and with curl over
// both and with a client certificate. Each makes a call that is on record as the caller's.
func TestSDKConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(described)
	w.issue("office", testpki.Leaf{CommonName: "office"})
	p := w.start()
	for name, c := range map[string]struct {
		caller, language, listener string
		run                        string // with FILE for where the lines are
		by                         string // how the caller is known
	}{
		"go over TLS":             {"office", "go", "https", "go run FILE.go", "access_key"},
		"go":                      {"office", "go", "keys", "go run FILE.go", "access_key"},
		"node over TLS":           {"office", "node", "https", "NODE_PATH=node/node_modules node FILE.js", "access_key"},
		"node":                    {"office", "node", "keys", "NODE_PATH=node/node_modules node FILE.js", "access_key"},
		"curl":                    {"shop", "curl", "plain", "sh FILE.sh", "listener"},
		"curl with a certificate": {"office", "curl", "https", "CERT=" + w.file("office.crt") + " KEY=" + w.file("office.key") + " sh FILE.sh", "certificate"},
	} {
		got := run(t, w.env, "sdk-config", "--caller", c.caller, "--lang", c.language, "--listener", c.listener, "--host", "127.0.0.1", "--ca", w.file("ca.pem"), "--config", w.config)
		if got.code != 0 || strings.Contains(got.stdout, officeSecret) || strings.Contains(got.stdout, shopSecret) {
			t.Errorf("%s: exit code %d\n%s\n%s", name, got.code, got.stdout, got.stderr)
			continue
		}
		lines := strings.ReplaceAll(got.stdout, "127.0.0.1:0", p.address(c.listener))
		_, extension, _ := strings.Cut(c.run, "FILE")
		file := w.write(strings.ReplaceAll(name, " ", "-")+extension, lines)
		var script strings.Builder
		for _, match := range exported.FindAllStringSubmatch(lines, -1) {
			script.WriteString(match[1] + "\n")
		}
		script.WriteString(strings.Replace(c.run, "FILE"+extension, file, 1))
		cmd := exec.Command("sh", "-ec", script.String())
		output, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "provinces") && !strings.Contains(string(output), "account_balances") {
			t.Errorf("%s: %v\n%s\n%s", name, err, lines, output)
			continue
		}
		records := w.records()
		if last := records[len(records)-1]; last.Caller != c.caller || last.IdentifiedBy != c.by {
			t.Errorf("%s: the record has caller %q by %q", name, last.Caller, last.IdentifiedBy)
		}
	}
	if left, err := filepath.Glob(w.file("*.go")); err != nil || len(left) != 2 {
		t.Errorf("the Go lines are in %v, %v", left, err)
	}
}
