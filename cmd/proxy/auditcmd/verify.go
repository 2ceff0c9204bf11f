package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/audit/export"
	"tollgate/audit/verify"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

// What audit.checkpoints of a configuration can be.
const (
	mostEvery   = time.Hour
	mostRecords = 1_000_000
)

type verifyFlags struct {
	place
	since               string
	keys                []string
	every               time.Duration
	records             uint64
	allowUnsigned, json bool
}

func verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use: "verify (--dir DIR | --bundle BUNDLE)", Short: "Recompute the log from its files, and report what was changed",
		Long: "Recompute the log from its files, and report what was changed, removed, added or reordered.\n" +
			"The exit code is 0 only when the log is whole.\n\n" +
			"With the log's own keys this finds what was done without the signing key. Only a public key kept elsewhere\n" +
			"(--key) shows that the whole log was replaced, and only a checkpoint kept elsewhere (--since-checkpoint) that its end\n" +
			"was cut or that an old state was brought back.\n\n" +
			"While a process has the log open, its last records may be unsigned: as many, and as old, as a gateway leaves them whose\n" +
			"audit.checkpoints are --checkpoint-every and --checkpoint-records.",
		Example: "  tollgate audit verify --dir /var/lib/tollgate/audit\n" +
			"  tollgate audit verify --dir D --key tollgate.pub --since-checkpoint /mnt/other/checkpoints.jsonl\n" +
			"  tollgate audit verify --bundle october.zip --key tollgate/5f3a9c20d1e84b67+d3fe75c4+AS…",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	f.place.register(cmd)
	keysFlag(cmd, &f.keys)
	flags.StringVar(&f.since, "since-checkpoint", "", "`file` of checkpoints kept elsewhere: a signed note, or JSON lines; - is standard input")
	flags.BoolVar(&f.allowUnsigned, "allow-unsigned", false, "take records behind the last checkpoint as no fault, however many: the gateway was killed")
	flags.DurationVar(&f.every, "checkpoint-every", verify.DefaultCheckpointEvery, "audit.checkpoints.every of the configuration: a `duration`")
	flags.Uint64Var(&f.records, "checkpoint-records", verify.DefaultCheckpointRecords, "audit.checkpoints.records of the configuration: a `number`")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	return cmd
}

func (f *verifyFlags) run(cmd *cobra.Command) error {
	if err := f.place.check(); err != nil {
		return err
	}
	if f.every <= 0 || f.every > mostEvery || f.records == 0 || f.records > mostRecords {
		return cli.UsageError("--checkpoint-every is up to %v, and --checkpoint-records 1 to %d, as in the configuration", mostEvery, mostRecords)
	}
	keys, err := parseKeys(f.keys)
	if err != nil {
		return err
	}
	o := verify.Options{AllowUnsigned: f.allowUnsigned, Keys: keys, CheckpointEvery: f.every, CheckpointRecords: f.records}
	kept, done, err := openWitnesses(f.since, cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer done()
	o.Witnesses = kept
	bar := cli.NewProgress(cmd.ErrOrStderr())
	o.Progress = bar.Show
	report, err := f.verify(cmd, o)
	bar.Clear()
	if err != nil {
		return err
	}
	source := f.source(report)
	return errors.Join(f.print(cmd.OutOrStdout(), report, source), source.Say(cmd.ErrOrStderr()))
}

// source returns what was verified.
func (f *verifyFlags) source(r *verify.Report) cli.Source {
	if f.bundle != "" {
		return cli.Source{Kind: cli.FromBundle, Path: f.bundle, From: r.First, To: r.Last}
	}
	return cli.Source{Kind: cli.FromLog, Path: f.dir, From: r.First, To: r.Last}
}

func (f *verifyFlags) verify(cmd *cobra.Command, o verify.Options) (*verify.Report, error) {
	if f.dir != "" {
		o.InUse, o.Now = func() (bool, error) { return audit.InUse(f.dir) }, time.Now
		report, err := verify.Verify(cmd.Context(), os.DirFS(f.dir), o)
		return report, within(f.dir, err)
	}
	log, meta, archive, err := export.Open(f.bundle)
	if err != nil {
		return nil, err
	}
	defer archive.Close() // opened for reading: nothing can be lost
	o.Bundle, o.Blobs, o.Ends = true, meta.Blobs, meta.Checkpoint
	report, err := verify.Verify(cmd.Context(), log, o)
	return report, within(f.bundle, err)
}

func within(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("verifying %s: %w", place, err)
}

// openWitnesses opens the checkpoints kept elsewhere. A file that grows is read as far as it goes now: what it holds then is
// in the log already.
func openWitnesses(name string, stdin io.Reader) (io.Reader, func(), error) {
	switch name {
	case "":
		return nil, func() {}, nil
	case "-":
		return stdin, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("--since-checkpoint: %w", err)
	}
	done := func() { _ = file.Close() } // opened for reading: nothing can be lost
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return io.LimitReader(file, info.Size()), done, nil
	}
	return file, done, nil
}

