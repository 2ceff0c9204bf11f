package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// alertFolder has the rules, and promtool's tests of them.
const alertFolder = "../deploy/prometheus/"

// alert is a rule.
type alert struct {
	Alert       string
	Labels      struct{ Severity string }
	Annotations struct{ Summary, Description, Runbook string }
}

// alertTest is a file for promtool.
type alertTest struct {
	Tests []struct {
		Rules []struct {
			Name   string `yaml:"alertname"`
			Alerts []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// TestAlerts has promtool check the rules, and try them on the series of their tests.
func TestAlerts(t *testing.T) {
	promtool(t, append([]string{"check", "rules"}, alertPaths(t, "*.rules.yml")...)...)
	promtool(t, append([]string{"test", "rules"}, alertPaths(t, "tests/*.yml")...)...)
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Fatal("this test needs promtool, which is not installed. On Debian: apt-get install prometheus")
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", args[:2], err, out)
	}
}

// TestAlertsFireAndAreSilent: promtool's tests have both cases of each alert.
func TestAlertsFireAndAreSilent(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range alertTests(t) {
		for _, one := range test.Tests {
			for _, rule := range one.Rules {
				map[bool]map[string]bool{true: fires, false: silent}[len(rule.Alerts) > 0][rule.Name] = true
			}
		}
	}
	for name := range alerts(t) {
		if !fires[name] || !silent[name] {
			t.Errorf("%s: the tests have it firing: %v, silent: %v", name, fires[name], silent[name])
		}
	}
}

// TestAlertsAreExplained: each alert is in docs/metrics.md with its severity, and has a runbook that exists.
func TestAlertsAreExplained(t *testing.T) {
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(Tollgate\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(pageText(t, "../docs/metrics.md"), -1) {
		documented[row[1]] = row[2]
	}
	rules, runbooks := alerts(t), anchorsOf(t, "../docs/runbooks.md")
	for name := range documented {
		if _, ok := rules[name]; !ok {
			t.Errorf("docs/metrics.md has %s, which is no rule", name)
		}
	}
	for name, a := range rules {
		if documented[name] != a.Labels.Severity || a.Annotations.Summary == "" || a.Annotations.Description == "" {
			t.Errorf("%s: severity %q, in docs/metrics.md %q; summary %q, description %q", name, a.Labels.Severity, documented[name], a.Annotations.Summary, a.Annotations.Description)
		}
		file, anchor, _ := strings.Cut(a.Annotations.Runbook, "#")
		if file != "docs/runbooks.md" || !slices.Contains(runbooks, anchor) {
			t.Errorf("%s: no section %s", name, a.Annotations.Runbook)
		}
	}
}

func alerts(t *testing.T) map[string]alert {
	t.Helper()
	all := map[string]alert{}
	for _, file := range alertPaths(t, "*.rules.yml") {
		var rules struct{ Groups []struct{ Rules []alert } }
		if err := yaml.Unmarshal([]byte(pageText(t, file)), &rules); err != nil {
			t.Fatal(err)
		}
		for _, group := range rules.Groups {
			for _, rule := range group.Rules {
				all[rule.Alert] = rule
			}
		}
	}
	return all
}

func alertTests(t *testing.T) (all []alertTest) {
	t.Helper()
	for _, file := range alertPaths(t, "tests/*.yml") {
		var test alertTest
		if err := yaml.Unmarshal([]byte(pageText(t, file)), &test); err != nil {
			t.Fatal(err)
		}
		all = append(all, test)
	}
	return all
}

func alertPaths(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(alertFolder + pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found
}

func pageText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchorsOf returns those of a page's headings.
func anchorsOf(t *testing.T, page string) (all []string) {
	t.Helper()
	for line := range strings.Lines(pageText(t, page)) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			all = append(all, anchorOf(heading))
		}
	}
	return all
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)

func anchorOf(heading string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-")
}
