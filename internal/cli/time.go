package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them

	"github.com/spf13/cobra"
)

// TimeFlags are the flags that choose a time range, and the zone in which times are read and printed.
type TimeFlags struct {
	sinceText, untilText, Last, month, zoneText string

	Since, Until time.Time
	Zone         *time.Location
}

// Register adds the flags --since, --until, --last, --month and --zone to a command.
func (f *TimeFlags) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.sinceText, "since", "", "from this `time` on: 2026-01-31, \"2026-01-31 15:04\", RFC 3339, or an age (24h, 7d)")
	flags.StringVar(&f.untilText, "until", "", "before this `time`, or age")
	flags.StringVar(&f.Last, "last", "", "the last so much time: an `age` (24h, 7d)")
	flags.StringVar(&f.month, "month", "", "a whole `month` in --zone: 2026-10, last (the one that has ended), or this")
	ZoneFlag(cmd, &f.zoneText, "reading and printing times")
}

// ZoneFlag adds the flag --zone to a command.
func ZoneFlag(cmd *cobra.Command, zone *string, purpose string) {
	cmd.Flags().StringVar(zone, "zone", "UTC", "time `zone` for "+purpose+": Asia/Shanghai")
}

// AcceptFromTo adds --from and --to as other names of --since and --until, which the help does not show.
func (f *TimeFlags) AcceptFromTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	for name, text := range map[string]*string{"from": &f.sinceText, "to": &f.untilText} {
		flags.StringVar(text, name, "", "")
		flags.Lookup(name).Hidden = true
	}
}

// Parse sets Since, Until and Zone from the flags, or returns a usage error.
func (f *TimeFlags) Parse(now time.Time) error {
	var err error
	if f.Zone, err = LoadZone(f.zoneText); err != nil {
		return UsageError("--zone: %w", err)
	}
	if f.month != "" && (f.sinceText != "" || f.untilText != "" || f.Last != "") || f.Last != "" && (f.sinceText != "" || f.untilText != "") {
		return UsageError("choose one of --month, --last, and --since with --until")
	}
	switch {
	case f.month != "":
		f.Since, f.Until, err = parseMonth(f.month, now, f.Zone)
		err = FlagError("month", err)
	case f.Last != "":
		var age time.Duration
		age, err = parseAge(f.Last)
		f.Since, err = now.Add(-age), FlagError("last", err)
	default:
		if f.Since, err = parseMoment(f.sinceText, now, f.Zone); err != nil {
			return FlagError("since", err)
		}
		f.Until, err = parseMoment(f.untilText, now, f.Zone)
		err = FlagError("until", err)
	}
	if err == nil && !f.Until.IsZero() && f.Until.Before(f.Since) {
		err = UsageError("--until is before --since")
	}
	return err
}

// Text describes the times that the flags choose.
func (f *TimeFlags) Text() string {
	text := "from the log's beginning"
	if !f.Since.IsZero() {
		text = "from " + f.Since.In(f.Zone).Format(time.DateTime)
	}
	if f.Until.IsZero() {
		return text + " to its end (" + f.Zone.String() + ")"
	}
	return text + " to before " + f.Until.In(f.Zone).Format(time.DateTime) + " (" + f.Zone.String() + ")"
}

// FlagError returns err as a usage error of a flag; nil if err is nil.
func FlagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return UsageError("--%s: %w", flag, err)
}

// LoadZone returns a time zone by its name. It knows the names of the IANA database; the host's own zone is none, so that a command means
// the same everywhere.
func LoadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone; they have names such as UTC, Asia/Shanghai, Europe/Berlin", name)
	}
	return zone, nil
}

// parseAge reads a duration, also in days of 24 hours: "90m", "7d".
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return age, nil
	}
	return 0, fmt.Errorf("%q is no age such as 24h, 30m or 7d", text)
}

// parseMonth returns the first instant of a month and that of the next.
func parseMonth(text string, now time.Time, zone *time.Location) (since, until time.Time, err error) {
	year, month, _ := now.In(zone).Date()
	switch text {
	case "this":
	case "last":
		month--
	default:
		t, err := time.Parse("2006-01", text)
		if err != nil {
			return since, until, fmt.Errorf("%q is no month: want one such as 2026-10, last, or this", text)
		}
		year, month = t.Year(), t.Month()
	}
	return startOfDay(year, month, 1, zone), startOfDay(year, month+1, 1, zone), nil
}

// wallLayouts are times without an offset, as people write them and as the tables show them.
var wallLayouts = [...]string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"}

// parseMoment reads a date, a time or an age; "" is the zero time. What has no offset is in the zone; a date is its first
// instant.
func parseMoment(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := parseAge(text); err == nil {
		return now.Add(-age), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return startOfDay(t.Year(), t.Month(), t.Day(), zone), nil
	}
	for _, layout := range wallLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return onTheClock(t, zone)
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither an age (24h, 7d) nor a time (2026-01-31, 2026-01-31T15:04:05Z); times without an offset are in --zone", text)
}

// onTheClock returns the instant at which a clock in the zone shows what wall, which is in UTC, shows.
func onTheClock(wall time.Time, zone *time.Location) (time.Time, error) {
	switch instants := showing(wall, zone); len(instants) {
	case 1:
		return instants[0], nil
	case 0:
		return time.Time{}, fmt.Errorf("no clock in %s shows %s: it is set forward past it; write an offset, as %s",
			zone, wall.Format(time.DateTime), near(wall, zone).Format(time.RFC3339))
	default:
		return time.Time{}, fmt.Errorf("clocks in %s show %s twice, as they are set back: say %s or %s",
			zone, wall.Format(time.DateTime), instants[0].Format(time.RFC3339), instants[1].Format(time.RFC3339))
	}
}

// showing returns the instants, in order, at which a clock in the zone shows what wall, which is in UTC, shows: one, or none
// or two where clocks are changed.
func showing(wall time.Time, zone *time.Location) []time.Time {
	before, after := near(wall, zone).ZoneBounds()
	var instants []time.Time
	for _, t := range [...]time.Time{before.Add(-time.Second), near(wall, zone), after} {
		_, offset := t.In(zone).Zone()
		t = wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, is := t.Zone(); is == offset && !slices.ContainsFunc(instants, t.Equal) {
			instants = append(instants, t)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	return instants
}

// near is at most one change of the clocks away from what wall shows.
func near(wall time.Time, zone *time.Location) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
}

// startOfDay is the first instant of a day: not midnight everywhere, since in some zones clocks are changed then.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if instants := showing(midnight, zone); len(instants) > 0 {
		return instants[0]
	}
	t := near(midnight, zone)
	before, after := t.ZoneBounds()
	if t.Format(time.DateOnly) < midnight.Format(time.DateOnly) {
		return after
	}
	return before
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
	zone, err := LoadZone(f.zone)
	if err != nil {
		return time.Time{}, FlagError("zone", err)
	}
	if after, err := parseAge(f.until); err == nil {
		return now.Add(after), nil
	}
	end, err := parseMoment(f.until, now, zone)
	if err == nil && !end.IsZero() && !end.After(now) {
		err = fmt.Errorf("%s is over", end.UTC().Format(time.RFC3339))
	}
	return end, FlagError("until", err)
}
