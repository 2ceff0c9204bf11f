package review

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tollgate/audit/calls"
	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/words"
	"tollgate/review/chart"
)

// periodSums are the sums of a period, with the definitions of `tollgate audit report`.
type periodSums struct {
	total, callers, accounts *calls.Report
	slots                    []slotSums
	reasons                  map[string]uint64 // of refused calls
}

// slotSums are those of a slot, what moves money to others and what takes it back apart.
type slotSums struct{ out, back *calls.Report }

func (s *slotSums) calls() uint64 { return s.out.Total().Calls + s.back.Total().Calls }

// addUp adds up the days of the period.
func (v *periodView) addUp(ctx context.Context) (*periodSums, error) {
	s := &periodSums{
		total: calls.NewReport(nil, nil), callers: calls.NewReport([]calls.Dimension{calls.ByCaller}, nil),
		accounts: calls.NewReport([]calls.Dimension{calls.ByAccount}, nil), slots: make([]slotSums, len(v.slots)), reasons: map[string]uint64{},
	}
	for i := range s.slots {
		s.slots[i] = slotSums{calls.NewReport(nil, nil), calls.NewReport(nil, nil)}
	}
	sums, err := v.daySums(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.add(sums)
}

// daySum is what sums of days have in common for a page.
type daySum struct {
	slot int
	back bool // of an operation that takes money back
	key  calls.Key
}

// daySums adds up the sums of days by what a page shows: there may be a hundred thousand of them, and a hundred of these.
func (v *periodView) daySums(ctx context.Context) (map[daySum]*calls.Entry, error) {
	sums, day, slot := map[daySum]*calls.Entry{}, time.Time{}, 0
	var err error
	v.do(func() {
		err = v.logs.Days(ctx, &v.filter, v.zone, func(of time.Time, e *calls.Entry) error {
			if !of.Equal(day) {
				day, slot = of, v.slotOf(of)
			}
			k := daySum{slot, takesBack()[e.Operation], calls.Key{
				Scope: e.Scope, Caller: e.Caller, Account: e.Account, State: e.State, Reason: e.Reason, Currency: e.Currency, PriceFrom: e.PriceFrom,
			}}
			sum := sums[k]
			if sum == nil {
				sum = &calls.Entry{Key: k.key}
				sums[k] = sum
			}
			sum.Add(e)
			return nil
		})
	})
	return sums, err
}

func (s *periodSums) add(sums map[daySum]*calls.Entry) error {
	for k, e := range sums {
		if e.State == calls.Refused {
			s.reasons[e.Reason] += e.Calls
		}
		of := s.slots[k.slot].out
		if k.back {
			of = s.slots[k.slot].back
		}
		for _, report := range []*calls.Report{s.total, s.callers, s.accounts, of} {
			if err := report.AddEntry(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// takesBack has the operations that move money back to where it came from.
var takesBack = sync.OnceValue(func() map[string]bool {
	back := map[string]bool{}
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			if o.Act != nil && o.Act.Direction == catalog.Back {
				back[o.Name] = true
			}
		}
	}
	return back
})

// callStates are the four states that drawings show, from the base up, each with the counts that it adds up.
var callStates = []struct {
	fill chart.Fill
	id   string
	of   func(n *calls.Counts) uint64
}{
	{chart.Unknown, "period.state_unknown", func(n *calls.Counts) uint64 { return n.Unknown + n.Open }},
	{chart.Refused, "period.state_refused", func(n *calls.Counts) uint64 { return n.Refused }},
	{chart.Failed, "period.state_failed", func(n *calls.Counts) uint64 { return n.Failed + n.Partial + n.NotSent }},
	{chart.Succeeded, "period.state_succeeded", func(n *calls.Counts) uint64 { return n.Succeeded }},
}

func (v *periodView) stateSeries() (series []chart.Series) {
	for _, s := range callStates {
		series = append(series, chart.Series{Fill: s.fill, Word: v.words.Text(s.id)})
	}
	return series
}

func stateValues(of ...*calls.Counts) (values []chart.Value) {
	for _, s := range callStates {
		n := uint64(0)
		for _, c := range of {
			n += s.of(c)
		}
		values = append(values, count(n))
	}
	return values
}

func count(n uint64) chart.Value { return chart.Value{N: float64(n), Text: grouped(n)} }

// head returns the texts of a drawing, whose messages begin with its id.
func (v *periodView) head(id string, columns ...string) chart.Head {
	key := "period." + id
	return chart.Head{ID: id, Title: v.words.Text(key), Desc: v.words.Text(key + "_desc"), Summary: v.words.Text("period.table"), Columns: columns}
}

// word returns a message of the page whose id is made of parts.
func (v *periodView) word(id string) string { return v.words.Text("period." + id) }

// callsDrawing shows calls by day and state.
func (v *periodView) callsDrawing() *chart.Drawing {
	series := v.stateSeries()
	c := &chart.Columns{Head: v.head("calls", v.slotWord()), Series: series, Whole: true, Unit: v.words.Text("period.unit_calls"), Number: axisNumber}
	c.Title = v.words.Text("period.calls", "By", v.by())
	c.Columns = append(c.Columns, wordsOf(series)...)
	for i, slot := range v.slots {
		bar := chart.Column{Label: slot.label, Name: slot.name, Href: v.callsLink(slot.Since, slot.Until)}
		bar.Values = stateValues(v.sums.slots[i].out.Total(), v.sums.slots[i].back.Total())
		if v.sums.slots[i].calls() == 0 {
			bar.Absent, bar.As = v.absent(i)
		}
		c.Bars = append(c.Bars, bar)
	}
	return c.Draw()
}

func wordsOf(series []chart.Series) (list []string) {
	for _, s := range series {
		list = append(list, s.Word)
	}
	return list
}

// slotWord names slots at the head of a column: day, week, month or year.
func (v *periodView) slotWord() string { return v.word("column_" + v.unitOfSlots()) }

// by says what slots are: by day, by week, by month or by year.
func (v *periodView) by() string { return v.word("by_" + v.unitOfSlots()) }

func (v *periodView) unitOfSlots() string {
	switch name := v.slots[0].name; len(name) {
	case len("2006-01-02"):
		return "day"
	case len("2006-01"):
		return "month"
	case len("2006"):
		return "year"
	}
	return "week"
}

// axisNumber writes a number at an axis.
func axisNumber(n float64) string {
	if n != 0 && (n >= 1e9 || n <= -1e9) {
		return strings.Replace(fmt.Sprintf("%.3g", n), "e+0", "e+", 1)
	}
	return grouped(strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", n), "0"), "."))
}

// callsLink is the address of calls of some time: pairs of names and values are further parameters of the list.
func (v *periodView) callsLink(since, until time.Time, more ...string) string {
	q := url.Values{"since": {since.In(v.zone).Format(time.RFC3339)}, "until": {until.In(v.zone).Format(time.RFC3339)}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/calls?" + q.Encode()
}

// linkFor is the address of calls of the period; empty without a value, which a filter could not name.
func (v *periodView) linkFor(name, value string, more ...string) string {
	if value == "" || strings.HasPrefix(value, "(") {
		return ""
	}
	return v.callsLink(v.period.Since, v.period.Until, append(more, name, value)...)
}

// refusalsDrawing shows refused calls by reason; nil if there are none.
func (v *periodView) refusalsDrawing() *chart.Drawing {
	type reason struct {
		name string
		n    uint64
	}
	var list []reason
	for name, n := range v.sums.reasons {
		list = append(list, reason{name, n})
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b reason) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.name, b.name)) })
	b := &chart.Bars{Head: v.head("refusals", v.words.Text("period.column_reason"), v.words.Text("period.column_calls"), v.words.Text("period.column_meaning")), Series: []chart.Series{{Fill: chart.Refused}}}
	others, more := uint64(0), 0
	for i, one := range list {
		if i >= mostReasons {
			others, more = others+one.n, more+1
			continue
		}
		name, meaning := cmp.Or(one.name, v.words.Text("period.none")), v.meaning("reason."+one.name)
		b.Rows = append(b.Rows, chart.Bar{Name: name, Foreign: true, Href: v.linkFor("reason", one.name, "outcome", calls.Refused), Values: []chart.Value{count(one.n)}, Text: beside(grouped(one.n), meaning), More: []chart.Cell{{Text: meaning}}})
	}
	if more > 0 {
		b.Rows = append(b.Rows, chart.Bar{Name: v.words.Text("period.others", "Count", more), Values: []chart.Value{count(others)}, Text: grouped(others), More: []chart.Cell{{}}})
	}
	return b.Draw()
}

const mostReasons = 15

// sentences say the period in words.
func (v *periodView) sentences() (parts [][]words.Part) {
	if v.sums != nil {
		parts = append(parts, v.sentence())
	}
	for i := range v.covered {
		parts = append(parts, v.covered[i].sentence(v))
	}
	return parts
}

func (v *periodView) sentence() []words.Part {
	n := v.sums.total.Total()
	text := func(id string, n uint64) string { return v.words.Text(id, "Count", n, "N", grouped(n)) }
	money := v.words.Text("period.no_money")
	if list := v.amounts(v.sums.total.Money(), upperBound); list != "" {
		money = v.words.Text("period.at_most", "Money", list)
	}
	return v.words.Said("period.sentence", "Calls", text("period.n_calls", n.Calls), "Callers", text("period.n_callers", proven(v.sums.callers)), "Money", money,
		"Unknown", text("period.n_unknown", n.Unknown+n.Open))
}

// beside returns what stands beside a bar: a number, and what there is to say of it.
func beside(number, text string) string {
	if text == "" {
		return number
	}
	return number + " · " + text
}

// proven returns how many callers there are whose name is proven.
func proven(callers *calls.Report) (n uint64) {
	seen := map[string]bool{}
	for _, g := range callers.Groups() {
		if name := g.Names[0]; name != "" && !strings.HasPrefix(name, "(") && !seen[name] {
			seen[name] = true
			n++
		}
	}
	return n
}

// amounts returns an amount of each currency, none of which is added to another.
func (v *periodView) amounts(money []*calls.Money, of func(*calls.Money) decimal.Decimal) string {
	var list []string
	for _, m := range money {
		if sum := of(m); sum.Sign() != 0 {
			list = append(list, v.amount(m.Currency, sum))
		}
	}
	return strings.Join(list, v.words.Text("period.and"))
}

func (v *periodView) amount(currency string, d decimal.Decimal) string {
	if currency == calls.NoCurrency {
		currency = v.words.Text("period.no_currency")
	}
	return currency + " " + grouped(d)
}

func upperBound(m *calls.Money) decimal.Decimal {
	return m.Moved.Add(m.MovedPartly).Add(m.MovedPerhaps)
}
