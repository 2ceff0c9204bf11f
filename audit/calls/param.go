package calls

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// ParamKind is what the values of a [Param] are.
type ParamKind int

// The kinds of values.
const (
	ParamText ParamKind = iota
	ParamChoice
	ParamSwitch // true, or not set
	ParamStatus
	ParamAmount
	ParamCurrency
)

// Param is a member of [Filter] as people write it: a flag of commands, and a parameter of addresses.
type Param struct {
	Name    string
	Usage   string // the help of the flag, with the name of its value in backquotes
	Kind    ParamKind
	Choices []string // of a ParamChoice

	set func(f *Filter, text string) error
}

// Set sets the member from a text that is not empty.
func (p *Param) Set(f *Filter, text string) error {
	if err := p.set(f, text); err != nil {
		return &ParamError{p, text, err}
	}
	return nil
}

// ParamError is the error of a value that a parameter does not have.
type ParamError struct {
	Param *Param
	Value string
	Err   error // what is wanted
}

func (e *ParamError) Error() string { return fmt.Sprintf("%s %q: %v", e.Param.Name, e.Value, e.Err) }

func (e *ParamError) Unwrap() error { return e.Err }

// Outcomes are the outcomes of records, States what [Call.State] returns.
var (
	Outcomes = []string{logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.NotSent, logfile.Unknown}
	States   = append(slices.Clip(Outcomes), Refused, Open)
)

// Params are all of them. Since, Until and Last are none: package moment reads times.
var Params = []*Param{
	textParam("call", "call `id`", func(f *Filter, text string) { f.Call = PlainID(text) }),
	textParam("caller", "proven caller's `name`", func(f *Filter, text string) { f.Caller = text }),
	textParam("operation", "operation `name`", func(f *Filter, text string) { f.Operation = text }),
	choiceParam("effect", "read, write or spend", func(f *Filter) *string { return &f.Effect }, catalog.Read.String(), catalog.Write.String(), catalog.Spend.String()),
	choiceParam("site", "cn or intl", func(f *Filter) *string { return &f.Site }, catalog.Sites()...),
	textParam("credential", "credential `name`", func(f *Filter, text string) { f.Credential = text }),
	choiceParam("class", "credential class: partner or customer", func(f *Filter) *string { return &f.Class }, catalog.ClassPartner.String(), catalog.ClassCustomer.String()),
	textParam("account", "`id` of the account whose credential it was: who paid", func(f *Filter, text string) { f.Account = text }),
	textParam("plan", "`id` of the plan that decided: 16 digits, see tollgate audit plan", func(f *Filter, text string) { f.Plan = text }),
	{"deprecated", "only operations that were deprecated when they were called", ParamSwitch, nil, setDeprecated},
	choiceParam("decision", "allowed or refused", func(f *Filter) *string { return &f.Decision }, logfile.Allowed, logfile.Refused),
	choiceParam("outcome", "succeeded, failed, partial, not_sent, unknown, refused, or open (none on record)", func(f *Filter) *string { return &f.State }, States...),
	textParam("reason", "`reason` of a refusal, or of an outcome without an answer: over_limit", func(f *Filter, text string) { f.Reason = text }),
	{"status", "HTTP `status`, of the provider or of a refusal", ParamStatus, nil, setStatus},
	textParam("error-code", "the provider's error `code`", func(f *Filter, text string) { f.ErrorCode = text }),
	textParam("request-id", "the provider's request `id`", func(f *Filter, text string) { f.RequestID = text }),
	textParam("order", "order `id`, of the request or the answer", func(f *Filter, text string) { f.Order = text }),
	textParam("customer", "customer `id`, likewise; whose key was used: --account", func(f *Filter, text string) { f.Customer = text }),
	textParam("coupon", "coupon or quota `id`, likewise", func(f *Filter, text string) { f.Coupon = text }),
	amountParam("min-amount", "an amount of the call is this `decimal` or more, in yuan, dollars, or is in no sum", func(f *Filter) **decimal.Decimal { return &f.MinAmount }),
	amountParam("max-amount", "an amount of the call is this `decimal` or less, or is in no sum", func(f *Filter) **decimal.Decimal { return &f.MaxAmount }),
	{"currency", "an amount of the call is in this currency: `CNY`, USD", ParamCurrency, nil, setCurrency},
}

// ParamNamed returns the parameter with a name; nil if there is none.
func ParamNamed(name string) *Param {
	if i := slices.IndexFunc(Params, func(p *Param) bool { return p.Name == name }); i >= 0 {
		return Params[i]
	}
	return nil
}

func textParam(name, usage string, set func(f *Filter, text string)) *Param {
	return &Param{name, usage, ParamText, nil, func(f *Filter, text string) error {
		set(f, text)
		return nil
	}}
}

func choiceParam(name, usage string, member func(*Filter) *string, choices ...string) *Param {
	return &Param{name, usage, ParamChoice, choices, func(f *Filter, text string) error {
		if !slices.Contains(choices, text) {
			return errors.New("choose from " + strings.Join(choices, ", "))
		}
		*member(f) = text
		return nil
	}}
}

func amountParam(name, usage string, member func(*Filter) **decimal.Decimal) *Param {
	return &Param{name, usage, ParamAmount, nil, func(f *Filter, text string) error {
		d, err := decimal.Parse(text)
		if err != nil {
			return errors.New("want a decimal number, such as 99.99")
		}
		*member(f) = &d
		return nil
	}}
}

func setDeprecated(f *Filter, text string) (err error) {
	if f.Deprecated, err = strconv.ParseBool(text); err != nil {
		return errors.New("want true or false")
	}
	return nil
}

func setStatus(f *Filter, text string) error {
	status, err := strconv.Atoi(text)
	if err != nil || status < 100 || status > 999 {
		return errors.New("want an HTTP status, such as 403")
	}
	f.Status = status
	return nil
}

func setCurrency(f *Filter, text string) error {
	code := strings.ToUpper(text)
	if !IsCurrency(code) {
		return errors.New("want three letters, such as CNY")
	}
	f.Currency = code
	return nil
}

// PlainID returns the call id in an id as people copy it: in lower case, without urn:uuid:.
func PlainID(id string) string { return strings.ToLower(strings.TrimPrefix(id, "urn:uuid:")) }
