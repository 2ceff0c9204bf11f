package review

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/words"
	"tollgate/review/inbox"
)

// exceptionPage is what the template is executed with.
type exceptionPage struct {
	*inbox.Detail
	Period  string
	What    []words.Part
	More    [][]words.Part // what else is known of it
	Reason  string         // in words, or as the documents name it
	Meaning string         // of the reason
	Why     string
	Do      [][]words.Part
	Runbook string       // the page of the manual about it
	Ended   []words.Part // how it was ended; nil: it was not
	Calls   []concernedCall
	List    string // the address of all calls concerned; empty: those on the page are all
	Events  []pastEvent
	Missed  []missedPart
}

// concernedCall is a call that an exception is about.
type concernedCall struct {
	callRow
	Holder bool // it is the one for which a repeat was refused
}

// pastEvent is a record of an exception's history.
type pastEvent struct {
	*logfile.Record
	What string // the event in words
	At   time.Time
	By   string // the person or the gateway that caused it; empty: not on record
}

// runbooks are the sections of the manual about kinds.
var runbooks = map[inbox.Kind]string{
	inbox.Fault:      "docs/runbooks.md#verifying-finds-a-fault",
	inbox.Gap:        "docs/runbooks.md#verifying-finds-a-fault",
	inbox.Loss:       "docs/runbooks.md#the-log-was-rolled-back",
	inbox.Unknown:    "docs/runbooks.md#an-outcome-is-unknown",
	inbox.Open:       "docs/runbooks.md#an-outcome-is-unknown",
	inbox.KeyLost:    "docs/runbooks.md#the-signing-key-is-missing",
	inbox.Uncovered:  "docs/runbooks.md#records-are-not-signed",
	inbox.Unsigned:   "docs/runbooks.md#records-are-not-signed",
	inbox.Stalled:    "docs/runbooks.md#the-disk-is-full-or-fails",
	inbox.CopyFails:  "docs/runbooks.md#copies-of-checkpoints-fail",
	inbox.Freeze:     "docs/runbooks.md#a-freeze-stays-in-force",
	inbox.Paused:     "docs/runbooks.md#a-credential-is-paused",
	inbox.Repeat:     "docs/tasks/money.md#repeat-on-purpose",
	inbox.CapFull:    "docs/runbooks.md#a-cap-is-nearly-used-up",
	inbox.Burst:      "docs/runbooks.md#many-refusals",
	inbox.Expires:    "docs/runbooks.md#a-certificate-expires",
	inbox.Deprecated: "docs/coverage.md",
}

