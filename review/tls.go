package review

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tollgate/audit/tlsreport"
	"tollgate/review/chart"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
	"tollgate/tlspolicy"
)

const (
	// maxWithout bounds the names that a question thinks away, in bytes.
	maxWithout = 400
	// soonEnding is how long before its end a certificate is marked.
	soonEnding = 30 * 24 * time.Hour
	// listedCerts and listedNames bound rows of the page.
	listedCerts, listedNames = 200, 100
)

// tlsChoice is which report a page shows.
type tlsChoice struct {
	log     *evidence.Log
	period  Period
	policy  *tlspolicy.Policy
	without string // names to think away; empty: the usual questions
}

// job is the name of the job that makes the report.
func (c *tlsChoice) job() string {
	return strings.Join([]string{"tls", c.log.Name, c.period.Since.Format(time.RFC3339), c.period.Until.Format(time.RFC3339), c.policy.Name(), c.without}, "/")
}

// config is that of the report.
func (c *tlsChoice) config() tlsreport.Config {
	config := tlsreport.Config{Policy: c.policy, Since: c.period.Since, Until: c.period.Until}
	if c.without != "" {
		config.Without = []string{c.without}
	}
	return config
}

// address returns the address of the page, perhaps of another log.
func (c *tlsChoice) address(log string) string {
	values := url.Values{"period": {c.period.Text}, "policy": {c.policy.Name()}, "log": {log}}
	if c.without != "" {
		values.Set("without", c.without)
	}
	return "/tls?" + values.Encode()
}

// tlsPage is what the template is executed with.
type tlsPage struct {
	Log, Period, Policy, Without string
	Policies                     []string
	Logs                         []link // to those of other logs
	Fault                        string // why there is none
	NoSuch                       bool   // the policy has none of the names to think away
	Current                      *jobView
	Here                         string
	Bytes                        int64 // that making the report reads
	Report                       *tlsView
}

// link is an address of a page with the text of a record or a configuration.
type link struct{ Text, Address string }

// tlsChoice reads which report an address or a form names.
func (s *Server) tlsChoice(ctx context.Context, r *request, values url.Values) (*tlsChoice, error) {
	c := &tlsChoice{log: s.config.Logs.Named(values.Get("log")), without: strings.TrimSpace(values.Get("without"))}
	if c.log == nil && values.Get("log") == "" && len(s.config.Logs) > 0 {
		c.log = s.config.Logs[0]
	}
	if c.log == nil {
		return nil, errNotFound
	}
	var err error
	if c.period, err = ParsePeriod(cmp.Or(values.Get("period"), r.now.Format("2006-01")), r.zone); err != nil {
		return nil, &failure{http.StatusBadRequest, "period.not_one", nil}
	}
	if c.policy, err = chosenPolicy(ctx, c.log, values.Get("policy")); err != nil {
		return nil, errNotFound
	}
	if len(c.without) > maxWithout {
		return nil, errNotFound
	}
	return c, nil
}

// planPolicies are the members of a plan that say which TLS policies there are.
type planPolicies struct {
	Listeners map[string]struct {
		TLS struct {
			Policy string `json:"policy"`
		} `json:"tls"`
	} `json:"listeners"`
	Policies map[string]struct {
		Versions     []string `json:"versions"`
		CipherSuites []string `json:"cipher_suites"`
		Groups       []string `json:"groups"`
	} `json:"tls_policies"`
}

// chosenPolicy returns the policy of a name: a built-in one, or one of the newest plan. Without a name it is that of the plan's listeners, if
// they have one, and else the default.
func chosenPolicy(ctx context.Context, l *evidence.Log, name string) (*tlspolicy.Policy, error) {
	if known, err := tlspolicy.Named(name); name != "" && err == nil {
		return known, nil
	}
	plan := newestPolicies(ctx, l)
	if name == "" {
		name = plan.ofListeners()
	}
	if known, err := tlspolicy.Named(name); err == nil {
		return known, nil
	}
	p, there := plan.Policies[name]
	if !there {
		return nil, errNotFound
	}
	return tlspolicy.New(name, tlspolicy.Config{Versions: p.Versions, CipherSuites: p.CipherSuites, Groups: p.Groups})
}

// ofListeners returns the policy that all listeners with TLS have, and else the default one.
func (p *planPolicies) ofListeners() (only string) {
	for _, l := range p.Listeners {
		if name := l.TLS.Policy; name != "" && only != "" && name != only {
			return tlspolicy.Default
		} else if name != "" {
			only = name
		}
	}
	return cmp.Or(only, tlspolicy.Default)
}

// newestPolicies reads the newest plan of a log that is at hand; without one there are none.
func newestPolicies(ctx context.Context, l *evidence.Log) (p planPolicies) {
	uses, err := l.PlanUses(ctx)
	if err != nil {
		return p
	}
	for _, u := range slices.Backward(uses) {
		if text, _, err := l.Plan(u.ID); err == nil && json.Unmarshal(text, &p) == nil {
			return p
		}
	}
	return p
}

