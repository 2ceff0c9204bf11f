package auditcmd

import (
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
	var force bool
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
			return writeExport(cmd.OutOrStdout(), dir, times.Since, times.Until, out, force)
		},
	}
	cli.DirFlag(cmd, &dir)
	times.Register(cmd)
	times.AcceptFromTo(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "the `file` to write (required)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	return cmd
}

// place is where a log stands: its directory, or a bundle.
type place struct{ dir, bundle string }

func (p *place) register(cmd *cobra.Command) {
	cli.DirFlag(cmd, &p.dir, "bundle")
	cmd.Flags().StringVar(&p.bundle, "bundle", "", "`archive` made by audit export, or the folder that it was unpacked into")
}

func (p *place) check() error {
	if (p.dir == "") == (p.bundle == "") {
		return cli.UsageError("one log is needed: the audit directory (%s), or --bundle with what audit export made", cli.DirWays)
	}
	if p.bundle != "" {
		return nil
	}
	return cli.CheckDir(p.dir)
}

// exportTimes reads the times of an archive, which are always two: its README names them.
func exportTimes(f *cli.TimeFlags, now time.Time) error {
	if err := f.Parse(now); err != nil {
		return err
	}
	if f.Last != "" {
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

func writeExport(w io.Writer, dir string, from, to time.Time, out string, force bool) error {
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
	return nil
}