// exception shows one exception.
func (s *Server) exception(r *request) (*page, error) {
	// The path as it is in the address: a name in it may have slashes, which are escaped there.
	id, err := inbox.ParseID(strings.TrimPrefix(r.URL.EscapedPath(), "/exceptions/"))
	if err != nil {
		return nil, errNotFound
	}
	scope, period, err := s.scope(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := r.limited()
	defer cancel()
	d, err := inbox.One(ctx, s.config.Logs, scope, id)
	switch {
	case errors.Is(err, inbox.ErrNone) && ctx.Err() != nil:
		return nil, &failure{http.StatusServiceUnavailable, "exception.late", nil}
	case errors.Is(err, inbox.ErrNone):
		return nil, &failure{http.StatusNotFound, "exception.none", nil}
	case err != nil:
		return nil, err
	}
	d.Time, d.Until = r.local(d.Time), r.local(d.Until)
	p := &exceptionPage{Detail: d, Period: period, Runbook: runbooks[d.Kind]}
	p.say(r)
	p.list(r, scope)
	return &page{name: "exception", title: r.words.Text("exception.title." + string(d.Kind)), data: p}, nil
}

// say sets the texts.
func (p *exceptionPage) say(r *request) {
	values, of := r.exceptionValues(p.Detail), variant(&p.Subject)
	p.What = r.words.Said("exception.what."+of, values...)
	p.Reason, p.Meaning = r.reasonText(&p.Subject), r.reasonMeaning(&p.Subject)
	p.Why = r.words.Text("exception.why." + string(p.Kind))
	p.Do = [][]words.Part{r.words.Said("exception.do."+advice(&p.Subject), values...)}
	if p.Kind == inbox.Expires && p.Of == string(inbox.VirtualKey) {
		p.Runbook = "docs/runbooks.md#a-virtual-key-expires"
	}
	if p.Kind == inbox.Burst && p.Recorded < p.Count {
		p.More = append(p.More, r.words.Said("exception.recorded", "Count", int(min(p.Recorded, 1<<30)), "Recorded", grouped(p.Recorded)))
	}
	if p.Kind == inbox.Deprecated {
		p.sayReplaced(r)
	}
	if p.Over != nil {
		p.Ended = r.words.Said("exception.over", "Time", r.time(p.Over.Time), "How", r.ending(p.Over))
	}
}

// advice returns the end of the name of the message of what to do about a subject.
func advice(s *inbox.Subject) string {
	switch {
	case s.Kind == inbox.Burst:
		return "burst_" + cmp.Or(refusalGroups[s.Reason], "other")
	case s.Kind == inbox.Unknown && s.Weight == inbox.Hygiene, s.Kind == inbox.Open && s.Weight == inbox.Hygiene:
		return "read"
	case s.Kind == inbox.Expires:
		return string(s.Kind) + "_" + s.Of
	}
	return string(s.Kind)
}

// refusalGroups are the reasons of refusals that call for the same; others call for a look at the calls.
var refusalGroups = map[string]string{
	"no_identity": "identity", "bad_authorization": "identity", "unknown_scheme": "identity", "unknown_access_key": "identity", "bad_date": "identity",
	"bad_signature": "identity", "contradicting_identities": "identity", "unknown_certificate": "identity", "unsigned_payload": "identity",
	"expired_access_key": "identity", "too_many_failures": "identity",
	"no_grant": "grant", "wrong_class": "grant", "wrong_account": "grant", "customer_not_granted": "grant", "credential_not_granted": "grant",
	"replayed": "replayed", "over_limit": "limit", "act_held": "act", "cap_full": "cap",
}

// sayReplaced adds what the catalog knows of the end of an operation.
func (p *exceptionPage) sayReplaced(r *request) {
	o := inCatalog(p.Operation)
	if o == nil {
		return
	}
	if !o.Sunset.IsZero() {
		p.More = append(p.More, r.words.Said("exception.sunset", "Day", o.Sunset.Format(time.DateOnly), "Announced", o.Announced.Format(time.DateOnly)))
	}
	if len(o.ReplacedBy) > 0 {
		p.Do = append(p.Do, r.words.Said("exception.replaced", "Count", len(o.ReplacedBy), "Operations", strings.Join(o.ReplacedBy, ", ")))
	}
}

// exceptionValues are the names and values of messages about an exception.
func (r *request) exceptionValues(d *inbox.Detail) []any {
	values := r.values(&d.Subject, int(min(d.Count, 1<<30)), d.Count, d.Until)
	hour := d.Time.In(r.zone)
	values = append(values, "Time", r.time(d.Time), "Hour", hour.Format("2006-01-02 15:04"), "HourEnd", hour.Add(time.Hour).Format("15:04"), "Month", d.ID.Month)
	if d.Record != nil {
		values = append(values, "Detail", d.Record.Detail)
	}
	if d.Record != nil && d.Kind == inbox.Paused {
		values = append(values, "Provider", d.Record.Data["reason"])
	}
	return append(values, "Held", heldText(d.Held), "By", frozenBy(d))
}

func heldText(m *inbox.Money) string {
	if m == nil {
		return ""
	}
	return money(m.Currency, m.Value)
}

func frozenBy(d *inbox.Detail) string {
	if d.Frozen == nil {
		return ""
	}
	return cmp.Or(d.Frozen.By, "–")
}

// ending says by what an exception was ended.
func (r *request) ending(by *logfile.Record) string {
	if by.Kind == logfile.KindEvent {
		return r.eventText(by)
	}
	return r.words.Text("exception.ended." + string(by.Kind))
}

// eventText returns what an event is, in words; the code of one that has none.
func (r *request) eventText(e *logfile.Record) string {
	id := "exception.event." + string(e.Event)
	if e.Kind != logfile.KindEvent {
		id = "exception.record." + string(e.Kind)
	}
	if !r.words.Has(id) {
		return string(e.Event)
	}
	return r.words.Text(id)
}

// list adds the calls concerned and the history.
func (p *exceptionPage) list(r *request, scope *inbox.Scope) {
	for _, one := range p.Detail.Calls {
		row := newCallRow(one, r.zone)
		p.Calls = append(p.Calls, concernedCall{row, p.Kind == inbox.Repeat && one.Refusal == nil})
	}
	if f := p.Filter(scope); f != nil && p.Call == "" && len(p.Calls) > 0 {
		p.List = callsAddress(f, p.Log)
	}
	for _, e := range p.History {
		p.Events = append(p.Events, pastEvent{e, r.eventText(e), e.Time.In(r.zone), cmp.Or(e.Data["by"], e.Identity)})
	}
	p.Missed = r.missed(p.Detail.Missed, scope)
}
