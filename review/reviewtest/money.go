package reviewtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// charged is one count of a cap.
type charged struct{ cap, counted, period, currency string }

func chargedBy(c logfile.CapCharge) charged { return charged{c.Cap, c.Counted, c.Period, c.Currency} }

// limits of caps, in cents: those of the plans.
var capLimits = map[[2]string]int64{
	{"shop-day", "CNY"}: 2_000_000, {"shop-day", "USD"}: 300_000, {"billing-month", "CNY"}: 40_000_000, {"billing-month", "USD"}: 6_000_000, {"coupons-day", "CNY"}: 100_000,
}

// shopDay is the definition of that cap, before the third plan and since.
var shopDay = map[bool]string{false: "per none each day in Asia/Shanghai of CNY cash", true: "per none each day in Asia/Shanghai of CNY+USD cash"}

const (
	billingMonth = "per none each month in Asia/Shanghai of CNY+USD cash"
	couponsDay   = "per customer each day in Asia/Shanghai of CNY coupon"
)

// charge adds what a call holds that spends.
func (w *writer) charge(r *logfile.Record, q *request, priced string) {
	if len(q.keys) == 0 {
		return
	}
	act := operation(r.Site, r.Operation).Act
	s := &logfile.Spending{Act: act.Name, Repeats: q.repeats}
	keys := logfile.ActKeys{Window: int64(act.Keys[0].Window / time.Second)}
	for _, key := range q.keys {
		keys.MACs = append(keys.MACs, mac(act.Name+" "+key))
	}
	s.Keys, r.MACKey, r.Spending = []logfile.ActKeys{keys}, macKey, s
	if q.price == 0 {
		return
	}
	currency, local := w.currency(q), w.now.In(Zone)
	s.Price = &logfile.Price{Amount: decimal(q.price), Currency: currency, From: q.from, Call: priced}
	switch day, month := local.Format(time.DateOnly), local.Format("2006-01"); {
	case r.Operation == "CreatePartnerCoupons":
		for _, customer := range q.keys {
			each := decimal(q.price / int64(len(q.keys)))
			s.Caps = append(s.Caps, logfile.CapCharge{Cap: "coupons-day", Definition: couponsDay, Counted: customer, Period: day, Amount: each, Currency: currency})
		}
	case act.Direction != "out":
	case r.Caller == shop.name:
		s.Caps = []logfile.CapCharge{{Cap: "shop-day", Definition: shopDay[w.now.After(thirdLoaded)], Period: day, Amount: s.Price.Amount, Currency: currency}}
	case r.Caller == billing.name:
		s.Caps = []logfile.CapCharge{{Cap: "billing-month", Definition: billingMonth, Period: month, Amount: s.Price.Amount, Currency: currency}}
	}
}

// full returns the caps that have no room for a call.
func (w *writer) full(r *logfile.Record) (names []string) {
	if r.Spending == nil {
		return nil
	}
	for _, c := range r.Caps {
		limit := capLimits[[2]string{c.Cap, c.Currency}]
		if w.spent[chargedBy(c)]+cents(c.Amount) > limit && !slices.Contains(names, c.Cap) {
			names = append(names, c.Cap)
		}
	}
	return names
}

// refuseFull writes the refusal of a call for which caps have no room.
func (w *writer) refuseFull(r *logfile.Record, q *request, started time.Time, full []string) {
	r.Kind, r.Decision, r.Reason, r.Stage, r.Status = logfile.KindRefusal, logfile.Refused, "cap_full", logfile.StageReserve, 403
	r.Detail = fmt.Sprintf("the cap %q has no room for %s %s", full[0], r.Price.Amount, r.Price.Currency)
	r.TotalMicros = w.now.Sub(started).Microseconds() + 200
	r.Spending = &logfile.Spending{Act: r.Act, Price: r.Price, CapsFull: full}
	if w.timed {
		r.Steps = &logfile.Steps{Decided: 60, Limited: r.TotalMicros - 100}
	}
	w.made.Calls[CapFull] = r.Call
	w.add(r)
}

// settle releases what a call holds, or notes that it is unknown.
func (w *writer) settle(intent, outcome *logfile.Record) {
	switch outcome.Outcome {
	case logfile.Failed, logfile.NotSent:
		w.release(intent)
	case logfile.Unknown:
		if intent.Spending != nil && intent.Act != "" {
			w.unknown = append(w.unknown, intent)
		}
	}
}

func (w *writer) release(intent *logfile.Record) {
	if intent.Spending == nil {
		return
	}
	for _, c := range intent.Caps {
		w.spent[chargedBy(c)] -= cents(c.Amount)
	}
}

// resolve ends an unknown outcome.
func (w *writer) resolve(call, outcome, by, reason, from string) {
	i := slices.IndexFunc(w.unknown, func(r *logfile.Record) bool { return r.Call == call })
	if outcome == logfile.Failed {
		w.release(w.unknown[i])
	}
	w.unknown = slices.Delete(w.unknown, i, i+1)
	data := []string{"outcome", outcome, "reason", reason, "by", by}
	if from != "" {
		data = append(data, "from", from)
	}
	w.event(logfile.EventResolved, "", call, "the call "+outcome, data...)
}

func decimal(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

func cents(amount string) int64 {
	return must(strconv.ParseInt(strings.Replace(amount, ".", "", 1), 10, 64))
}
