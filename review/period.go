package review

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"tollgate/audit/calls"
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
	Slow          string // the address that looks for longer, where there was not enough time for the sums

	Logs          []*chart.Drawing
	Calls         *chart.Drawing
	Money         []*chart.Drawing // one for each currency
	Unsummed      uint64
	UnsummedCalls string // address
	Tops          []*chart.Drawing
	Refusals      *chart.Drawing
	Caps          *chart.Drawing
	CapsRead      *partly
	TLS           *chart.Drawing
	TLSRead       *partly
	Suites        []suiteRow
	NoCalls       bool
	TLSReport     string // address
}

// partly says what was not read.
type partly struct {
	Calls uint64    // that are to be read; zero: reading them took too long
	To    time.Time // so far they were read
	More  string    // the address that reads for longer; empty: this one does
}

// longPatience is how long a page looks that was asked to go on.
const longPatience = time.Minute

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

// period shows what was done in a period: sums of days, and what the log says of itself.
func (s *Server) period(r *request) (*page, error) {
	period, err := ParsePeriod(r.PathValue("period"), r.zone)
	if err != nil || period.Until.Sub(period.Since) > maxPeriod {
		return nil, &failure{http.StatusBadRequest, "period.not_one", nil}
	}
	v := &periodView{
		request: r, logs: s.config.Logs, period: period, slots: slotsOf(period),
		filter: calls.Filter{Since: period.Since, Until: period.Until},
	}
	data, err := v.page()
	if err != nil {
		return nil, err
	}
	return &page{name: "period", title: v.title(), data: data}, nil
}

// page collects what the page shows.
func (v *periodView) page() (p *periodPage, err error) {
	ctx, cancel := v.patient()
	defer cancel()
	p = &periodPage{Period: v.period, Zone: v.zone.String(), TLSReport: "/tls?" + url.Values{"period": {v.period.Text}}.Encode()}
	p.From, p.To = v.period.Since.In(v.zone).Format(time.DateOnly), v.period.Until.Add(-1).In(v.zone).Format(time.DateOnly)
	p.Before, p.After = v.neighbours()
	if err = v.coverage(ctx); err != nil {
		return v.slow(p, err)
	}
	if p.Logs, err = v.logStrips(ctx); err != nil {
		return v.slow(p, err)
	}
	sums, err := v.sums(ctx)
	if err != nil {
		return v.slow(p, err)
	}
	p.Sentences = v.sentences(sums)
	p.NoCalls = sums.total.Total().Calls == 0
	if p.NoCalls {
		return p, nil
	}
	p.Calls, p.Money, p.Unsummed = v.callsDrawing(sums), v.moneyDrawings(sums), sums.total.Total().Unsummed
	p.UnsummedCalls = v.callsLink(v.period.Since, v.period.Until, "min-amount", "1e40")
	p.Refusals = v.refusalsDrawing(sums)
	if p.Tops, err = v.tops(ctx, sums); err != nil {
		return v.slow(p, err)
	}
	return p, v.read(ctx, p, sums)
}

// readAtOnce is how many calls are read for a page that was not asked to go on: a fraction of a second's work.
const readAtOnce = 10_000

// read adds what only the calls themselves say: as far as there is time, and unless they are many.
func (v *periodView) read(ctx context.Context, p *periodPage, sums *periodSums) (err error) {
	if p.CapsRead = v.tooMany(sums.changing); p.CapsRead == nil {
		if p.Caps, p.CapsRead, err = v.capsDrawing(ctx); err != nil {
			return err
		}
	}
	if p.TLSRead = v.tooMany(sums.total.Total().Calls); p.TLSRead == nil {
		p.TLS, p.Suites, p.TLSRead, err = v.tlsDrawing(ctx)
	}
	return err
}

// tooMany returns an offer to read calls that are too many to be read at once; nil if they are not.
func (v *periodView) tooMany(n uint64) *partly {
	if more := v.longer(); n > readAtOnce && more != "" {
		return &partly{Calls: n, More: more}
	}
	return nil
}

// slow returns the page as far as there was time for it, or the error if that is another.
func (v *periodView) slow(p *periodPage, err error) (*periodPage, error) {
	if !outOfTime(err) {
		return nil, err
	}
	p.Slow = v.longer()
	return p, nil
}

func outOfTime(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// patient returns the context in which the page looks: for longer where a reader asked to go on.
func (v *periodView) patient() (context.Context, context.CancelFunc) {
	if v.URL.Query().Get("wait") != "" {
		return context.WithTimeout(v.Context(), longPatience)
	}
	return v.limited()
}

// longer is the address of the page that looks for longer; empty if this one does.
func (v *periodView) longer() string {
	q := v.URL.Query()
	if q.Get("wait") != "" {
		return ""
	}
	q.Set("wait", "1")
	return "/period/" + url.PathEscape(v.period.Text) + "?" + q.Encode()
}
