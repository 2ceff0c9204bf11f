package review

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/text"
	"tollgate/internal/words"
	"tollgate/review/evidence"
)

// callsPerPage is how many calls a page lists.
const callsPerPage = 50

const (
	// maxWord and maxName are how long an operation and another name may be that no line break divides, maxCell how long a text of a table is. All
	// are in bytes.
	maxWord, maxName, maxCell = 40, 16, 100
)

// callsPage is what the template is executed with.
type callsPage struct {
	Form   form
	Table  callTable
	Newest string
	Older  string
	GoOn   string    // the address that goes on where time was up
	Stuck  bool      // time was up before anything was found out
	Fault  string    // why calls may be missing
	Sums   *callSums // nil: this page has none
	CSV    string
	JSON   string
}

// calls lists calls, those that are open first, and then the newest end first.
func (s *Server) calls(r *request) (*page, error) {
	c, err := s.choice(r)
	if err != nil {
		return nil, err
	}
	if c.cleaned {
		return r.redirect(c.address("/calls", paramBefore, c.before.String())), nil
	}
	ctx, cancel := r.limited()
	defer cancel()
	p := &callsPage{CSV: c.address("/calls.csv"), JSON: c.address("/calls.json")}
	placed, whole, err := p.read(ctx, c)
	if err != nil {
		return nil, err
	}
	p.Table = newCallTable(r.words.Text("calls.caption", "Count", len(placed)), placed, c.zone, len(c.logs) > 1)
	if p.Sums, err = r.callSums(ctx, c, placed, whole); err != nil {
		p.Fault = cmp.Or(p.Fault, err.Error())
	}
	p.Form = r.form(c, s.config.Logs, known(ctx, s.config.Logs))
	return &page{name: "calls", title: r.words.Text("calls.title"), data: p}, nil
}

// read reads the calls of the page, and reports whether they are all that the filter chooses.
func (p *callsPage) read(ctx context.Context, c *choice) (placed []calls.Placed, whole bool, err error) {
	pager, err := c.logs.Pager()
	if err != nil {
		return nil, false, err
	}
	placed, next, err := pager.Page(ctx, &c.filter, c.before, callsPerPage)
	first, late := c.before.Seq == 0, ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded)
	if err != nil && !late {
		p.Fault = err.Error()
	}
	if !first {
		p.Newest = c.address("/calls")
	}
	switch {
	case late && next == c.before && !c.logs.Indexed():
		p.Stuck = true
	case late:
		p.GoOn = c.address("/calls", paramBefore, next.String())
	case len(placed) == callsPerPage:
		p.Older = c.address("/calls", paramBefore, next.String())
	default:
		return placed, first && err == nil, nil
	}
	return placed, false, nil
}

// callTable is a table of calls, with a column of their logs or without.
type callTable struct {
	Caption string // empty: there is none
	Rows    []callRow
	Logs    bool
}

func newCallTable(caption string, placed []calls.Placed, zone *time.Location, logs bool) callTable {
	t := callTable{Caption: caption, Logs: logs}
	for _, p := range placed {
		t.Rows = append(t.Rows, newCallRow(p, zone))
	}
	return t
}

// callRow is a row of the table. Its texts are truncated: the page of the call has them whole.
type callRow struct {
	*calls.Row
	Log      string
	Short    string // of the call's id
	Address  string // of the call's page
	Who      string // the caller
	Claimed  bool   // the caller is only what an access key named
	Gateway  bool   // the gateway called
	What     string // the operation; without one, method and path
	Word     bool   // that is short enough to stand in one line
	Name     bool   // the caller is
	Payer    string // the account
	Customer string // the first one
	More     int    // how many others there are
	Amount   *calls.Amount
	Others   bool   // there are amounts that differ
	Why      string // the reason, or the provider's error code
}

func newCallRow(p calls.Placed, zone *time.Location) callRow {
	row := callRow{Row: p.Row(zone), Log: p.Log, Short: brief(calls.ShortID(p.ID())), Address: callAddress(p.Log, p.ID())}
	row.Who, row.Claimed, row.Gateway = brief(cmp.Or(p.Caller(), p.Claimed())), p.Claimed() != "", p.For() != ""
	row.Payer, row.What, row.Word = brief(row.Account), brief(row.Operation), row.Operation != "" && len(row.Operation) <= maxWord
	row.Name = len(row.Who) <= maxName
	if row.What == "" {
		row.What = brief(row.Method + " " + row.Path)
	}
	if len(row.Customers) > 0 {
		row.Customer, row.More = brief(row.Customers[0]), len(row.Customers)-1
	}
	if first, others, _, ok := p.FirstAmount(); ok {
		row.Amount, row.Others = &first, others
	}
	if why := cmp.Or(row.Reason, row.ErrorCode); why != row.Outcome && row.Outcome != logfile.Succeeded {
		row.Why = brief(why)
	}
	return row
}

// callerText returns what calls.Call.CallerText says of a caller in the reader's language. No name of a caller begins with a bracket.
func callerText(w *words.Words, caller string) string {
	if caller == gatewayText {
		return w.Text("calls.gateway")
	}
	if name, claimed := strings.CutSuffix(caller, "?)"); claimed {
		return w.Text("calls.claimed", "Name", strings.TrimPrefix(name, "("))
	}
	return caller
}

// gatewayText is the caller of the gateway's own calls as reports name it.
const gatewayText = "(gateway)"

// brief returns a text as a cell of a table shows it.
func brief(s string) string { return text.Truncate(s, maxCell, "…") }

// callAddress returns the address of a call's page.
func callAddress(log, id string) string {
	return "/calls/" + url.PathEscape(log) + "/" + url.PathEscape(id)
}

// callSums are the sums of all calls that the filter chooses.
type callSums struct {
	evidence.Sums
	Counts []callCount
	Money  []*calls.Money
}

// callCount is how many calls are in a state.
type callCount struct {
	State   string
	Count   uint64
	Address string // with these calls alone
}

// callSums adds up what the filter chooses: the calls of the page if these are all; else by sums of days, or, on the first page, by reading. It
// returns nil if a later page would have to read.
func (r *request) callSums(ctx context.Context, c *choice, placed []calls.Placed, whole bool) (*callSums, error) {
	if c.before.Seq != 0 && !c.logs.InSums(&c.filter) {
		return nil, nil
	}
	var sums evidence.Sums
	var err error
	if whole {
		sums, err = c.logs.SumsOf(ctx, placed)
	} else {
		sums, err = c.logs.Sums(ctx, &c.filter)
	}
	if err != nil {
		return nil, err
	}
	if sums.Report == nil {
		return &callSums{Sums: sums}, nil
	}
	all := &callSums{Sums: sums, Money: slices.DeleteFunc(sums.Report.Money(), (*calls.Money).None)}
	for _, state := range calls.States {
		if n := sums.Report.Total().Of(state); n > 0 {
			all.Counts = append(all.Counts, callCount{state, n, c.address("/calls", "outcome", state)})
		}
	}
	return all, nil
}
