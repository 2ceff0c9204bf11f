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
	Expr        string
	Labels      struct{ Severity string }
	Annotations struct{ Summary, Description, Runbook string }
}

// alertTest is a file for promtool.
type alertTest struct {
	RuleFiles []string `yaml:"rule_files"`
	Tests     []struct {
		Series []struct{ Series string } `yaml:"input_series"`
		Rules  []struct {
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

// TestAlertsAskForWhatIsThere: rules, and the series that they are tried on, name metrics, labels and values that a gateway has. Those whose
// increase is asked for it has from the start.
func TestAlertsAskForWhatIsThere(t *testing.T) {
	g := startEverything(t)
	born, documented := seriesOf(t, g.registry), documentedMetrics(t)
	g.happenEverything(t)
	had := seriesOf(t, g.registry)
	for name, a := range alerts(t) {
		for _, s := range selectors(a.Expr) {
			if problem := s.problem(documented, had); problem != "" {
				t.Errorf("%s: %s", name, problem)
			}
			if strings.Contains(a.Expr, "increase("+s.text) && !s.isIn(born[s.metric]) {
				t.Errorf("%s: no series of %s exists before the first count", name, s.text)
			}
		}
	}
	for _, test := range alertTests(t) {
		for _, one := range test.Tests {
			for _, series := range one.Series {
				for _, s := range selectors(series.Series) {
					if problem := s.problem(documented, nil); problem != "" {
						t.Errorf("a test of %s: %s", test.RuleFiles, problem)
					}
				}
			}
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

// selector is a metric in an expression, with what is asked of its labels.
type selector struct {
	text, metric string
	matchers     map[string]string // by label: alternatives, between bars
}

var (
	selectorText = regexp.MustCompile(`\b((?:tollgate|process)_\w+)(?:\{([^}]*)\})?`)
	matcherText  = regexp.MustCompile(`(\w+)\s*=~?\s*"([^"]*)"`)
)

func selectors(expr string) (all []selector) {
	for _, found := range selectorText.FindAllStringSubmatch(expr, -1) {
		s := selector{found[0], found[1], map[string]string{}}
		for _, m := range matcherText.FindAllStringSubmatch(found[2], -1) {
			s.matchers[m[1]] = m[2]
		}
		all = append(all, s)
	}
	return all
}

// problem says which of a selector's names a gateway does not have. Values are looked for in series, if there are any.
func (s *selector) problem(documented map[string]metric, series map[string][]map[string]string) string {
	if strings.HasPrefix(s.metric, "process_") {
		return ""
	}
	m, ok := documented[s.metric]
	if !ok {
		return "no metric " + s.metric
	}
	for label := range s.matchers {
		if label != "job" && label != "instance" && !slices.Contains(strings.Fields(m.labels), label) {
			return s.metric + " has no label " + label
		}
	}
	if series != nil && !s.isIn(series[s.metric]) {
		return "no series is like " + s.text
	}
	return ""
}

// isIn reports whether there are series for each alternative of each matcher.
func (s *selector) isIn(series []map[string]string) bool {
	series = slices.DeleteFunc(slices.Clone(series), func(labels map[string]string) bool { return !s.matches(labels) })
	for label, matcher := range s.matchers {
		for alternative := range strings.SplitSeq(matcher, "|") {
			if !slices.ContainsFunc(series, func(labels map[string]string) bool { return labels[label] == alternative }) {
				return false
			}
		}
	}
	return len(series) > 0
}

func (s *selector) matches(labels map[string]string) bool {
	for label, matcher := range s.matchers {
		if !slices.Contains(strings.Split(matcher, "|"), labels[label]) {
			return false
		}
	}
	return true
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
