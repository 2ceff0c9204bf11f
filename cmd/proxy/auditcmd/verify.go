package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/audit/export"
	"tollgate/audit/verify"
	"tollgate/internal/cli"
	"tollgate/internal/words"
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
	lang                cli.LangFlag
	words               *words.Words
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
	f.lang.Register(cmd)
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
	if err == nil {
		f.words, err = f.lang.Words()
	}
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
