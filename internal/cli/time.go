package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tollgate/internal/moment"
	"tollgate/internal/words"
)

// TimeFlags are the flags that choose a time range, and the zone in which times are read and printed.
type TimeFlags struct {
	asked    moment.Range
	zoneText string

	Since, Until time.Time
	Zone         *time.Location
}

// Register adds the flags --since, --until, --last, --month and --zone to a command.
func (f *TimeFlags) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.asked.Since, "since", "", "from this `time` on: 2026-01-31, \"2026-01-31 15:04\", RFC 3339, or an age (24h, 7d)")
	flags.StringVar(&f.asked.Until, "until", "", "before this `time`, or age")
	flags.StringVar(&f.asked.Last, "last", "", "the last so much time: an `age` (24h, 7d)")
	flags.StringVar(&f.asked.Month, "month", "", "a whole `month` in --zone: 2026-10, last (the one that has ended), or this")
	ZoneFlag(cmd, &f.zoneText, "reading and printing times")
}

// ZoneFlag adds the flag --zone to a command.
func ZoneFlag(cmd *cobra.Command, zone *string, purpose string) {
	cmd.Flags().StringVar(zone, "zone", "UTC", "time `zone` for "+purpose+": Asia/Shanghai")
}

// AcceptFromTo adds --from and --to as other names of --since and --until, which the help does not show.
func (f *TimeFlags) AcceptFromTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	for name, text := range map[string]*string{"from": &f.asked.Since, "to": &f.asked.Until} {
		flags.StringVar(text, name, "", "")
		flags.Lookup(name).Hidden = true
	}
}

// Relative reports whether the times are the last so much time, and others at each reading.
func (f *TimeFlags) Relative() bool { return f.asked.Last != "" }

// Parse sets Since, Until and Zone from the flags, or returns a usage error.
func (f *TimeFlags) Parse(now time.Time) error {
	var err error
	if f.Zone, err = moment.Zone(f.zoneText); err != nil {
		return UsageError("--zone: %w", err)
	}
	f.Since, f.Until, err = f.asked.Times(now, f.Zone)
	switch of, ok := errors.AsType[*moment.RangeError](err); {
	case ok:
		return FlagError(of.Member, of.Err)
	case err == moment.ErrSeveral:
		return UsageError("choose one of --month, --last, and --since with --until")
	case err == moment.ErrBackward:
		return UsageError("--until is before --since")
	}
	return err
}

// Text describes the times that the flags choose.
func (f *TimeFlags) Text() words.Message {
	from := words.Say("report.from_begin")
	if !f.Since.IsZero() {
		from = words.Say("report.from", "Time", f.Since.In(f.Zone).Format(time.DateTime))
	}
	if f.Until.IsZero() {
		return words.Say("report.to_end", "From", from, "Zone", f.Zone)
	}
	return words.Say("report.to", "From", from, "Time", f.Until.In(f.Zone).Format(time.DateTime), "Zone", f.Zone)
}

// FlagError returns err as a usage error of a flag; nil if err is nil.
func FlagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return UsageError("--%s: %w", flag, err)
}

// EndFlags are the flags --until and --zone of what begins now and ends by itself.
type EndFlags struct{ until, zone string }

// Register adds the flags to a command.
func (f *EndFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.until, "until", "", "end by itself at this `time` (2026-01-31, \"2026-01-31 15:04\", RFC 3339), or after so long (90m, 24h, 7d)")
	ZoneFlag(cmd, &f.zone, "reading --until")
}

// Parse returns the time that the flags say, the zero time if they say none, or a usage error.
func (f *EndFlags) Parse(now time.Time) (time.Time, error) {
	zone, err := moment.Zone(f.zone)
	if err != nil {
		return time.Time{}, FlagError("zone", err)
	}
	if after, err := moment.Age(f.until); err == nil {
		return now.Add(after), nil
	}
	end, err := moment.Parse(f.until, now, zone)
	if err == nil && !end.IsZero() && !end.After(now) {
		err = fmt.Errorf("%s is over", end.UTC().Format(time.RFC3339))
	}
	return end, FlagError("until", err)
}