// tls shows the TLS report of a period.
func (s *Server) tls(r *request) (*page, error) {
	ctx, cancel := r.limited()
	defer cancel()
	c, err := s.tlsChoice(ctx, r, r.URL.Query())
	if err != nil {
		return nil, err
	}
	v := &tlsPage{Log: c.log.Name, Period: c.period.Text, Policy: c.policy.Name(), Without: c.without, Policies: tlspolicy.Names(), Here: c.address(c.log.Name)}
	if !slices.Contains(v.Policies, v.Policy) {
		v.Policies = append(v.Policies, v.Policy)
	}
	for _, l := range s.config.Logs {
		if len(s.config.Logs) > 1 {
			v.Logs = append(v.Logs, link{l.Name, c.address(l.Name)})
		}
	}
	p := &page{name: "tls", title: r.words.Text("tls.title"), data: v}
	if _, err := tlsreport.New(c.config()); err != nil {
		v.NoSuch = true
		return p, nil
	}
	if err := s.fillTLS(ctx, r, c, v); err != nil {
		return nil, err
	}
	if v.Current != nil {
		p.refresh = refreshSeconds
	}
	return p, nil
}

// fillTLS takes the report, if it was made, or how far it is.
func (s *Server) fillTLS(ctx context.Context, r *request, c *tlsChoice, v *tlsPage) error {
	if j, ok := s.config.Jobs.Current(c.job()); ok {
		v.Current = r.jobView(j)
	}
	segments, err := c.log.Segments(ctx)
	if err != nil {
		return err
	}
	for _, one := range segmentsOf(segments, c.period) {
		v.Bytes += one.Bytes
	}
	last, ok := s.config.Jobs.Last(c.job())
	switch {
	case ok && last.Err == nil:
		v.Report = r.tlsView(last.Result.(*tlsResult), c)
	case ok && !last.Cancelled():
		v.Fault = last.Err.Error()
	case v.Current == nil && v.Bytes <= atOnceBytes && s.config.Jobs.Pace() == nil:
		return s.tlsAtOnce(ctx, r, c, v)
	}
	return nil
}

// atOnceBytes is how much of a log is read for a page at once, where no calls are served beside it. It takes less than a second.
const atOnceBytes = 32 << 20

// tlsAtOnce makes the report of a short part of a log within the request.
func (s *Server) tlsAtOnce(ctx context.Context, r *request, c *tlsChoice, v *tlsPage) error {
	result, err := makeTLS(ctx, c, nil)
	switch {
	case errors.Is(err, context.DeadlineExceeded): // it can be asked for as a job
	case err != nil:
		v.Fault = err.Error()
	default:
		v.Report = r.tlsView(result, c)
	}
	return nil
}

// startTLS starts to make a report, and cancelTLS ends that; both lead back to the page.
func (s *Server) startTLS(r *request) (*page, error) {
	c, err := s.tlsForm(r)
	if err != nil {
		return nil, err
	}
	work := func(ctx context.Context, p *jobs.Progress) (any, error) { return makeTLS(ctx, c, p) }
	if err := s.config.Jobs.Start(c.job(), r.person.Name, work); err != nil {
		return nil, jobFailure(err)
	}
	return r.redirect(c.address(c.log.Name)), nil
}

func (s *Server) cancelTLS(r *request) (*page, error) {
	c, err := s.tlsForm(r)
	if err != nil {
		return nil, err
	}
	s.config.Jobs.Cancel(c.job())
	return r.redirect(c.address(c.log.Name)), nil
}

func (s *Server) tlsForm(r *request) (*tlsChoice, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, errNotFound
	}
	return s.tlsChoice(r.Context(), r, r.PostForm)
}

// shares draws the versions of both directions.
func (r *request) tlsShares(report *tlsreport.Report) *chart.Drawing {
	s := &chart.Shares{Head: chart.Head{
		ID: "versions", Title: r.words.Text("tls.versions"), Desc: r.words.Text("tls.versions_desc"), Summary: r.words.Text("tls.as_table"),
		Columns: []string{r.words.Text("tls.direction")},
	}}
	for _, version := range tlsVersions[:3] {
		word := version.name
		if !strings.HasPrefix(word, "TLS") {
			word = r.words.Text("tls.other_version")
		}
		s.Series = append(s.Series, chart.Series{Fill: version.fill, Word: word})
		s.Columns = append(s.Columns, word)
	}
	for _, d := range []struct {
		id   string
		uses []tlsreport.Use
	}{{"tls.incoming", report.In}, {"tls.outgoing", report.Out}} {
		sums := make([]uint64, len(s.Series))
		sum := uint64(0)
		for _, u := range d.uses {
			sums[min(versionIndex(u.Version), len(sums)-1)] += u.Calls
			sum += u.Calls
		}
		bar := chart.Bar{Name: r.words.Text(d.id), Text: grouped(sum)}
		for _, n := range sums {
			bar.Values = append(bar.Values, count(n))
		}
		s.Rows = append(s.Rows, bar)
	}
	return s.Draw()
}
