package review

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit/blobs"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
	"tollgate/review/chart"
)

// mostCaps is how many counts of caps are drawn: the fullest ones.
const mostCaps = 20

// capCount is one count of a cap: of whom, and for which of its own periods.
type capCount struct{ cap, counted, period, currency string }

// capUse is what calls of the period charged to it.
type capUse struct {
	capCount
	used, held decimal.Decimal
	limit      *decimal.Decimal // nil: the plan is not at hand, or has no such cap
	calls      uint64
}

// maxCapCounts bounds the counts that a page adds up: those by customer may be as many as there are customers.
const maxCapCounts = 100_000

// chargeCaps adds what a call takes of caps, unless it did not happen.
func chargeCaps(uses map[capCount]*capUse, c *calls.Call, limits *limits) {
	if c.Intent == nil || c.Intent.Spending == nil || !slices.Contains([]string{logfile.Succeeded, logfile.Partial, logfile.Unknown, calls.Open}, c.State()) {
		return
	}
	for _, charge := range c.Intent.Caps {
		key := capCount{charge.Cap, charge.Counted, charge.Period, charge.Currency}
		amount, err := decimal.Parse(charge.Amount)
		if err != nil || uses[key] == nil && len(uses) >= maxCapCounts {
			continue
		}
		if uses[key] == nil {
			uses[key] = &capUse{capCount: key}
		}
		u := uses[key]
		if u.calls++; c.State() == logfile.Succeeded || c.State() == logfile.Partial {
			u.used = u.used.Add(amount)
		} else {
			u.held = u.held.Add(amount)
		}
		u.limit = limits.of(c.Plan(), &charge)
	}
}

// fullness returns the share of the limit that is taken; -1 where that is not known.
func (u *capUse) fullness() float64 {
	if u.limit == nil || u.limit.Sign() <= 0 {
		return -1
	}
	return number(u.used.Add(u.held)) / number(*u.limit)
}

// fullest returns of each cap, whom it counts and the currency the fullest count, the fullest first, and how many more there are.
func fullest(uses map[capCount]*capUse) (list []*capUse, more int) {
	best := map[capCount]*capUse{}
	for key, u := range uses {
		key.period = ""
		if b := best[key]; b == nil || u.before(b) {
			best[key] = u
		}
	}
	for _, u := range best {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *capUse) int {
		return cmp.Or(cmp.Compare(b.fullness(), a.fullness()), strings.Compare(a.cap, b.cap), strings.Compare(a.counted, b.counted), strings.Compare(a.currency, b.currency))
	})
	drawn := min(len(list), mostCaps)
	return list[:drawn:drawn], len(list) - drawn
}

// before reports whether u is fuller than another count of the same cap, or later.
func (u *capUse) before(o *capUse) bool {
	return cmp.Or(cmp.Compare(u.fullness(), o.fullness()), u.used.Add(u.held).Cmp(o.used.Add(o.held)), strings.Compare(u.period, o.period)) > 0
}

// capsDrawing shows what calls charged to caps; nil if nothing.
func (v *periodView) capsDrawing() *chart.Drawing {
	if len(v.read.caps) == 0 {
		return nil
	}
	text := func(id string) string { return v.words.Text("period." + id) }
	b := &chart.Bullets{Head: v.head("caps", text("column_cap"), text("cap_used"), text("cap_held"), text("cap_limit"), text("column_counted"), text("column_capperiod"), text("column_calls"))}
	b.Used, b.Held, b.Limit = text("cap_used"), text("cap_held"), text("cap_limit")
	for _, u := range v.read.caps {
		b.Rows = append(b.Rows, v.capBullet(u))
	}
	if more := v.read.moreCaps; more > 0 {
		b.Desc += " " + v.words.Text("period.caps_more", "Count", more)
	}
	return b.Draw()
}

func (v *periodView) capBullet(u *capUse) chart.Bullet {
	value := func(d decimal.Decimal) chart.Value { return chart.Value{N: number(d), Text: v.capAmount(u, d)} }
	row := chart.Bullet{Name: u.name(), Row: u.cap, Foreign: true, Used: value(u.used), Held: value(u.held), Unlimited: u.limit == nil}
	row.Text = v.words.Text("period.cap_text", "Used", v.capAmount(u, u.used))
	if u.held.Sign() != 0 {
		row.Text = v.words.Text("period.cap_text_held", "Used", v.capAmount(u, u.used), "Held", v.capAmount(u, u.held))
	}
	row.Limit.Text = v.words.Text("period.cap_no_limit")
	if u.limit != nil {
		row.Limit = value(*u.limit)
		row.Text = v.words.Text("period.cap_of", "Taken", row.Text, "Limit", row.Limit.Text)
	}
	row.More = []chart.Cell{{Text: u.counted, Foreign: true}, {Text: u.period, Foreign: true}, {Text: grouped(u.calls), Number: true}}
	return row
}

// name is the cap and in what its counts differ.
func (u *capUse) name() string {
	name := u.cap
	for _, part := range []string{u.counted, u.period} {
		if part != "" {
			name += " · " + part
		}
	}
	return name
}

// capAmount writes an amount of money, or a number of calls.
func (v *periodView) capAmount(u *capUse, d decimal.Decimal) string {
	if u.currency == "" {
		return grouped(d)
	}
	const cents = 2
	return u.currency + " " + grouped(d.WithPlaces(max(cents, d.Places())))
}

// limits are those of caps, from the plans that a log has at hand.
type limits struct {
	fs.FS
	plans map[string][]plannedCap
}

// plannedCap is a cap in the text of a plan.
type plannedCap struct {
	Name   string                     `json:"name"`
	Amount map[string]decimal.Decimal `json:"amount"`
	Count  int                        `json:"count"`
}

// of returns the limit that a plan has for what a call was charged; nil if the plan is not at hand.
func (l *limits) of(plan string, charge *logfile.CapCharge) *decimal.Decimal {
	caps, read := l.plans[plan]
	if !read {
		if l.plans == nil {
			l.plans = map[string][]plannedCap{}
		}
		caps = readCaps(l.FS, plan)
		l.plans[plan] = caps
	}
	for _, c := range caps {
		if c.Name != charge.Cap {
			continue
		}
		if limit, ok := c.Amount[charge.Currency]; ok {
			return &limit
		}
		if limit, err := decimal.Parse(strconv.Itoa(c.Count)); err == nil && charge.Currency == "" && c.Count > 0 {
			return &limit
		}
	}
	return nil
}

// readCaps returns the caps of a plan, if its text is there.
func readCaps(fsys fs.FS, plan string) []plannedCap {
	text, _, err := blobs.Read(fsys, plan)
	var read struct {
		Caps    []plannedCap `json:"caps"`
		Default []plannedCap `json:"caps_default"`
	}
	if plan == "" || err != nil || json.Unmarshal(text, &read) != nil {
		return nil
	}
	return append(read.Caps, read.Default...)
}
