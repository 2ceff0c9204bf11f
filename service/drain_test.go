package service_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"tollgate/config"
	"tollgate/service"
)

// The samples leave a gateway the time that it may take to stop.
func TestSamplesWaitForTheStop(t *testing.T) {
	for name, of := range map[string]struct{ settings, pattern string }{
		"tollgate.service":        {"central.yaml", `(?m)^TimeoutStopSec=(\S+)s$`},
		"kubernetes/central.yaml": {"kubernetes/central.yaml", `terminationGracePeriodSeconds: (\d+)`},
		"kubernetes/sidecar.yaml": {"kubernetes/sidecar.yaml", `terminationGracePeriodSeconds: (\d+)`},
	} {
		settings, supervisor := sample(t, of.settings), sample(t, name)
		c := &config.Config{}
		c.Bounds.Drain = seconds(t, settings, `drain: (\d+)s`)
		c.Audit.Deadline = 2 * time.Second // the default
		if strings.Contains(settings, "deadline: ") {
			c.Audit.Deadline = seconds(t, settings, `deadline: (\d+)s`)
		}
		stop := service.StopTime(c)
		if strings.Contains(supervisor, "preStop: ") {
			stop += seconds(t, supervisor, `preStop: \{sleep: \{seconds: (\d+)\}\}`)
		}
		if killed := seconds(t, supervisor, of.pattern); killed <= stop {
			t.Errorf("%s: the gateway is killed after %v, and may take %v to stop", name, killed, stop)
		}
	}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func seconds(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s", pattern)
	}
	var n int
	if _, err := fmt.Sscan(match[1], &n); err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}
