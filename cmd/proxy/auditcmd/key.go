package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/audit/checkpoint"
	"tollgate/audit/proof"
	"tollgate/internal/cli"
	"tollgate/internal/private"
)

// keysFlag takes public keys, or files of them.
func keysFlag(cmd *cobra.Command, keys *[]string) {
	cmd.Flags().StringArrayVar(keys, "key", nil, "public `key` of the log, got by another way than the log: NAME+HASH+KEY, or a file of such lines (can be repeated)")
}

// parseKeys reads the values of --key: keys, and files that hold a key in each line. Lines that begin with # are remarks.
func parseKeys(values []string) ([]checkpoint.PublicKey, error) {
	var keys []checkpoint.PublicKey
	for _, value := range values {
		if isPrivate(value) {
			return nil, cli.UsageError("--key: this is a private key, which must not leave the gateway; the public one is what tollgate audit key prints")
		}
		key, err := checkpoint.ParsePublicKey(value)
		if err == nil {
			keys = append(keys, key)
			continue
		}
		more, fileErr := keyFile(value)
		if errors.Is(fileErr, os.ErrNotExist) {
			return nil, cli.UsageError("--key: it is neither a public key nor a file: %w", err)
		}
		if fileErr != nil {
			return nil, cli.UsageError("--key %s: %w", value, fileErr)
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// isPrivate reports whether a text is a private key, named by mistake.
func isPrivate(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "PRIVATE+") }

// maxKeyFile bounds a file of public keys, in bytes.
const maxKeyFile = 1 << 20

func keyFile(name string) ([]checkpoint.PublicKey, error) {
	text, err := readBounded(name, maxKeyFile)
	if err != nil {
		return nil, err
	}
	return proof.ParseKeys(string(text))
}

func keyCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "key --dir DIR", Short: "Print the public keys of the log, and from which record on each signs",
		Long: "Keep what this prints where the gateway's operator cannot change it: a log that is replaced as a whole shows by its key alone.\n" +
			"The output is a file for --key.",
		Example: "  tollgate audit key --dir /var/lib/tollgate/audit > key.txt", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := openLog(dir)
			if err != nil {
				return err
			}
			uses, err := log.Keys()
			if err != nil {
				return err
			}
			return printKeys(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, uses, asJSON)
		},
	}
	cli.DirFlag(cmd, &dir)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// usedKey is a public key of a log as JSON.
type usedKey struct {
	Key  string `json:"key"`
	Seq  uint64 `json:"seq"` // of the record from which on it signs
	Lost bool   `json:"previous_lost,omitempty"`
}

func printKeys(w, notes io.Writer, dir string, uses proof.Keyring, asJSON bool) error {
	source := cli.LogSource(dir, 0)
	if !asJSON {
		_, err := io.WriteString(w, uses.String())
		return errors.Join(err, source.Say(notes))
	}
	keys := []usedKey{} // never null
	for _, use := range uses {
		keys = append(keys, usedKey{use.Key.String(), use.Seq, use.Lost})
	}
	err := cli.PrintJSON(w, struct {
		Source cli.Source `json:"source"`
		Keys   []usedKey  `json:"keys"`
	}{source, keys})
	return errors.Join(err, source.Say(notes))
}

func rotateKeyCommand() *cobra.Command {
	var dir, file string
	var lost, asJSON bool
	cmd := &cobra.Command{
		Use: "rotate-key (--dir DIR | --key-file FILE)", Short: "Prepare another key, which the gateway signs with from its next start on",
		Long: "The new key is written beside the old one, as FILE.new. At the next start of the gateway the log states it, both keys sign,\n" +
			"and the new one takes the old one's place. A key whose file is lost cannot sign any more: with --lost the new one signs\n" +
			"alone, and those who verify the log must get the new public key from you.",
		Example: "  tollgate audit rotate-key --dir /var/lib/tollgate/audit\n  tollgate audit rotate-key --dir D --key-file /run/secrets/audit.key --lost",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" && dir == "" {
				return cli.UsageError("one key is needed: that of the audit directory (%s), or --key-file with audit.key of the configuration", cli.DirWays)
			}
			if lost && dir == "" {
				return cli.UsageError("--lost needs --dir, the audit directory: the name that the key was for stands there")
			}
			if file == "" {
				file = filepath.Join(dir, "signing.key")
			}
			return rotateKey(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, file, lost, asJSON)
		},
	}
	cli.DirFlag(cmd, &dir, "key-file")
	cmd.Flags().StringVar(&file, "key-file", "", "`file` of the private key, as audit.key of the configuration (default: signing.key in --dir)")
	cmd.Flags().BoolVar(&lost, "lost", false, "the old key is lost")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func rotateKey(w, remarks io.Writer, dir, file string, lost, asJSON bool) error {
	var source *cli.Source
	prepare := func(file string) (checkpoint.PublicKey, error) { return audit.PrepareRotation(file, remarkOn(remarks)) }
	after := "both keys sign then, so that those who have the old public key can follow"
	if lost {
		name, err := logName(dir)
		if err != nil {
			return err
		}
		read := cli.LogSource(dir, 0)
		source = &read
		if err := source.Say(remarks); err != nil {
			return err
		}
		prepare = func(file string) (checkpoint.PublicKey, error) { return audit.ReplaceLostKey(file, name) }
		after = "no signature leads to it from the lost one: it must reach those who verify the log"
	}
	key, err := prepare(file)
	if errors.Is(err, os.ErrNotExist) && !lost {
		err = fmt.Errorf("%w: name the file with --key-file when audit.key of the configuration does; is the key lost for good, use --lost", err)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(w, struct {
			Source *cli.Source `json:"source,omitempty"` // of the name, with --lost
			File   string      `json:"file"`
			Key    string      `json:"key"`
			Lost   bool        `json:"previous_lost"`
		}{source, file + ".new", key.String(), lost})
	}
	_, err = fmt.Fprintf(w, "%s.new is ready. The gateway takes it up when it is started again (a reload is not enough);\n%s:\n%v\n", file, after, key)
	return err
}

// remarkOn writes about files that others than their owner could use, or can.
func remarkOn(w io.Writer) private.Report {
	return func(f private.Finding) {
		if text := private.Exposure(f.Path); text != "" {
			fmt.Fprintf(w, "tollgate: %s\n", text)
		} else if f.Tightened() {
			fmt.Fprintf(w, "tollgate: others could use %s (mode %#o); it is for its owner only again\n", f.Path, f.Mode)
		}
	}
}

// logName is the name that the keys of a log have.
func logName(dir string) (string, error) {
	log, err := openLog(dir)
	if err != nil {
		return "", err
	}
	newest, err := log.Newest()
	if err != nil {
		return "", err
	}
	return newest.Origin, nil
}
