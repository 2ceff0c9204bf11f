package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// names are those of labels that series have; nil: it is no series.
type names map[string]bool

// asked is a scrape, and what was found wrong with an expression that is held against it.
type asked struct {
	scrape
	problems []string
}

// ask returns the labels of an expression's result, and what the scrape lacks of it.
func (s scrape) ask(expr string) (names, []string) {
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		return nil, []string{err.Error()}
	}
	a := asked{scrape: s}
	found := a.labels(parsed)
	return found, a.problems
}

func (a *asked) problem(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// labels returns those of an expression's result.
func (a *asked) labels(e parser.Expr) names {
	switch e := e.(type) {
	case *parser.VectorSelector:
		return a.selected(e)
	case *parser.MatrixSelector:
		return a.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return a.labels(e.Expr)
	case *parser.ParenExpr:
		return a.labels(e.Expr)
	case *parser.UnaryExpr:
		return a.labels(e.Expr)
	case *parser.Call:
		return a.called(e)
	case *parser.AggregateExpr:
		return a.aggregated(e)
	case *parser.BinaryExpr:
		return a.joined(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return nil
	}
	a.problem("the test does not know %T", e)
	return nil
}

// selected returns the labels of the series that a selector selects. Each alternative that it names has to be there.
func (a *asked) selected(s *parser.VectorSelector) names {
	all := a.scrape[s.Name]
	if all == nil {
		a.problem("no metric %s", s.Name)
		return nil
	}
	found := names{}
	for _, series := range all {
		if matches(series, s.LabelMatchers) {
			for name := range series {
				found[name] = true
			}
		}
	}
	if len(found) == 0 {
		a.problem("no series is like %s", s)
	}
	for _, m := range s.LabelMatchers {
		a.alternatives(s, all, m)
	}
	return found
}

func matches(series map[string]string, matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
		return m.Name != labels.MetricName && !m.Matches(series[m.Name])
	})
}

// alternatives reports a label that no series of a metric has, and a value that none has.
func (a *asked) alternatives(s *parser.VectorSelector, all []map[string]string, m *labels.Matcher) {
	if m.Name == labels.MetricName {
		return
	}
	values := names{}
	for _, series := range all {
		if value, ok := series[m.Name]; ok {
			values[value] = true
		}
	}
	if len(values) == 0 {
		a.problem("%s has no label %s", s.Name, m.Name)
	}
	if m.Value == ".*" {
		return
	}
	for value := range strings.SplitSeq(m.Value, "|") {
		if !values[value] {
			a.problem("%s: no series has %s=%q", s.Name, m.Name, value)
		}
	}
}

// called returns the labels of a function's result: those of its argument.
func (a *asked) called(c *parser.Call) (found names) {
	for _, arg := range c.Args {
		if of := a.labels(arg); of != nil {
			found = of
		}
	}
	if c.Func.Name == "histogram_quantile" && !found["le"] {
		a.problem("histogram_quantile of what has no le: %s", c)
	}
	return found
}

// aggregated returns the labels of an aggregation: those that it is by, or of a choice like topk all.
func (a *asked) aggregated(e *parser.AggregateExpr) names {
	inner := a.labels(e.Expr)
	by := names{}
	for _, name := range e.Grouping {
		by[name] = true
		if !inner[name] {
			a.problem("%s: no series has the label %s", e, name)
		}
	}
	if e.Without {
		a.problem("%s: by says what stays, without does not", e)
	}
	if e.Op == parser.TOPK || e.Op == parser.BOTTOMK {
		return inner
	}
	return by
}

// joined returns the labels of a binary expression's result: those of the left side, if that has any.
func (a *asked) joined(e *parser.BinaryExpr) names {
	left, right := a.labels(e.LHS), a.labels(e.RHS)
	if left == nil || right == nil {
		if left == nil {
			return right
		}
		return left
	}
	if on := e.VectorMatching; on.On {
		for _, name := range on.MatchingLabels {
			if !left[name] || !right[name] {
				a.problem("%s: not both sides have the label %s", e, name)
			}
		}
	}
	return left
}

