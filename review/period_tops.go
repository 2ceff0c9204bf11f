package review

import (
	"cmp"
	"slices"
	"strings"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
	"tollgate/review/chart"
)

// mostTop is how many callers, accounts and customers are named.
const mostTop = 10

// top is one of them.
type top struct {
	name   string
	counts calls.Counts
	money  []*calls.Money // by currency
}

// tops shows who called, who paid, and for whom.
func (v *periodView) tops() (list []*chart.Drawing) {
	for _, one := range []struct {
		id, param string
		report    *calls.Report
	}{{"callers", "caller", v.sums.callers}, {"accounts", "account", v.sums.accounts}, {"customers", "customer", v.customers}} {
		if one.report == nil {
			continue
		}
		if d := v.topDrawing(one.id, one.param, topsOf(one.report)); d != nil {
			list = append(list, d)
		}
	}
	return list
}

// topsOf joins the rows of a report by one dimension, which are by currency.
func topsOf(r *calls.Report) (list []*top) {
	for _, g := range r.Groups() {
		if n := len(list); n == 0 || list[n-1].name != g.Names[0] {
			list = append(list, &top{name: g.Names[0]})
		}
		list[len(list)-1].add(&g.Counts, &g.Money)
	}
	slices.SortStableFunc(list, func(a, b *top) int {
		return cmp.Or(cmp.Compare(one(a.name == ""), one(b.name == "")), cmp.Compare(b.counts.Calls, a.counts.Calls))
	})
	return list
}

// one returns 1 for true.
func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (t *top) add(n *calls.Counts, m *calls.Money) {
	c := &t.counts
	c.Calls, c.Succeeded, c.Failed, c.Partial = c.Calls+n.Calls, c.Succeeded+n.Succeeded, c.Failed+n.Failed, c.Partial+n.Partial
	c.Unknown, c.NotSent, c.Open, c.Refused = c.Unknown+n.Unknown, c.NotSent+n.NotSent, c.Open+n.Open, c.Refused+n.Refused
	c.NoAmount, c.Unsummed = c.NoAmount+n.NoAmount, c.Unsummed+n.Unsummed
	if upperBound(m).Sign() == 0 && len(m.From) == 0 {
		return
	}
	i := slices.IndexFunc(t.money, func(o *calls.Money) bool { return o.Currency == m.Currency })
	if i < 0 {
		t.money, i = append(t.money, &calls.Money{Currency: m.Currency}), len(t.money)
	}
	sum := t.money[i]
	sum.Moved, sum.MovedPartly, sum.MovedPerhaps = sum.Moved.Add(m.Moved), sum.MovedPartly.Add(m.MovedPartly), sum.MovedPerhaps.Add(m.MovedPerhaps)
	for _, from := range m.From {
		if !slices.Contains(sum.From, from) {
			sum.From = append(sum.From, from)
		}
	}
}

// topDrawing shows those with the most calls, the others together, and calls that name none; nil if all calls name none.
func (v *periodView) topDrawing(id, param string, list []*top) *chart.Drawing {
	if len(list) == 0 || list[0].name == "" {
		return nil
	}
	series := v.stateSeries()
	b := &chart.Bars{Head: v.head(id, v.word("column_"+param)), Series: series}
	b.Columns = append(append(b.Columns, wordsOf(series)...), v.words.Text("period.moved"), v.words.Text("period.column_perhaps"), v.words.Text("period.column_from"), v.words.Text("period.no_price"))
	others, last, more := &top{}, (*top)(nil), 0
	for i, t := range list {
		switch {
		case t.name == "": // the last
			last = t
		case i >= mostTop:
			others.addTop(t)
			more++
		default:
			b.Rows = append(b.Rows, v.topBar(t, chart.Bar{Name: callerText(v.words, t.name), Foreign: true, Href: v.linkFor(param, t.name)}))
		}
	}
	if more > 0 {
		b.Rows = append(b.Rows, v.topBar(others, chart.Bar{Name: v.words.Text("period.others", "Count", more)}))
	}
	if last != nil {
		b.Rows = append(b.Rows, v.topBar(last, chart.Bar{Name: v.word("none_" + param), Aside: true}))
	}
	return b.Draw()
}

func (t *top) addTop(o *top) {
	t.add(&o.counts, &calls.Money{})
	for _, m := range o.money {
		t.add(&calls.Counts{}, m)
	}
}

// topBar fills in a row.
func (v *periodView) topBar(t *top, bar chart.Bar) chart.Bar {
	bar.Values, bar.Text = stateValues(&t.counts), grouped(t.counts.Calls)
	bar.Text = beside(bar.Text, v.amounts(t.money, upperBound))
	moved := v.amounts(t.money, func(m *calls.Money) decimal.Decimal { return m.Moved })
	perhaps := v.amounts(t.money, func(m *calls.Money) decimal.Decimal { return m.MovedPartly.Add(m.MovedPerhaps) })
	bar.More = []chart.Cell{{Text: moved, Number: true}, {Text: perhaps, Number: true}, {Text: v.origins(t.money)}, {Text: grouped(t.counts.NoAmount), Number: true}}
	return bar
}

// origins are where figures come from, in words.
func (v *periodView) origins(money []*calls.Money) string {
	var all, list []string
	for _, m := range money {
		all = append(all, m.From...)
	}
	slices.Sort(all)
	for _, from := range slices.Compact(all) {
		list = append(list, v.word("from_"+from))
	}
	return strings.Join(list, v.words.Text("period.comma"))
}
