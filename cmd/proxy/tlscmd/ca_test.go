package tlscmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/certs"
	"tollgate/internal/cli"
	"tollgate/internal/setting"
)

func TestTLSCA(t *testing.T) {
	made, empty := t.TempDir(), t.TempDir()
	if _, err := certs.OpenInternal(certs.InternalCertificate{Dir: made, Hosts: []setting.CertificateHost{"a.test"}}, nil); err != nil {
		t.Fatal(err)
	}
	configured := func(listeners string) string {
		file := filepath.Join(t.TempDir(), "tollgate.yaml")
		text := fmt.Sprintf("listeners:\n%s\nupstreams:\n  bss: {url: https://bss.example, catalog: cn}\n"+
			"callers: {app: {auth: [{certificate: {uri: \"spiffe://a/b\"}}]}}\naudit: {dir: audit}\n", listeners)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const listener = "  - {name: %s, address: \"127.0.0.1:0\", tls: {certificates: [{files: {cert: a, key: b}}, {internal: {dir: %q, hosts: [a.test]}}]}}\n"
	const plain = "  - {name: plain, address: \"127.0.0.1:0\"}\n  - {name: files, address: \"127.0.0.1:0\", tls: {certificate: {files: {cert: a, key: b}}}}\n"
	one := configured(fmt.Sprintf(listener, "lab", made) + fmt.Sprintf(listener, "lab2", made) + plain)
	two := configured(fmt.Sprintf(listener, "lab", empty) + fmt.Sprintf(listener, "lab2", made))
	none := configured(plain)
	const certificate = "-----BEGIN CERTIFICATE-----"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--dir", made}, cli.ExitOK, certificate},
		{[]string{"--dir", empty}, cli.ExitFailure, "makes it at its first start"},
		{nil, cli.ExitUsage, "--dir DIR"},
		{[]string{made}, cli.ExitUsage, "unexpected argument"},
		{[]string{"--dir", made, "--config", one}, cli.ExitUsage, "one of --dir DIR and --config FILE"},
		{[]string{"--dir", made, "--listener", "lab"}, cli.ExitUsage, "--listener needs --config"},
		{[]string{"--config", one}, cli.ExitOK, certificate},
		{[]string{"--config", one, "--listener", "lab2"}, cli.ExitOK, certificate},
		{[]string{"--config", one, "--listener", "files"}, cli.ExitFailure, "listener files has no internal certificate"},
		{[]string{"--config", one, "--listener", "plain"}, cli.ExitFailure, "listener plain has no internal certificate"},
		{[]string{"--config", one, "--listener", "lba"}, cli.ExitUsage, `no listener "lba"; choose from lab, lab2, plain, files`},
		{[]string{"--config", two}, cli.ExitUsage, "several authorities"},
		{[]string{"--config", two, "--listener", "lab"}, cli.ExitFailure, "makes it at its first start"},
		{[]string{"--config", two, "--listener", "lab2"}, cli.ExitOK, certificate},
		{[]string{"--config", none}, cli.ExitFailure, "no listener has an internal certificate"},
		{[]string{"--config", empty}, cli.ExitFailure, "not a regular file"},
	} {
		var out bytes.Buffer
		code := cli.Execute(t.Context(), cli.Program("test", cli.Chapter("All:", Command())), append([]string{"tls", "ca"}, c.args...), &out, &out)
		if code != c.code || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "PRIVATE KEY") {
			t.Errorf("%v: %d, %s; want %d, %q", c.args, code, &out, c.code, c.want)
		}
	}
}
