package deploytest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"tollgate/config"
)

const unitFile = "deploy/tollgate.service"

// setting returns what the unit sets a key to; it stands there once.
func setting(t *testing.T, unit []byte, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllSubmatch(unit, -1)
	if len(found) != 1 {
		t.Fatalf("the unit sets %s %d times", key, len(found))
	}
	return string(found[0][1])
}

// TestUnit holds the systemd unit to the configuration that it is for: secrets that it reads where they change, and time to drain.
func TestUnit(t *testing.T) {
	unit := readFile(t, unitFile)
	c := load(t, "central.yaml", readFile(t, "deploy/central.yaml"))
	timeout, err := time.ParseDuration(setting(t, unit, "TimeoutStopSec"))
	if err != nil || timeout < stopTime(c) {
		t.Errorf("the unit kills after %v (%v), the gateway stops within %v", timeout, err, stopTime(c))
	}
	if kind, patience := setting(t, unit, "Type"), setting(t, unit, "TimeoutStartSec"); kind != "notify" || patience != "infinity" {
		t.Errorf("type %s, and %s for a start, which may read a long log", kind, patience)
	}
	// What is handed over in these ways is a copy of when the service started.
	if line := regexp.MustCompile(`(?m)^(Load|Set|Import)Credential.*$|^Environment.*$`).Find(unit); line != nil {
		t.Errorf("the unit has %s", line)
	}
	checkInstalled(t, c, unit)
}

// checkInstalled checks that the unit says for each secret of the configuration how the service's group can read it.
func checkInstalled(t *testing.T, c *config.Config, unit []byte) {
	t.Helper()
	group := setting(t, unit, "SupplementaryGroups")
	if c.PrivateFiles == nil {
		t.Error("central.yaml has no secrets")
	}
	for _, f := range c.PrivateFiles {
		dir, name := filepath.Split(f.Path)
		install := regexp.MustCompile(`(?m)^#   install -m 0640 -g ` + group + ` .*\b` + regexp.QuoteMeta(name) + `\b.* ` + dir + `$`)
		if dir == "/etc/tollgate/secrets/" && !install.Match(unit) {
			t.Errorf("the unit does not say who may read %s", f.Path)
		}
	}
}

// TestUnitIsValid has systemd read the unit as it would at its start, and rate its exposure: no worse than the unit and the manual say.
func TestUnitIsValid(t *testing.T) {
	unit := readFile(t, unitFile)
	program := filepath.Join(t.TempDir(), "tollgate")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tollgate.service")
	if err := os.WriteFile(file, bytes.ReplaceAll(unit, []byte("/usr/local/bin/tollgate"), []byte(program)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := analyze(t, "verify", file); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	rated := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(analyze(t, "security", "--offline=true", file))
	if rated == nil {
		t.Fatal("systemd-analyze security rates nothing")
	}
	for _, page := range []string{unitFile, "docs/tasks/install.md"} {
		recorded := regexp.MustCompile(`exposure ([0-9.]+) \(`).FindSubmatch(readFile(t, page))
		if recorded == nil || number(t, rated[1]) > number(t, string(recorded[1])) {
			t.Errorf("the exposure is %s; %s says %q", rated[1], page, recorded)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// analyze runs systemd-analyze, which must be content, and returns what it prints.
func analyze(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("this test needs systemd-analyze, which is not installed. On Debian: apt-get install systemd")
	}
	if err != nil {
		t.Errorf("systemd-analyze %s: %v", args[0], err)
	}
	return string(out)
}
