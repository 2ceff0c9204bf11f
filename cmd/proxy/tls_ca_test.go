package main

import (
	"bytes"
	"strings"
	"testing"

	"tollgate/internal/certs"
)

func TestTLSCA(t *testing.T) {
	made, empty := t.TempDir(), t.TempDir()
	if _, err := certs.OpenInternal(certs.InternalConfig{Dir: made, Hosts: []string{"a.test"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tls", "ca", "--dir", made}, exitOK, "-----BEGIN CERTIFICATE-----"},
		{[]string{"tls", "ca", "--dir", empty}, exitFailure, "makes it at its first start"},
		{[]string{"tls", "ca"}, exitUsage, "--dir DIR"},
		{[]string{"tls", "ca", made}, exitUsage, "unexpected argument"},
	} {
		var out bytes.Buffer
		code := execute(t.Context(), c.args, &out, &out)
		if code != c.code || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "PRIVATE KEY") {
			t.Errorf("%v: %d, %s; want %d, %q", c.args, code, &out, c.code, c.want)
		}
	}
}
