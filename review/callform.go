package review

import (
	"context"
	"slices"

	"tollgate/audit/calls"
	"tollgate/internal/text"
	"tollgate/review/evidence"
)

// The fields of the form, by the names of parameters: those that are always shown, and the others.
var (
	commonFields = []string{paramPeriod, "caller", "operation", "outcome", "customer", "order"}
	otherFields  = []string{
		"effect", "account", "credential", "class", "site", "decision", "reason", "status", "error-code", "min-amount", "max-amount", "currency", "coupon", "call",
		"request-id", "plan", "deprecated", paramSince, paramUntil, paramLast, paramMonth, paramLog,
	}
)

// field is a field of the form.
type field struct {
	Name, Label, Value, Hint string
	Options                  []option // of a field with choices
	Known                    []string // values that are offered
	Money                    bool     // a decimal number
}

type option struct {
	Value, Label string
	Chosen       bool
}

// chip is a filter that is chosen.
type chip struct{ Label, Value, Without string }

// form has the fields, and the filters that are chosen.
type form struct {
	Common, Others []field
	Hidden         []option
	Chips          []chip
	Clear          string // the address without filters
}

func (r *request) form(c *choice, all evidence.Logs, known map[string][]string) form {
	f := form{Clear: "/calls"}
	for _, name := range commonFields {
		f.Common = append(f.Common, r.field(c, all, name, known))
	}
	for _, name := range otherFields {
		if name != paramLog || len(all) > 1 {
			f.Others = append(f.Others, r.field(c, all, name, known))
		}
	}
	for _, name := range []string{paramZone, paramLang} {
		if c.values.Has(name) {
			f.Hidden = append(f.Hidden, option{Value: c.values.Get(name), Label: name})
		}
	}
	for _, name := range slices.Concat(commonFields, otherFields) {
		if value := c.values.Get(name); value != "" {
			f.Chips = append(f.Chips, chip{r.words.Text("calls.filter." + name), r.choiceText(name, value), c.address("/calls", name, "")})
		}
	}
	return f
}

func (r *request) field(c *choice, all evidence.Logs, name string, known map[string][]string) field {
	f := field{Name: name, Label: r.words.Text("calls.filter." + name), Value: c.values.Get(name), Known: known[name]}
	p := calls.ParamNamed(name)
	var choices []string
	switch {
	case name == paramLog:
		for _, l := range all {
			choices = append(choices, l.Name)
		}
	case p == nil:
		f.Hint = r.words.Text("calls.hint." + name)
	case p.Kind == calls.ParamSwitch:
		choices = []string{"true"}
	default:
		choices, f.Money = p.Choices, p.Kind == calls.ParamAmount
	}
	for _, value := range choices {
		f.Options = append(f.Options, option{value, r.choiceText(name, value), value == f.Value})
	}
	return f
}

// choiceText returns a value in the language of the reader where it is one of a few.
func (r *request) choiceText(name, value string) string {
	p := calls.ParamNamed(name)
	switch {
	case name == "outcome":
		return r.words.Text("state." + value)
	case p != nil && (p.Kind == calls.ParamChoice || p.Kind == calls.ParamSwitch):
		return r.words.Text("calls.choice." + value)
	}
	return value
}

// knownColumns are the filters of which the index knows the values, with its names for them.
var knownColumns = map[string]string{"caller": "caller", "operation": "operation", "credential": "credential", "account": "account", "reason": "reason", "error-code": "error_code"}

// maxKnown bounds the values that are offered for a field. Long ones are not, nor those with characters that would have to be made visible: they are
// chosen as they are.
const maxKnown = 200

// known returns values that the fields can offer. They are a help: what cannot be found out soon is not offered.
func known(ctx context.Context, logs evidence.Logs) map[string][]string {
	all := map[string][]string{}
	for _, l := range logs {
		for name, values := range l.Known(ctx, maxKnown, knownColumns) {
			all[name] = append(all[name], values...)
		}
	}
	for name, values := range all {
		all[name] = offered(values)
	}
	return all
}

// offered returns the values, each once, that can be offered.
func offered(values []string) []string {
	values = slices.DeleteFunc(values, func(value string) bool { return len(value) > maxCell || text.Visible(value) != value })
	slices.Sort(values)
	values = slices.Compact(values)
	return values[:min(len(values), maxKnown)]
}
