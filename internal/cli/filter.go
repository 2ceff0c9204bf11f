package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tollgate/audit/calls"
)

// CallFlags are the flags that choose calls: those of [calls.Params].
type CallFlags struct {
	Filter calls.Filter
	texts  map[string]pflag.Value // by flag
}

// Register adds the flags to a command.
func (f *CallFlags) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.texts = map[string]pflag.Value{}
	for _, p := range calls.Params {
		if p.Kind == calls.ParamSwitch {
			flags.Bool(p.Name, false, p.Usage)
		} else {
			flags.String(p.Name, "", p.Usage)
		}
		f.texts[p.Name] = flags.Lookup(p.Name).Value
	}
}

// CheckChoice returns a usage error if a flag's value is neither empty nor one of the known ones.
func CheckChoice(flag, value string, known []string) error {
	if value != "" && !slices.Contains(known, value) {
		return UsageError("--%s %q: choose from %s", flag, value, strings.Join(known, ", "))
	}
	return nil
}

// Parse sets Filter from the flags, or returns a usage error.
func (f *CallFlags) Parse() error {
	for _, p := range calls.Params {
		text := f.texts[p.Name].String()
		if text == "" {
			continue
		}
		if err := p.Set(&f.Filter, text); err != nil {
			return UsageError("--%w", err)
		}
	}
	return nil
}

// Between has Filter choose calls that began at since or later and before until. The zero time is no bound.
func (f *CallFlags) Between(since, until time.Time) { f.Filter.Since, f.Filter.Until = since, until }

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
