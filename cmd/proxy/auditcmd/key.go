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
			return nil, cli.UsageError("--key: this is a private key, and nobody else's business; the public one is what tollgate audit key prints")
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

// isPrivate tells a private key that was given by mistake.
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
			if err == nil {
				_, err = io.WriteString(cmd.OutOrStdout(), uses.String())
			}
			return err
		},
	}
	cli.DirFlag(cmd, &dir)
	return cmd
}

func rotateKeyCommand() *cobra.Command {
	var dir, file string
	var lost bool
	cmd := &cobra.Command{
		Use: "rotate-key (--dir DIR | --key-file FILE)", Short: "Prepare another key, which the gateway signs with from its next start on",
		Long: "The new key is written beside the old one, as FILE.new. At the next start of the gateway the log tells of it, both keys sign,\n" +
			"and the new one takes the old one's place. A key whose file is lost cannot sign any more: with --lost the new one signs\n" +
			"alone, and whoever verifies the log must get the new public key from you.",
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
			return rotateKey(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, file, lost)
		},
	}
	cli.DirFlag(cmd, &dir, "key-file")
	cmd.Flags().StringVar(&file, "key-file", "", "`file` of the private key, as audit.key of the configuration (default: signing.key in --dir)")
	cmd.Flags().BoolVar(&lost, "lost", false, "the old key is lost")
	return cmd
}

func rotateKey(w, remarks io.Writer, dir, file string, lost bool) error {
	prepare := func(file string) (checkpoint.PublicKey, error) { return audit.PrepareRotation(file, remarkOn(remarks)) }
	after := "both keys sign then, so that whoever has the old public key can follow"
	if lost {
		name, err := logName(dir)
		if err != nil {
			return err
		}
		prepare = func(file string) (checkpoint.PublicKey, error) { return audit.ReplaceLostKey(file, name) }
		after = "no signature leads to it from the lost one: give it to whoever verifies the log"
	}
	key, err := prepare(file)
	if errors.Is(err, os.ErrNotExist) && !lost {
		err = fmt.Errorf("%w: name the file with --key-file when audit.key of the configuration does; is the key lost for good, give --lost", err)
	}
	if err != nil {
		return err
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