// alertRule is what is looked at of a rule.
type alertRule struct {
	Alert, Expr string
	Annotations map[string]string
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	return files
}

func rulesOf(t *testing.T, file string) (all []alertRule) {
	t.Helper()
	var rules struct{ Groups []struct{ Rules []alertRule } }
	readYAML(t, file, &rules)
	for _, group := range rules.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

var (
	ruleLabel  = regexp.MustCompile(`\$labels\.(\w+)`)
	panelLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)
	increased  = regexp.MustCompile(`increase\(([^\[]+)\[`)
	queried    = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
)

// checkRule holds a rule against a scrape, and what it asks for an increase of against one before anything has happened.
func (s scrape) checkRule(t *testing.T, born scrape, rule alertRule) {
	t.Helper()
	found, problems := s.ask(rule.Expr)
	for _, one := range increased.FindAllStringSubmatch(rule.Expr, -1) {
		if _, missing := born.ask(one[1]); len(missing) > 0 {
			problems = append(problems, "before the first count: "+strings.Join(missing, ", "))
		}
	}
	for _, text := range rule.Annotations {
		problems = append(problems, unknownLabels(ruleLabel, text, found)...)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", rule.Alert, problem)
	}
}

// unknownLabels returns the labels that a text names and series do not have.
func unknownLabels(in *regexp.Regexp, text string, found names) (problems []string) {
	for _, label := range in.FindAllStringSubmatch(text, -1) {
		if !found[label[1]] {
			problems = append(problems, fmt.Sprintf("%q names the label %s, which the result does not have", text, label[1]))
		}
	}
	return problems
}

// checkCases holds the series of promtool's cases against a scrape: their names and labels.
func (s scrape) checkCases(t *testing.T, file string) {
	t.Helper()
	var cases struct {
		Tests []struct {
			Series []struct{ Series string } `yaml:"input_series"`
		}
	}
	readYAML(t, file, &cases)
	for _, one := range cases.Tests {
		for _, series := range one.Series {
			given, err := parser.ParseMetric(series.Series)
			if err != nil {
				t.Errorf("%s: %s: %v", file, series.Series, err)
				continue
			}
			given.Range(func(l labels.Label) {
				if of := s[given.Get(labels.MetricName)]; l.Name != labels.MetricName && !slices.ContainsFunc(of, func(has map[string]string) bool { _, ok := has[l.Name]; return ok }) {
					t.Errorf("%s: no series of a gateway has the label %s of %s", file, l.Name, series.Series)
				}
			})
		}
	}
}

// dashboard is what is looked at of a dashboard.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct {
			Name, Type, Definition, AllValue string
			Query                            any
		}
	}
}

// checkDashboard holds a dashboard against a scrape: with all instances, listeners and callers chosen.
func (s scrape) checkDashboard(t *testing.T, file string) {
	t.Helper()
	var d dashboard
	if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &d) != nil {
		t.Fatalf("%s cannot be read as a dashboard (%v)", file, err)
	}
	chosen := []string{"$__rate_interval", "5m"}
	for _, v := range d.Templating.List {
		chosen = append(chosen, "$"+v.Name, v.AllValue)
		if v.Type != "query" {
			continue
		}
		query := queried.FindStringSubmatch(v.Definition)
		if query == nil {
			t.Errorf("variable %s: the query %q is no label_values", v.Name, v.Definition)
			continue
		}
		s.checkPanel(t, "variable "+v.Name, strings.ReplaceAll(query[1], "$instance", ".*"), "{{"+query[2]+"}}")
	}
	fill := strings.NewReplacer(chosen...)
	var exprs []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			exprs = append(exprs, fill.Replace(target.Expr))
			s.checkPanel(t, "panel "+p.Title, exprs[len(exprs)-1], target.LegendFormat)
		}
	}
	parsed(t, exprs)
}

// checkPanel holds an expression, and the labels that its series are called by, against a scrape.
func (s scrape) checkPanel(t *testing.T, what, expr, legend string) {
	t.Helper()
	found, problems := s.ask(expr)
	for _, problem := range append(problems, unknownLabels(panelLabel, legend, found)...) {
		t.Errorf("%s: %s", what, problem)
	}
}
