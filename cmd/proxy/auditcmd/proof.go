package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/internal/cli"
	"tollgate/internal/durable"
	"tollgate/internal/text"
)

// proofCommands are those about what is signed of a log.
func proofCommands() []*cobra.Command {
	return []*cobra.Command{
		proveCommand(), checkProofCommand(), consistencyCommand(), checkpointCommand(),
		keyCommand(), rotateKeyCommand(), acceptLossCommand(), exportCommand(),
	}
}

func openLog(dir string) (*proof.Log, error) {
	if err := cli.CheckDir(dir); err != nil {
		return nil, err
	}
	log, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return log, nil
}

func proveCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "prove --dir DIR CALL-ID", Short: "Prove that a call's records are in the log, for people who have no log",
		Long: "Prove prints a proof: the records of the call, their inclusion proofs, and the signed checkpoint that covers them.\n" +
			"It is checked with: tollgate audit check-proof\n\n" + idRule,
		Example: "  tollgate audit prove --dir /var/lib/tollgate/audit 0198c2f4-… > proof.json", Args: cli.ExactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := (&place{dir: dir}).chosenCall(args[0])
			if err != nil {
				return err
			}
			return prove(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, id)
		},
	}
	cli.DirFlag(cmd, &dir)
	return cmd
}

func prove(w, notices io.Writer, dir, id string) error {
	log, err := openLog(dir)
	if err != nil {
		return err
	}
	p, err := log.ProveCall(id)
	if err != nil {
		return err
	}
	if r := p.Parsed(); len(r) == 1 && r[0].Kind == logfile.KindIntent {
		fmt.Fprintln(notices, "tollgate: the log has no outcome of this call yet: the proof is of its intent alone")
	}
	c, _, err := p.Open()
	return errors.Join(err, writeProof(w, p), cli.LogSource(dir, c.Size).Say(notices))
}

func writeProof(w io.Writer, p proof.Proof) error {
	file, err := p.Encode()
	if err == nil {
		_, err = w.Write(file)
	}
	return err
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing can be lost
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}

func checkProofCommand() *cobra.Command {
	var keys []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check-proof FILE [--key KEY]...", Short: "Check a proof of audit prove or audit consistency; it needs no log",
		Example: "  tollgate audit check-proof proof.json --key tollgate/5f3a9c20d1e84b67+c74f2887+AQ…", Args: cli.ExactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseKeys(keys)
			if err != nil {
				return err
			}
			return checkProof(cmd.OutOrStdout(), args[0], given, asJSON)
		},
	}
	keysFlag(cmd, &keys)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func checkProof(w io.Writer, name string, given []checkpoint.PublicKey, asJSON bool) error {
	file, err := readBounded(name, proof.MaxFile)
	if err != nil {
		return fmt.Errorf("reading a proof: %w", err)
	}
	p, err := proof.Parse(file)
	if err != nil {
		return fmt.Errorf("%s proves nothing: %w", name, err)
	}
	var b strings.Builder
	switch p := p.(type) {
	case *proof.Call:
		err = describeCall(&b, p, given)
	case *proof.Consistency:
		err = describeConsistency(&b, p, given)
	}
	if err != nil {
		return fmt.Errorf("%s proves nothing: %w", name, err)
	}
	if asJSON {
		return cli.PrintJSON(w, provenBy(p, given))
	}
	_, err = io.WriteString(w, text.EscapeUnprintable(b.String()))
	return err
}

func describeCall(w *strings.Builder, p *proof.Call, given []checkpoint.PublicKey) error {
	c, keys, err := p.Open()
	if err == nil {
		err = proof.Trusted(keys, given)
	}
	if err != nil {
		return err
	}
	var places []string
	ended := false
	for i, r := range p.Parsed() {
		ended = ended || r.Kind != logfile.KindIntent
		line := jsontext.Value(p.Records[i].Line)
		if err := line.Format(jsontext.PreserveRawStrings(true), jsontext.WithIndent("  ")); err != nil {
			return err
		}
		fmt.Fprintf(w, "record %d: %s of %s\n%s\n", r.Seq, r.Kind, r.Call, line)
		places = append(places, fmt.Sprint(r.Seq))
	}
	fmt.Fprintf(w, "\nproven: in the log %s, when it had %d records, these stood in it as number %s\n", c.Origin, c.Size, strings.Join(places, " and "))
	describeSigned(w, c, keys)
	describeTrust(w, given)
	w.WriteString("not proven: that the log has no other record of this call\n")
	if !ended {
		w.WriteString("not proven: how the call ended; its outcome, if the log has one, is not in this proof\n")
	}
	return nil
}

func describeConsistency(w *strings.Builder, p *proof.Consistency, given []checkpoint.PublicKey) error {
	old, oldKeys, err := p.Old.Open()
	grown, keys, errNew := p.New.Open()
	err = errors.Join(err, errNew, proof.Trusted(oldKeys, given), proof.Trusted(keys, given))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "proven: the log %s grew from %d to %d records; the first %d are the same in both\n", old.Origin, old.Size, grown.Size, old.Size)
	fmt.Fprintln(w, "the old state:")
	describeSigned(w, old, oldKeys)
	fmt.Fprintln(w, "the new state:")
	describeSigned(w, grown, keys)
	describeTrust(w, given)
	return nil
}

