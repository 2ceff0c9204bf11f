package review

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/moment"
	"tollgate/review/evidence"
)

// choice is what an address chooses of calls. Its parameters are those of [calls.Params], since, until, last, month and zone, as flags of
// commands have them; period, as [ParsePeriod] reads it; log; and the cursor before.
type choice struct {
	filter calls.Filter
	zone   *time.Location // in which times are read and shown
	logs   evidence.Logs
	before calls.Cursor

	values  url.Values // the parameters that are set, but for the cursor
	cleaned bool       // the address has parameters that say nothing
}

// Parameters of addresses beside those of [calls.Params].
const (
	paramPeriod, paramLog, paramBefore, paramZone, paramLang = "period", "log", "before", "zone", "lang"

	paramSince, paramUntil, paramLast, paramMonth = "since", "until", "last", "month"
)

// timeParams are the parameters that bound times.
var timeParams = []string{paramPeriod, paramMonth, paramSince, paramUntil, paramLast}

// maxShown is how many bytes of a wrong parameter are repeated to the reader.
const maxShown = 80

// badRequest is the failure of an address, in words of a message.
func badRequest(words string, args ...any) *failure {
	return &failure{http.StatusBadRequest, words, args}
}

// choice reads the address.
func (s *Server) choice(r *request) (*choice, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("calls.bad.query")
	}
	c := &choice{zone: r.zone, logs: s.config.Logs, values: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if len(given[name]) > 1 {
			return nil, badRequest("calls.bad.repeated", "Name", short(name))
		}
		text := strings.TrimSpace(given.Get(name))
		if c.cleaned = c.cleaned || text != given.Get(name) || text == ""; text == "" {
			continue
		}
		if err := c.set(name, text); err != nil {
			return nil, err
		}
	}
	return c, c.bound(r)
}

func short(text string) string { return text[:min(len(text), maxShown)] }

// set reads one parameter. Those of times wait for the zone.
func (c *choice) set(name, text string) (err error) {
	if p := calls.ParamNamed(name); p != nil {
		if p.Set(&c.filter, text) != nil {
			return badRequest(badValues[p.Kind], "Name", name, "Value", short(text), "Choices", strings.Join(p.Choices, ", "))
		}
		c.values.Set(name, text)
		return nil
	}
	switch {
	case name == paramBefore:
		if c.before, err = calls.ParseCursor(text); err != nil || c.logs.Named(c.before.Log) == nil {
			return badRequest("calls.bad.cursor", "Value", short(text))
		}
		return nil
	case name == paramZone:
		if c.zone, err = moment.Zone(text); err != nil {
			return badRequest("calls.bad.zone", "Value", short(text))
		}
	case name == paramLog:
		l := c.logs.Named(text)
		if l == nil {
			return badRequest("calls.bad.log", "Value", short(text))
		}
		c.logs = evidence.Logs{l}
	case name != paramLang && !slices.Contains(timeParams, name):
		return badRequest("calls.bad.unknown", "Name", short(name))
	}
	c.values.Set(name, text)
	return nil
}

// badValues are the messages about values that parameters do not have.
var badValues = map[calls.ParamKind]string{
	calls.ParamChoice: "calls.bad.choice", calls.ParamSwitch: "calls.bad.switch", calls.ParamStatus: "calls.bad.status", calls.ParamAmount: "calls.bad.amount",
	calls.ParamCurrency: "calls.bad.currency",
}

// badTimes are those about the parameters of times.
var badTimes = map[string]string{
	paramSince: "calls.bad.moment", paramUntil: "calls.bad.moment", paramLast: "calls.bad.age", paramMonth: "calls.bad.month", paramPeriod: "calls.bad.period",
}

// bound sets the times of the filter.
func (c *choice) bound(r *request) error {
	asked := moment.Range{Since: c.values.Get(paramSince), Until: c.values.Get(paramUntil), Last: c.values.Get(paramLast), Month: c.values.Get(paramMonth)}
	text, err := c.values.Get(paramPeriod), error(nil)
	switch {
	case text != "" && asked != (moment.Range{}):
		err = moment.ErrSeveral
	case text != "":
		var p Period
		if p, err = ParsePeriod(text, c.zone); err != nil {
			err = &moment.RangeError{Member: paramPeriod, Err: err}
		}
		c.filter.Since, c.filter.Until = p.Since, p.Until
	default:
		c.filter.Since, c.filter.Until, err = asked.Times(r.now, c.zone)
	}
	return c.badTime(err)
}

func (c *choice) badTime(err error) error {
	wrong, ok := errors.AsType[*moment.RangeError](err)
	switch {
	case err == nil:
		return nil
	case ok:
		return badRequest(badTimes[wrong.Member], "Name", wrong.Member, "Value", short(c.values.Get(wrong.Member)))
	case err == moment.ErrBackward:
		return badRequest("calls.bad.backward")
	}
	return badRequest("calls.bad.several")
}

// address returns that of a page with the chosen parameters, and others that are set, or dropped where they are empty: names and values by turns.
func (c *choice) address(page string, changes ...string) string {
	values := maps.Clone(c.values)
	for i := 0; i < len(changes); i += 2 {
		if values.Del(changes[i]); changes[i+1] != "" {
			values.Set(changes[i], changes[i+1])
		}
	}
	if len(values) == 0 {
		return page
	}
	return page + "?" + values.Encode()
}
