package review

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/verify"
	"tollgate/catalog"
	"tollgate/internal/moment"
	"tollgate/internal/words"
	"tollgate/review/inbox"
)

const (
	inboxDays = 31  // of the period, unless the address names one
	inboxRows = 100 // that a page has
)

// inboxPage is what the template is executed with.
type inboxPage struct {
	Period      string // as the address has it; empty: the last days
	First, Last time.Time
	Found       *inbox.Found
	Verified    []verifiedLog
	Groups      []inboxGroup
	More        int // exceptions that are in no row of the page
	Missed      []missedPart
}

// verifiedLog is how far a log was verified.
type verifiedLog struct {
	Log   string
	Known bool
	inbox.Verified
}

// inboxGroup are the rows of one weight.
type inboxGroup struct {
	Weight inbox.Weight
	Money  bool // rows of it hold money
	Rows   []inboxRow
}

// inboxRow are equal exceptions.
type inboxRow struct {
	*inbox.Row
	Said    []words.Part
	Meaning string // of the reason; empty: the row has none, or has it in words
	Address string // of the exception, if it is one
	Items   []inboxItem
	Rest    int    // exceptions that are not among the items
	Calls   string // the address of the calls concerned; empty: none are
}

// inboxItem is one of several exceptions of a row.
type inboxItem struct {
	*inbox.Exception
	Address string
}

// missedPart is a part that was not read to its end.
type missedPart struct {
	Said []words.Part
	GoOn string // an address that shows more of it; empty: there is none
}

// inbox shows what needs a look.
func (s *Server) inbox(r *request) (*page, error) {
	scope, period, err := s.scope(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := r.limited()
	defer cancel()
	p := &inboxPage{Period: period, First: scope.Since, Last: scope.Until.Add(-time.Nanosecond), Found: inbox.Find(ctx, s.config.Logs, scope)}
	for _, l := range s.config.Logs {
		v, known := s.verified(l.Name)
		v.At, v.Time = r.local(v.At), r.local(v.Time)
		p.Verified = append(p.Verified, verifiedLog{l.Name, known, v})
	}
	p.fill(r, scope)
	return &page{name: "inbox", title: r.words.Text("inbox.title"), data: p}, nil
}

// scope returns what is looked at: the period of the address, or the last days.
func (s *Server) scope(r *request) (scope *inbox.Scope, period string, err error) {
	today := time.Date(r.now.Year(), r.now.Month(), r.now.Day(), 0, 0, 0, 0, time.UTC)
	scope = &inbox.Scope{Zone: r.zone, Now: r.now, Verified: s.verified}
	if period = r.URL.Query().Get(paramPeriod); period != "" {
		chosen, err := ParsePeriod(period, r.zone)
		if err != nil {
			return nil, "", badRequest("calls.bad.period", "Name", paramPeriod, "Value", short(period))
		}
		scope.Since, scope.Until = chosen.Since, chosen.Until
	} else if scope.Since, scope.Until, err = moment.Days(today.AddDate(0, 0, 1-inboxDays), today, r.zone); err != nil {
		return nil, "", err
	}
	if s.config.Expiring != nil {
		scope.Expiring = s.config.Expiring()
	}
	return scope, period, nil
}

// verified returns what the last verification of a log in this process found.
func (s *Server) verified(log string) (v inbox.Verified, known bool) {
	l := s.config.Logs.Named(log)
	last, known := s.config.Jobs.Last(verifyJob(l))
	if !known || last.Err != nil {
		return v, false
	}
	report := last.Result.(*verify.Report)
	v = inbox.Verified{At: last.Ended, To: report.Last - report.Unsigned, Time: report.LastSigned}
	for _, fault := range report.Faults {
		v.Faults = append(v.Faults, inbox.LogFault{Seq: fault.Seq, Text: fault.Text})
	}
	return v, true
}

// fill adds the rows of the page.
func (p *inboxPage) fill(r *request, scope *inbox.Scope) {
	p.More = p.Found.More
	for i, row := range p.Found.Rows {
		if i >= inboxRows {
			p.More += row.Exceptions
			continue
		}
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Weight != row.Weight {
			p.Groups = append(p.Groups, inboxGroup{Weight: row.Weight})
		}
		last := &p.Groups[len(p.Groups)-1]
		last.Rows = append(last.Rows, r.inboxRow(row, scope, p.Period))
		last.Money = last.Money || len(row.Held) > 0
	}
	p.Missed = r.missed(p.Found.Missed, scope)
}

func (r *request) inboxRow(row *inbox.Row, scope *inbox.Scope, period string) inboxRow {
	view := inboxRow{Row: row, Meaning: r.reasonMeaning(&row.Subject), Said: r.words.Said("inbox.row."+variant(&row.Subject), r.values(&row.Subject, row.Exceptions, row.Count, row.Until)...)}
	row.First, row.Last, row.Until = r.local(row.First), r.local(row.Last), r.local(row.Until)
	f := row.Filter(scope)
	if row.Exceptions == 1 {
		f = row.Newest[0].Filter(scope)
	}
	// Calls that a log could not take, and connections, are in no list.
	if f != nil && row.Kind != inbox.Stalled && (row.Kind != inbox.Burst || row.Recorded > 0) {
		view.Calls = callsAddress(f, row.Log)
	}
	if row.Exceptions == 1 {
		view.Address = exceptionAddress(row.Newest[0], period)
		return view
	}
	for _, e := range row.Newest {
		e.Time = r.local(e.Time)
		view.Items = append(view.Items, inboxItem{e, exceptionAddress(e, period)})
	}
	view.Rest = row.Exceptions - len(row.Newest)
	return view
}

// exceptionAddress returns the address of an exception's page. Only the certificates of peers are looked for in the period of the inbox.
func exceptionAddress(e *inbox.Exception, period string) string {
	address := "/exceptions/" + e.ID.String()
	if period != "" {
		address += "?" + url.Values{paramPeriod: {period}}.Encode()
	}
	return address
}

// variant returns the end of the names of messages about a subject.
func variant(s *inbox.Subject) string {
	switch {
	case s.Kind == inbox.Expires, s.Kind == inbox.Freeze:
		return string(s.Kind) + "_" + s.Of
	case s.Kind == inbox.Paused && s.Caller != "":
		return "paused_one"
	case s.Kind == inbox.Burst && s.Caller != "":
		return "burst_caller"
	case s.Kind == inbox.Burst && s.Source == "other":
		return "burst_others"
	}
	return string(s.Kind)
}

// values are the names and values of messages about a subject, its exceptions and what they count.
func (r *request) values(s *inbox.Subject, exceptions int, count uint64, until time.Time) []any {
	caller, operation := s.Caller, s.Operation
	if caller == "" {
		caller = r.words.Text("inbox.no_caller")
	}
	if operation == "" {
		operation = r.words.Text("inbox.no_operation")
	}
	return []any{
		"Count", exceptions, "Exceptions", grouped(exceptions), "Number", grouped(count), "Log", s.Log, "Caller", caller, "Operation", operation, "Source", s.Source,
		"Reason", r.reasonText(s), "Name", s.Name, "Until", r.time(until),
	}
}

// reasonText returns the reason of a subject for people: that of refused connections in words, that of refused calls as the documents name it.
func (r *request) reasonText(s *inbox.Subject) string {
	if s.Kind != inbox.Burst {
		return s.Reason
	}
	text := ""
	for _, part := range r.tlsReason(s.Reason) {
		text += part.Text
	}
	return text
}

// reasonMeaning returns what the reason of refused calls means; empty: the subject has no such reason.
func (r *request) reasonMeaning(s *inbox.Subject) string {
	if s.Kind != inbox.Burst {
		return ""
	}
	return r.meaning("reason." + s.Reason)
}

// local returns a time in the zone of the reader; the zero time as it is.
func (r *request) local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(r.zone)
}

