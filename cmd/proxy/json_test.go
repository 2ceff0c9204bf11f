package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

// notJSON are the commands without --json, with the reasons.
var notJSON = map[string]string{
	"run":           "it prints nothing: its log is JSON by log.format",
	"demo":          "a tour for people",
	"review":        "a server for people who review",
	"simulate":      "a server for people who try something",
	"schema":        "its output is JSON",
	"sdk-config":    "its output is text for the source of a program",
	"completion":    "its output is a script for a shell",
	"tls statement": "its output is a document in Markdown; tls policy has its data",
	"tls ca":        "its output is a certificate in PEM",
	"audit prove":   "its output is JSON",
}

// TestEveryResultAsJSON: each command that prints a result prints it as JSON on demand.
func TestEveryResultAsJSON(t *testing.T) {
	unused := map[string]string{}
	for name, why := range notJSON {
		unused[name] = why
	}
	each(func(words []string, c *cobra.Command) {
		name := strings.Join(words, " ")
		has := c.Flags().Lookup("json") != nil
		_, excepted := notJSON[name]
		delete(unused, name)
		switch {
		case !c.Runnable() || c.HasSubCommands() && c.Flags().Lookup("config") == nil: // a group
		case has && excepted:
			t.Errorf("%s has --json: take it off the list", name)
		case !has && !excepted:
			t.Errorf("%s has no --json: what it prints cannot be read by programs", name)
		}
	})
	for name := range unused {
		t.Errorf("there is no command %s", name)
	}
}

// asJSON runs a command that prints one JSON object, whose members are named as all are.
func asJSON(t *testing.T, wantCode int, args ...string) map[string]any {
	t.Helper()
	code, stdout, stderr := run(t, args...)
	var object map[string]any
	if err := json.Unmarshal([]byte(stdout), &object); err != nil || code != wantCode {
		t.Fatalf("%v: exit %d, %v\n%s%s", args, code, err, stdout, stderr)
	}
	checkNames(t, args[0], object)
	return object
}

// checkNames refuses members that are not in snake_case. Those of a configuration are names that people chose.
func checkNames(t *testing.T, where string, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if name != strings.ToLower(name) || strings.ContainsAny(name, "- ") {
				t.Errorf("%s: the member %q is not in snake_case", where, name)
			}
			if name != "configuration" {
				checkNames(t, where+"."+name, member)
			}
		}
	case []any:
		for _, one := range v {
			checkNames(t, where, one)
		}
	}
}

func TestCheckAsJSON(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for file, text := range map[string]string{good: completed, bad: strings.Replace(completed, "customer", "custmer", 1) + "more: 1\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := asJSON(t, cli.ExitOK, "check", "--no-secrets", "--json", "--config", good)
	if conf, ok := c["configuration"].(map[string]any); c["good"] != true || !ok || conf["callers"].(map[string]any)["app"] == nil || c["file"] != good || c["problems"] != nil {
		t.Errorf("%v", c)
	}
	c = asJSON(t, cli.ExitFailure, "check", "--json", "--config", bad)
	problems, _ := c["problems"].([]any)
	if c["good"] != false || len(problems) < 2 || c["configuration"] != nil {
		t.Fatalf("%v", c)
	}
	first := problems[0].(map[string]any)
	if first["path"] != "credentials.acme.class" || first["line"] != 4.0 || first["message"] == "" || first["suggestion"] == "" {
		t.Errorf("%v", first)
	}
	if code, stdout, stderr := run(t, "check", "--json", "--config", dir+"/none"); code != cli.ExitFailure || stdout != "" || stderr == "" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestVersionAsJSON(t *testing.T) {
	if v := asJSON(t, cli.ExitOK, "version", "--json"); v["version"] != programVersion() || !strings.HasPrefix(v["go"].(string), "go") {
		t.Errorf("%v", v)
	}
}

// TestHealth: in words, and as the page of the gateway, whether it is ready or not.
func TestHealth(t *testing.T) {
	path := runningAs(t, admin.API{}, func() admin.Readiness {
		return admin.Readiness{Ready: true, Warnings: []string{"a disk\x1b is slow"}, Notes: []string{"a note"}}
	})
	if code, stdout, _ := run(t, "health", "--socket", path); code != cli.ExitOK || stdout != "ready\n  warning: a disk\uFFFD is slow\n  note: a note\n" {
		t.Errorf("exit %d, %q", code, stdout)
	}
	if h := asJSON(t, cli.ExitOK, "health", "--json", "--socket", path); h["ready"] != true || len(h["warnings"].([]any)) != 1 {
		t.Errorf("%v", h)
	}
	if code, stdout, _ := run(t, "health", "--live", "--socket", path); code != cli.ExitOK || stdout != "live\n" {
		t.Errorf("exit %d, %q", code, stdout)
	}
	path = runningAs(t, admin.API{}, func() admin.Readiness { return admin.Readiness{Reasons: []string{"no space"}} })
	if h := asJSON(t, cli.ExitFailure, "health", "--json", "--socket", path); h["ready"] != false || h["reasons"].([]any)[0] != "no space" {
		t.Errorf("%v", h)
	}
	if code, stdout, stderr := run(t, "health", "--socket", path); code != cli.ExitFailure || stdout != "" || stderr != "tollgate: not ready (503): no space\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}
