package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/checkpoint"
	"tollgate/audit/export"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

func exportCommand() *cobra.Command {
	var dir, out string
	var times cli.TimeFlags
	var force, asJSON bool
	cmd := &cobra.Command{
		Use: "export --dir DIR --since TIME --until TIME -o FILE", Short: "Make one archive of a period for an auditor, with proofs and how to verify it",
		Long: "The archive holds the records of the period, exactly as they are, with what is needed to verify them: checkpoint, public key,\n" +
			"a verifier in Python, and a README that says how to use this program, that one, or standard tools alone.",
		Example: "  tollgate audit export --dir /var/lib/tollgate/audit --month 2026-10 --zone Asia/Shanghai -o october.zip\n" +
			"  tollgate audit export --dir D --since 2026-10-01 --until \"2026-10-03 12:00\" -o part.zip",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exportTimes(&times, time.Now()); err != nil {
				return err
			}
			if out == "" {
				return cli.UsageError("--out is needed: the file to write")
			}
			return writeExport(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, times.Since, times.Until, out, force, asJSON)
		},
	}
	cli.DirFlag(cmd, &dir)
	times.Register(cmd)
	times.AcceptFromTo(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "the `file` to write (required)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// exportTimes reads the times of an archive, which are always two: its README names them.
func exportTimes(f *cli.TimeFlags, now time.Time) error {
	if err := f.Parse(now); err != nil {
		return err
	}
	if f.Relative() {
		f.Until = now
	}
	switch {
	case f.Since.IsZero() || f.Until.IsZero():
		return cli.UsageError("the period is needed: --since with --until, --month, or --last")
	case !f.Since.Before(f.Until):
		return cli.UsageError("--since must be before --until")
	}
	return nil
}

func writeExport(w, notes io.Writer, dir string, from, to time.Time, out string, force, asJSON bool) error {
	log, err := openLog(dir)
	if err != nil {
		return err
	}
	var s *export.Summary
	err = writeFile(out, force, func(w io.Writer) (err error) {
		s, err = export.Write(w, log, from, to)
		return err
	})
	if err != nil {
		return err
	}
	source := cli.LogSource(dir, s.Newest.Size)
	if asJSON {
		return errors.Join(cli.PrintJSON(w, exportedAs(s, out, source)), source.Say(notes))
	}
	describeExport(w, s, out)
	return source.Say(notes)
}

// exported is what an archive holds, as JSON.
type exported struct {
	Source    cli.Source `json:"source"`
	File      string     `json:"file"`
	Records   int        `json:"records"` // of the period
	Begin     uint64     `json:"begin"`   // the first of those, and the last
	End       uint64     `json:"end"`
	First     uint64     `json:"first"` // with what the proof needs
	Last      uint64     `json:"last"`
	Signed    string     `json:"signed"`
	Key       string     `json:"key"`
	Plans     int        `json:"plans"`
	NoText    []string   `json:"plans_without_text,omitempty"`
	Uncovered int        `json:"uncovered,omitempty"`
	Pruned    uint64     `json:"pruned,omitempty"`
}

func exportedAs(s *export.Summary, file string, source cli.Source) exported {
	return exported{
		Source: source, File: file, Records: s.Total(), Begin: s.Begin, End: s.End, First: s.First, Last: s.Last, Plans: len(s.Plans), NoText: s.NoText,
		Signed: s.Checkpoint.Time.Format(checkpoint.TimeFormat), Key: s.Checkpoint.Keys[len(s.Checkpoint.Keys)-1].String(), Uncovered: s.Uncovered, Pruned: s.Pruned,
	}
}

func describeExport(w io.Writer, s *export.Summary, out string) {
	fmt.Fprintf(w, "%s: %d records of the period, %d to %d; with what the proof needs, %d to %d\n", out, s.Total(), s.Begin, s.End, s.First, s.Last)
	fmt.Fprintf(w, "signed %s by %v\n", s.Checkpoint.Time.Format(checkpoint.TimeFormat), s.Checkpoint.Keys[len(s.Checkpoint.Keys)-1])
	if len(s.Plans) > 0 {
		fmt.Fprintf(w, "with the texts of %s that they name\n", text.Count(len(s.Plans), "plan"))
	}
	if len(s.NoText) > 0 {
		fmt.Fprintf(w, "WITHOUT the texts of the plans %s: the log does not have them whole, which verifying the archive reports\n", strings.Join(s.NoText, ", "))
	}
	if s.Uncovered > 0 {
		fmt.Fprintf(w, "left out: %d later records of the period, which no checkpoint covers yet; export again later to have them\n", s.Uncovered)
	}
	if s.Pruned > 0 {
		fmt.Fprintf(w, "the records 1 to %d are pruned, and missing if the period reaches back to them\n", s.Pruned)
	}
}
