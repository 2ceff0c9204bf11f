package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/audit/calls"
	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// callFlags choose calls.
type callFlags struct {
	filter               calls.Filter
	minAmount, maxAmount string
}

func (f *callFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Call, "call", "", "call `id`")
	flags.StringVar(&f.filter.Caller, "caller", "", "proven caller's `name`")
	flags.StringVar(&f.filter.Operation, "operation", "", "operation `name`")
	flags.StringVar(&f.filter.Effect, "effect", "", "read, write or spend")
	flags.StringVar(&f.filter.Site, "site", "", "cn or intl")
	flags.StringVar(&f.filter.Credential, "credential", "", "credential `name`")
	flags.StringVar(&f.filter.Class, "class", "", "credential class: partner or customer")
	flags.StringVar(&f.filter.Decision, "decision", "", "allowed or refused")
	flags.StringVar(&f.filter.State, "outcome", "", "succeeded, failed, partial, not_sent, unknown, refused, or open (none on record)")
	flags.IntVar(&f.filter.Status, "status", 0, "HTTP `status`, of the provider or of a refusal")
	flags.StringVar(&f.filter.ErrorCode, "error-code", "", "the provider's error `code`")
	flags.StringVar(&f.filter.RequestID, "request-id", "", "the provider's request `id`")
	flags.StringVar(&f.filter.Order, "order", "", "order `id`, of the request or the answer")
	flags.StringVar(&f.filter.Customer, "customer", "", "customer `id`, likewise")
	flags.StringVar(&f.filter.Coupon, "coupon", "", "coupon or quota `id`, likewise")
	flags.StringVar(&f.minAmount, "min-amount", "", "an amount of the call is this `decimal` or more, in yuan, dollars, or is in no sum")
	flags.StringVar(&f.maxAmount, "max-amount", "", "an amount of the call is this `decimal` or less, or is in no sum")
	flags.StringVar(&f.filter.Currency, "currency", "", "an amount of the call is in this currency: `CNY`, USD")
}

// checkChoice refuses a flag's value that is none of the known ones. An empty one is none.
func checkChoice(flag, value string, known []string) error {
	if value != "" && !slices.Contains(known, value) {
		return usageError("--%s %q: choose from %s", flag, value, strings.Join(known, ", "))
	}
	return nil
}

var (
	effects   = []string{catalog.Read.String(), catalog.Write.String(), catalog.Spend.String()}
	classes   = []string{catalog.ClassPartner.String(), catalog.ClassCustomer.String()}
	decisions = []string{audit.Allowed, audit.Refused}
	outcomes  = []string{audit.Succeeded, audit.Failed, audit.Partial, audit.NotSent, audit.Unknown}
)

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

func (f *callFlags) parse() error {
	err := cmp.Or(
		checkChoice("effect", f.filter.Effect, effects), checkChoice("class", f.filter.Class, classes), checkChoice("decision", f.filter.Decision, decisions),
		checkChoice("outcome", f.filter.State, append(slices.Clip(outcomes), calls.Refused, calls.Open)), checkChoice("site", f.filter.Site, catalog.Sites()),
	)
	if err != nil {
		return err
	}
	f.filter.Call = plainID(f.filter.Call)
	f.filter.Currency = strings.ToUpper(f.filter.Currency)
	if f.filter.Currency != "" && !currencyCode.MatchString(f.filter.Currency) {
		return usageError("--currency %q: want three letters, such as CNY", f.filter.Currency)
	}
	if f.filter.Status != 0 && (f.filter.Status < 100 || f.filter.Status > 999) {
		return usageError("--status %d: want an HTTP status, such as 403", f.filter.Status)
	}
	if f.filter.MinAmount, err = parseAmount("min-amount", f.minAmount); err != nil {
		return err
	}
	f.filter.MaxAmount, err = parseAmount("max-amount", f.maxAmount)
	return err
}

func (f *callFlags) between(since, until time.Time) { f.filter.Since, f.filter.Until = since, until }

// plainID takes a call id as people copy it.
func plainID(id string) string { return strings.ToLower(strings.TrimPrefix(id, "urn:uuid:")) }

func parseAmount(flag, text string) (*decimal.Decimal, error) {
	if text == "" {
		return nil, nil
	}
	d, err := decimal.Parse(text)
	return &d, flagError(flag, err)
}

// maxLimit bounds --limit, which is how many rows are held in memory.
const maxLimit = 100_000

func limitFlag(cmd *cobra.Command, limit *int, value int) {
	cmd.Flags().IntVarP(limit, "limit", "n", value, "only the last `N`, at most 100000; 0 for all")
}

func checkLimit(limit int) error {
	if limit < 0 || limit > maxLimit {
		return usageError("--limit %d: want 0 to %d; without it all are printed, in constant memory", limit, maxLimit)
	}
	return nil
}
