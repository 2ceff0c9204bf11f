package review

import (
	"slices"
	"strconv"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
	"tollgate/review/chart"
)

// moved is one of the parts that a bar of money has.
type moved struct {
	fill chart.Fill
	id   string
	back bool // of what takes money back: hangs below zero
	of   func(m *calls.Money) decimal.Decimal
}

var movedParts = []moved{
	{chart.Confirmed, "period.moved", false, func(m *calls.Money) decimal.Decimal { return m.Moved }},
	{chart.Perhaps, "period.moved_partly", false, func(m *calls.Money) decimal.Decimal { return m.MovedPartly }},
	{chart.Held, "period.moved_perhaps", false, func(m *calls.Money) decimal.Decimal { return m.MovedPerhaps }},
	{chart.Returned, "period.returned", true, func(m *calls.Money) decimal.Decimal { return m.Moved }},
	{chart.ReturnedPerhaps, "period.returned_perhaps", true, func(m *calls.Money) decimal.Decimal { return m.MovedPartly.Add(m.MovedPerhaps) }},
}

// moneyDrawings shows money by day, in a drawing of its own for each currency.
func (v *periodView) moneyDrawings() (list []*chart.Drawing) {
	for _, m := range v.sums.total.Money() {
		list = append(list, v.moneyDrawing(m.Currency))
	}
	return list
}

func (v *periodView) moneyDrawing(currency string) *chart.Drawing {
	values := make([][]decimal.Decimal, len(v.slots)) // of each slot and part
	unpriced := make([]uint64, len(v.slots))
	used := []int{0} // the parts that there are
	for i := range v.slots {
		out, back := groupOf(v.sums.slots[i].out, currency), groupOf(v.sums.slots[i].back, currency)
		unpriced[i] = out.NoAmount + back.NoAmount
		for p, part := range movedParts {
			of := &out.Money
			if part.back {
				of = &back.Money
			}
			values[i] = append(values[i], part.of(of))
			if values[i][p].Sign() != 0 && !slices.Contains(used, p) {
				used = append(used, p)
			}
		}
	}
	slices.Sort(used)
	c := &chart.Columns{Head: v.head("money", v.slotWord()), Unit: v.unit(currency), Number: axisNumber, Tall: 110}
	c.ID, c.Title = "money-"+currency, v.words.Text("period.money", "Currency", v.unit(currency), "By", v.by())
	for _, p := range used {
		c.Series = append(c.Series, chart.Series{Fill: movedParts[p].fill, Word: v.words.Text(movedParts[p].id)})
	}
	c.Columns = append(append(c.Columns, wordsOf(c.Series)...), v.words.Text("period.no_price"))
	for i := range v.slots {
		bar := v.moneyBar(i, values[i], used, unpriced[i])
		if v.sums.slots[i].calls() == 0 {
			bar.Absent, bar.As = v.absent(i)
		}
		c.Bars = append(c.Bars, bar)
	}
	return c.Draw()
}

func (v *periodView) moneyBar(slot int, values []decimal.Decimal, used []int, unpriced uint64) chart.Column {
	s := v.slots[slot]
	bar := chart.Column{Label: s.label, Name: s.name, Href: v.callsLink(s.Since, s.Until, "effect", "spend")}
	for _, p := range used {
		n := number(values[p])
		if movedParts[p].back {
			n = -n
		}
		bar.Values = append(bar.Values, chart.Value{N: n, Text: grouped(values[p])})
	}
	bar.More = []chart.Cell{{Text: grouped(unpriced), Number: true}}
	return bar
}

func (v *periodView) unit(currency string) string {
	if currency == calls.NoCurrency {
		return v.words.Text("period.no_currency")
	}
	return currency
}

// groupOf returns the row of a currency in a report without dimensions.
func groupOf(r *calls.Report, currency string) *calls.Group {
	for _, g := range r.Groups() {
		if g.Currency == currency {
			return g
		}
	}
	return &calls.Group{}
}

// number returns about how much an amount is: for lengths, not for sums.
func number(d decimal.Decimal) float64 {
	n, err := strconv.ParseFloat(d.String(), 64)
	if err != nil {
		return 0
	}
	return n
}