// time returns a time as texts have it.
func (r *request) time(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return r.local(t).Format(time.DateTime)
}

// missed says which parts of logs were not read to their end, and where there is more. What one fault kept from being read is said at once.
func (r *request) missed(all []inbox.Missed, scope *inbox.Scope) (views []missedPart) {
	type fault struct{ log, text string }
	faults, order := map[fault][]string{}, []fault{}
	for _, m := range all {
		if m.Err == nil {
			views = append(views, r.late(m, scope))
			continue
		}
		f := fault{m.Log, m.Err.Error()}
		if faults[f] == nil {
			order = append(order, f)
		}
		faults[f] = append(faults[f], r.words.Text("inbox.part."+string(m.Part)))
	}
	for _, f := range order {
		parts := strings.Join(faults[f], r.words.Text("inbox.comma"))
		views = append(views, missedPart{r.words.Said("inbox.missed_fault", "Log", f.log, "Part", parts, "Error", f.text), ""})
	}
	return views
}

// late says which part of a log time did not suffice for.
func (r *request) late(m inbox.Missed, scope *inbox.Scope) missedPart {
	part := r.words.Text("inbox.part." + string(m.Part))
	view := missedPart{GoOn: restAddress(m, scope)}
	if m.Before.IsZero() {
		view.Said = r.words.Said("inbox.missed", "Log", m.Log, "Part", part)
	} else {
		view.Said = r.words.Said("inbox.missed_before", "Log", m.Log, "Part", part, "Before", r.time(m.Before))
	}
	return view
}

// restAddress returns where what was missed can be seen: the list of calls, or the part of the period that was not read; empty: nowhere.
func restAddress(m inbox.Missed, scope *inbox.Scope) string {
	switch m.Part {
	case inbox.PartUnknown:
		return callsAddress(&calls.Filter{State: "unknown"}, m.Log)
	case inbox.PartOpen:
		return callsAddress(&calls.Filter{State: calls.Open}, m.Log)
	case inbox.PartRefusals:
		if m.Before.IsZero() || !m.Before.After(scope.Since) {
			return ""
		}
		period := fmt.Sprintf("%s..%s", scope.Since.In(scope.Zone).Format(time.DateOnly), m.Before.In(scope.Zone).Format(time.DateOnly))
		return "/?" + url.Values{paramPeriod: {period}}.Encode()
	}
	return ""
}

// callsAddress returns the address of the list of calls that a filter of exceptions chooses, of one log or of all.
func callsAddress(f *calls.Filter, log string) string {
	values := url.Values{}
	for _, one := range []struct{ name, value string }{
		{"caller", f.Caller}, {"operation", f.Operation}, {"credential", f.Credential}, {"customer", f.Customer}, {"outcome", f.State}, {"decision", f.Decision},
		{"reason", f.Reason}, {"call", f.Call}, {paramLog, log}, {paramSince, stamp(f.Since)}, {paramUntil, stamp(f.Until)},
	} {
		if one.value != "" {
			values.Set(one.name, one.value)
		}
	}
	if f.Deprecated {
		values.Set("deprecated", "true")
	}
	return "/calls?" + values.Encode()
}

// stamp returns a time as parameters of addresses have it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// inCatalog returns an operation that ends, of any site; nil if the catalog has none of that name.
func inCatalog(name string) *catalog.Operation {
	for _, site := range catalog.Sites() {
		if o := catalog.Find(site, name); o != nil && o.Deprecated {
			return o
		}
	}
	return nil
}
