package main

import (
	"os"
	"strings"
	"testing"

	"tollgate/config"
)

// Every configuration can be filled in from the values that the proxies share.
func TestConfigure(t *testing.T) {
	w := testWorld(t)
	for _, name := range []string{"tollgate.yaml", "nginx.conf", "haproxy.cfg"} {
		path, err := w.configure(name, w.values("127.0.0.1:4711"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "127.0.0.1:4711") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// Tollgate takes its configuration: a key that is renamed shows here, not when a measurement is due.
func TestTollgateConfiguration(t *testing.T) {
	w := testWorld(t)
	v := w.values("127.0.0.1:4711")
	v.Audit = t.TempDir()
	path, err := w.configure("tollgate.yaml", v)
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"BENCH_AK": accessKey, "BENCH_SK": secretKey}
	lookup := func(name string) (string, bool) { value, found := environment[name]; return value, found }
	if _, err := config.Load(path, config.Options{Secrets: true, LookupEnv: lookup}); err != nil {
		t.Error(err)
	}
}
