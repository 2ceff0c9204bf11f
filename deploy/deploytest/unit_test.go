package deploytest

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"tollgate/config"
	"tollgate/service"
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
	if err != nil || timeout < service.StopTime(c) {
		t.Errorf("the unit kills after %v (%v), the gateway stops within %v", timeout, err, service.StopTime(c))
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
