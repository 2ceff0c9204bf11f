package review

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"tollgate/internal/words"
	"tollgate/review/chart"
)

// periodPage is what the page of a period shows, from top to bottom.
type periodPage struct {
	Period        Period
	From, To      string // its first day and its last
	Zone          string
	Before, After string // periods of the same length
	Sentences     [][]words.Part
	CallsOf       string // address of the calls of the period
	InboxOf       string // and of what needs a look in it
	NoSums        bool   // there was not enough time for them
	NoCalls       bool
	Reading       *reading

	Logs          []*chart.Drawing
	Calls         *chart.Drawing
	Money         []*chart.Drawing // one for each currency
	Unsummed      uint64
	UnsummedCalls string // address
	Tops          []*chart.Drawing
	Refusals      *chart.Drawing
	Caps, TLS     *chart.Drawing
	Suites        []suiteRow
	TLSReport     string // address
}

// periodChosen leads to the page of the period that a form names.
func (s *Server) periodChosen(r *request) (*page, error) {
	q := r.URL.Query()
	text := cmp.Or(q.Get("period"), r.now.Format("2006-01"))
	if from := q.Get("from"); from != "" {
		text = from + ".." + cmp.Or(q.Get("to"), from)
	}
	address := "/period/" + url.PathEscape(text)
	if zone := q.Get("zone"); zone != "" {
		address += "?" + url.Values{"zone": {zone}}.Encode()
	}
	return r.redirect(address), nil
}

// periodView returns what makes the page of the period that a request names.
func (s *Server) periodView(r *request) (*periodView, error) {
	period, err := ParsePeriod(r.PathValue("period"), r.zone)
	if err != nil || period.Until.Sub(period.Since) > maxPeriod {
		return nil, &failure{http.StatusBadRequest, "period.not_one", nil}
	}
	return newPeriodView(r, s.config.Logs, period), nil
}

// period shows what was done in a period: sums of days, and what the log says of itself.
func (s *Server) period(r *request) (*page, error) {
	v, err := s.periodView(r)
	if err != nil {
		return nil, err
	}
	reading, err := s.lookAt(v)
	if err != nil {
		return nil, err
	}
	p := v.page()
	p.Reading = reading
	return &page{name: "period", title: v.title(), data: p}, nil
}

// page makes drawings of what there is.
func (v *periodView) page() *periodPage {
	p := &periodPage{Period: v.period, Zone: v.zone.String(), TLSReport: "/tls?" + url.Values{"period": {v.period.Text}}.Encode()}
	p.From, p.To = v.period.Since.In(v.zone).Format(time.DateOnly), v.period.Until.Add(-1).In(v.zone).Format(time.DateOnly)
	p.Before, p.After = v.neighbours()
	p.CallsOf, p.InboxOf = v.within("/calls"), v.within("/")
	p.Sentences, p.Logs = v.sentences(), v.logStrips()
	if p.NoSums = v.sums == nil; p.NoSums {
		return p
	}
	if p.NoCalls = v.sums.total.Total().Calls == 0; p.NoCalls {
		return p
	}
	p.Calls, p.Money, p.Refusals, p.Tops = v.callsDrawing(), v.moneyDrawings(), v.refusalsDrawing(), v.tops()
	p.Unsummed, p.UnsummedCalls = v.sums.total.Total().Unsummed, v.callsLink(v.period.Since, v.period.Until, "min-amount", "1e40")
	if v.read != nil {
		p.Caps, p.TLS, p.Suites = v.capsDrawing(), v.tlsDrawing(), v.suites()
	}
	return p
}

// within returns the address of another page for this period, in the zone of this one.
func (v *periodView) within(page string) string {
	q := url.Values{paramPeriod: {v.period.Text}}
	if zone := v.URL.Query().Get("zone"); zone != "" {
		q.Set("zone", v.zone.String())
	}
	return page + "?" + q.Encode()
}

// address is that of the page, or of one below it, in the zone of this one.
func (v *periodView) address(below string) string {
	address := "/period/" + url.PathEscape(v.period.Text) + below
	if v.URL.Query().Get("zone") == "" {
		return address
	}
	return address + "?" + url.Values{"zone": {v.zone.String()}}.Encode()
}
