package cli

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// CallFlags are the flags that choose calls.
type CallFlags struct {
	Filter               calls.Filter
	minAmount, maxAmount string
}

// Register adds the flags to a command.
func (f *CallFlags) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Filter.Call, "call", "", "call `id`")
	flags.StringVar(&f.Filter.Caller, "caller", "", "proven caller's `name`")
	flags.StringVar(&f.Filter.Operation, "operation", "", "operation `name`")
	flags.StringVar(&f.Filter.Effect, "effect", "", "read, write or spend")
	flags.StringVar(&f.Filter.Site, "site", "", "cn or intl")
	flags.StringVar(&f.Filter.Credential, "credential", "", "credential `name`")
	flags.StringVar(&f.Filter.Class, "class", "", "credential class: partner or customer")
	flags.StringVar(&f.Filter.Account, "account", "", "`id` of the account whose credential it was: who paid")
	flags.StringVar(&f.Filter.Plan, "plan", "", "`id` of the plan that decided: 16 digits, see tollgate audit plan")
	flags.BoolVar(&f.Filter.Deprecated, "deprecated", false, "only operations that were deprecated when they were called")
	flags.StringVar(&f.Filter.Decision, "decision", "", "allowed or refused")
	flags.StringVar(&f.Filter.State, "outcome", "", "succeeded, failed, partial, not_sent, unknown, refused, or open (none on record)")
	flags.StringVar(&f.Filter.Reason, "reason", "", "`reason` of a refusal, or of an outcome without an answer: over_limit")
	flags.IntVar(&f.Filter.Status, "status", 0, "HTTP `status`, of the provider or of a refusal")
	flags.StringVar(&f.Filter.ErrorCode, "error-code", "", "the provider's error `code`")
	flags.StringVar(&f.Filter.RequestID, "request-id", "", "the provider's request `id`")
	flags.StringVar(&f.Filter.Order, "order", "", "order `id`, of the request or the answer")
	flags.StringVar(&f.Filter.Customer, "customer", "", "customer `id`, likewise; whose key was used: --account")
	flags.StringVar(&f.Filter.Coupon, "coupon", "", "coupon or quota `id`, likewise")
	flags.StringVar(&f.minAmount, "min-amount", "", "an amount of the call is this `decimal` or more, in yuan, dollars, or is in no sum")
	flags.StringVar(&f.maxAmount, "max-amount", "", "an amount of the call is this `decimal` or less, or is in no sum")
	flags.StringVar(&f.Filter.Currency, "currency", "", "an amount of the call is in this currency: `CNY`, USD")
}

// CheckChoice returns a usage error if a flag's value is neither empty nor one of the known ones.
func CheckChoice(flag, value string, known []string) error {
	if value != "" && !slices.Contains(known, value) {
		return UsageError("--%s %q: choose from %s", flag, value, strings.Join(known, ", "))
	}
	return nil
}

var (
	effects   = []string{catalog.Read.String(), catalog.Write.String(), catalog.Spend.String()}
	classes   = []string{catalog.ClassPartner.String(), catalog.ClassCustomer.String()}
	decisions = []string{logfile.Allowed, logfile.Refused}
	outcomes  = []string{logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.NotSent, logfile.Unknown}
)

// states are the values of --outcome.
func states() []string { return append(slices.Clip(outcomes), calls.Refused, calls.Open) }

// Parse sets Filter from the flags, or returns a usage error.
func (f *CallFlags) Parse() error {
	err := cmp.Or(
		CheckChoice("effect", f.Filter.Effect, effects), CheckChoice("class", f.Filter.Class, classes), CheckChoice("decision", f.Filter.Decision, decisions),
		CheckChoice("outcome", f.Filter.State, states()), CheckChoice("site", f.Filter.Site, catalog.Sites()),
	)
	if err != nil {
		return err
	}
	f.Filter.Call = PlainID(f.Filter.Call)
	f.Filter.Currency = strings.ToUpper(f.Filter.Currency)
	if f.Filter.Currency != "" && !calls.IsCurrency(f.Filter.Currency) {
		return UsageError("--currency %q: want three letters, such as CNY", f.Filter.Currency)
	}
	if f.Filter.Status != 0 && (f.Filter.Status < 100 || f.Filter.Status > 999) {
		return UsageError("--status %d: want an HTTP status, such as 403", f.Filter.Status)
	}
	if f.Filter.MinAmount, err = parseAmount("min-amount", f.minAmount); err != nil {
		return err
	}
	f.Filter.MaxAmount, err = parseAmount("max-amount", f.maxAmount)
	return err
}

// Between has Filter choose calls that began at since or later and before until. The zero time is no bound.
func (f *CallFlags) Between(since, until time.Time) { f.Filter.Since, f.Filter.Until = since, until }

// PlainID returns the call id in an id as people copy it: in lower case, without urn:uuid:.
func PlainID(id string) string { return strings.ToLower(strings.TrimPrefix(id, "urn:uuid:")) }

func parseAmount(flag, text string) (*decimal.Decimal, error) {
	if text == "" {
		return nil, nil
	}
	d, err := decimal.Parse(text)
	return &d, FlagError(flag, err)
}

// maxLimit bounds --limit, which is how many rows are held in memory.
const maxLimit = 100_000

// LimitFlag adds the flag --limit to a command, with its default value.
func LimitFlag(cmd *cobra.Command, limit *int, value int) {
	cmd.Flags().IntVarP(limit, "limit", "n", value, "only the last `N`, at most 100000; 0 for all")
}

// CheckLimit returns a usage error if a value of --limit is out of range.
func CheckLimit(limit int) error {
	if limit < 0 || limit > maxLimit {
		return UsageError("--limit %d: want 0 to %d; without it all are printed, in constant memory", limit, maxLimit)
	}
	return nil
}