func (f *verifyFlags) print(w io.Writer, r *verify.Report, source cli.Source) error {
	var err error
	if f.json {
		r.Faults = append([]verify.Fault{}, r.Faults...) // never null
		err = cli.PrintJSON(w, struct {
			Whole  bool       `json:"whole"`
			Source cli.Source `json:"source"`
			*verify.Report
		}{r.Whole(), source, r})
	} else {
		err = f.table(w, r)
	}
	if err == nil && !r.Whole() {
		err = cli.ExitCode(cli.ExitFailure)
	}
	return err
}

func (f *verifyFlags) table(w io.Writer, r *verify.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range f.rows(r) {
		fmt.Fprintf(t, "%s\t%s\n", row[0], text.Printable(row[1], '\uFFFD'))
	}
	err := t.Flush()
	if len(r.Faults) > 0 {
		fmt.Fprintln(w)
	}
	for _, fault := range r.Faults {
		fmt.Fprintf(w, "FAULT (%s) %s:\n  %s\n", fault.Kind, where(&fault), strings.Join(wrap(text.Printable(fault.Text, '\uFFFD'), cli.MaxWidth-2), "\n  "))
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	return errors.Join(err, f.proves(w, r))
}

// where returns the place of a fault: that of a record, or the records among which it is, and where those begin.
func where(f *verify.Fault) string {
	at, offset := fmt.Sprintf("at record %d", f.Seq), fmt.Sprintf("byte %d", f.Offset)
	if f.Last > 0 {
		at, offset = fmt.Sprintf("among records %d to %d", f.Seq, f.Last), "from "+offset
	}
	if f.File == "" {
		return at
	}
	return at + ", " + f.File + ", " + offset
}

func (f *verifyFlags) rows(r *verify.Report) [][2]string {
	var rows [][2]string
	row := func(name, format string, args ...any) {
		if value := fmt.Sprintf(format, args...); value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	row("log", "%s", r.Log)
	row("records", "%d to %d, %d read from %s", r.First, r.Last, r.Records, text.Count(r.Segments, "segment"))
	for _, p := range r.Pruned {
		row("pruned", "%d to %d: their hashes are there", p.First, p.Last)
	}
	if !r.From.IsZero() {
		row("time", "%s to %s", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	}
	row("root", "%s", r.Root)
	for i, s := range r.Signers {
		row("key", "%s", s.Key)
		row("", "signed %s, at records %d to %d%s", text.Count(s.Checkpoints, "checkpoint"), s.First, s.Last, introduced(i, s))
	}
	row("checkpoints", "%d, the last one of %s", r.Checkpoints, orNever(r.LastSigned))
	if r.Unsigned > 0 || r.Partial > 0 {
		since := ""
		if !r.UnsignedSince.IsZero() {
			since = ", since " + orNever(r.UnsignedSince)
		}
		row("unsigned", "%s%s, and %s of an incomplete one, behind the last checkpoint", text.Count(r.Unsigned, "record"), since, text.Count(r.Partial, "byte"))
	}
	if r.Crashes > 0 {
		row("crashes", "%d of %s found unsigned records, %d in all, and signed them", r.Crashes, text.Count(r.Starts, "start"), r.LateSigned)
	}
	if r.Open > 0 {
		row("open calls", "%d: %s", r.Open, map[bool]string{true: "in flight", false: "the next start closes them as unknown"}[r.InUse])
	}
	if f.since != "" {
		row("kept checkpoints", "%d in agreement with this log%s", r.Witnessed,
			leftOut(r.WitnessesSkipped, "checkpoint", "older than the bundle")+leftOut(r.WitnessesPartial, "line", "incomplete, from a crash or a full disk"))
	}
	return rows
}

// introduced returns how the key before leads to a signer.
func introduced(i int, s verify.Signer) string {
	switch {
	case i == 0:
		return ""
	case s.Chained:
		return ", and the key before signed for it"
	}
	return "; NO SIGNATURE LEADS TO IT from the key before"
}

func orNever(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func leftOut(n int, noun, why string) string {
	if n == 0 {
		return ""
	}
	return ", " + text.Are(n, noun) + " " + why + ", and not compared"
}

// proves ends the summary with what it is worth.
func (f *verifyFlags) proves(w io.Writer, r *verify.Report) error {
	if !r.Whole() {
		_, err := fmt.Fprintf(w, "\nThe log is NOT whole: %s.\n", text.Count(r.FaultCount, "fault"))
		return err
	}
	verdict := "\nThe log is whole.\n"
	if r.Unsigned > 0 || r.Partial > 0 {
		verdict = "\nThe log is whole up to its last checkpoint. What stands behind it is not proven.\n"
	}
	if len(f.keys) == 0 {
		verdict += "It was checked with the keys that it names itself: it may have been replaced as a whole, and signed\n" +
			"with another key. Check it with the public key that you have from elsewhere: --key.\n"
	}
	if f.since == "" {
		verdict += "That its end was not cut is not proven: that takes a checkpoint kept elsewhere, --since-checkpoint.\n"
	}
	_, err := io.WriteString(w, verdict)
	return err
}
