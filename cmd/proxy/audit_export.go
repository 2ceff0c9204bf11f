package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/bundle"
	"tollgate/audit/proof"
)

func auditExportCommand() *cobra.Command {
	var dir, from, to, out string
	var force bool
	cmd := &cobra.Command{
		Use: "export --dir DIR --from TIME --to TIME -o FILE", Short: "Make one archive of a period for an auditor, with proofs and how to verify it",
		Long: "The archive holds the records of the period, exactly as they are, with what is needed to verify them: checkpoint, public key,\n" +
			"a verifier in Python, and a README that says how to use this program, that one, or standard tools alone.",
		Example: "  tollgate audit export --dir /var/lib/tollgate/audit --from 2026-10-01 --to 2026-11-01 -o october.zip", Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, err := exportTime("from", from)
			if err != nil {
				return err
			}
			end, err := exportTime("to", to)
			if err != nil {
				return err
			}
			if !begin.Before(end) {
				return usageError("--from must be before --to")
			}
			if out == "" {
				return usageError("--out is needed: the file to write")
			}
			return auditExport(cmd.OutOrStdout(), dir, begin, end, out, force)
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flags().StringVar(&from, "from", "", "records of this `time` or later: 2026-10-01 (UTC), or RFC 3339 (required)")
	cmd.Flags().StringVar(&to, "to", "", "records before this `time` (required)")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the `file` to write (required)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	return cmd
}

func exportTime(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("--%s %q is no time: give 2026-10-01 (UTC), or 2026-10-01T15:04:05+08:00", flag, text)
}

func auditExport(w io.Writer, dir string, from, to time.Time, out string, force bool) error {
	log, err := openLog(dir)
	if err != nil {
		return err
	}
	var s *bundle.Summary
	err = writeFile(out, force, func(w io.Writer) (err error) {
		s, err = bundle.Write(w, log, from, to)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d records of the period, %d to %d; with what the proof needs, %d to %d\n", out, s.Total(), s.Begin, s.End, s.First, s.Last)
	fmt.Fprintf(w, "signed %s by %v\n", s.Checkpoint.Time.Format(proof.TimeFormat), s.Checkpoint.Keys[len(s.Checkpoint.Keys)-1])
	if s.Uncovered > 0 {
		fmt.Fprintf(w, "left out: %d later records of the period, which no checkpoint covers yet; export again later to have them\n", s.Uncovered)
	}
	if s.Pruned > 0 {
		fmt.Fprintf(w, "the records 1 to %d are pruned, and missing if the period reaches back to them\n", s.Pruned)
	}
	return nil
}