func describeSigned(w *strings.Builder, c checkpoint.Checkpoint, keys []checkpoint.PublicKey) {
	fmt.Fprintf(w, "  signed %s\n", c.Time.Format(checkpoint.TimeFormat))
	for _, key := range keys {
		fmt.Fprintf(w, "  by %v\n", key)
	}
}

// describeTrust says how much the signatures are worth when no key was given.
func describeTrust(w *strings.Builder, given []checkpoint.PublicKey) {
	if len(given) == 0 {
		fmt.Fprintln(w, "The key is the proof's own: it may have been made with the proof. Compare it with the log's public key,")
		fmt.Fprintln(w, "got by another way, or name that with --key.")
	}
}

func consistencyCommand() *cobra.Command {
	var dir, out string
	var keys []string
	var force, asJSON bool
	cmd := &cobra.Command{
		Use: "consistency OLD-CHECKPOINT --dir DIR", Short: "Show that the log only grew since a checkpoint that was kept elsewhere",
		Long: "OLD-CHECKPOINT is a file with a signed note (tollgate audit checkpoint prints one) or with lines of JSON that have a member\n" +
			"\"checkpoint\", as audit.checkpoints.copies writes them: then the log is compared with each. Everything is recomputed from the\n" +
			"log's files. The proof that -o writes goes from the file's last checkpoint to the log's newest.",
		Example: "  tollgate audit consistency /mnt/witness/checkpoints.jsonl --dir /var/lib/tollgate/audit\n" +
			"  tollgate audit consistency checkpoint.txt --dir D --key key.txt -o growth.json",
		Args: cli.ExactArgs("OLD-CHECKPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseKeys(keys)
			if err != nil {
				return err
			}
			return consistency(cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], dir, given, out, force, asJSON)
		},
	}
	cli.DirFlag(cmd, &dir)
	keysFlag(cmd, &keys)
	cmd.Flags().StringVarP(&out, "out", "o", "", "write a proof for people who have no log to this `file`")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file of -o if it is there")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func consistency(w, notes io.Writer, name, dir string, given []checkpoint.PublicKey, out string, force, asJSON bool) error {
	log, err := openLog(dir)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("reading old checkpoints: %w", err)
	}
	defer f.Close() // opened for reading: nothing can be lost
	g, err := log.CheckGrowth(proof.ReadOld(f), given)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if out != "" {
		if err := writeFile(out, force, func(w io.Writer) error { return writeProof(w, g.Proof) }); err != nil {
			return err
		}
	}
	source := cli.LogSource(dir, g.Newest.Size)
	if asJSON {
		return errors.Join(cli.PrintJSON(w, grownAs(g, source)), source.Say(notes))
	}
	fmt.Fprintf(w, "the log %s only grew since the last of %d old checkpoint(s):\n", g.Newest.Origin, g.Compared)
	fmt.Fprintf(w, "  old  %d records, signed %s\n", g.Last.Size, g.Last.Time.Format(checkpoint.TimeFormat))
	fmt.Fprintf(w, "  new  %d records, signed %s by %v\n", g.Newest.Size, g.Newest.Time.Format(checkpoint.TimeFormat), g.Newest.Keys[len(g.Newest.Keys)-1])
	return source.Say(notes)
}

// writeFile writes a file, which has its name once it is whole. Unless forced it replaces none.
func writeFile(name string, force bool, write func(io.Writer) error) error {
	if err := mayWrite(name, force); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".tollgate-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := durable.Replace(f, name, errors.Join(write(f), f.Sync(), mayWrite(name, force))); err != nil { // syncing takes long
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func mayWrite(name string, force bool) error {
	if _, err := os.Lstat(name); err == nil && !force {
		return fmt.Errorf("%s is there already; --force replaces it", name)
	}
	return nil
}

func checkpointCommand() *cobra.Command {
	var dir string
	var all, asJSON bool
	cmd := &cobra.Command{
		Use: "checkpoint --dir DIR", Short: "Print the log's newest checkpoint, to be kept elsewhere",
		Long: "A checkpoint that is kept where it cannot be changed proves later what the log was: see audit consistency.",
		Example: "  tollgate audit checkpoint --dir /var/lib/tollgate/audit > checkpoint.txt\n" +
			"  tollgate audit checkpoint --dir D --all > checkpoints.jsonl",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := openLog(dir)
			if err != nil {
				return err
			}
			s, err := log.Newest()
			if err != nil {
				return err
			}
			source := cli.LogSource(dir, s.Size)
			switch {
			case all:
				err = printCheckpoints(cmd.OutOrStdout(), log)
			case asJSON:
				err = cli.PrintJSON(cmd.OutOrStdout(), struct {
					Source cli.Source `json:"source"`
					signed
				}{source, statedAs(s, s.Note)})
			default:
				_, err = io.WriteString(cmd.OutOrStdout(), s.Note)
			}
			return errors.Join(err, source.Say(cmd.ErrOrStderr()))
		},
	}
	cli.DirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&all, "all", false, "print all of them, as lines of JSON")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// printCheckpoints prints lines as audit.checkpoints.copies writes them.
func printCheckpoints(w io.Writer, log *proof.Log) error {
	for s, err := range log.Checkpoints() {
		var line []byte
		if err == nil {
			line, err = checkpoint.WitnessLine(s.Note)
		}
		if err == nil {
			_, err = w.Write(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
