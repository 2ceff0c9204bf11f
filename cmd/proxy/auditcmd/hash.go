package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tollgate/audit/mac"
	"tollgate/internal/cli"
)

func hashCommand() *cobra.Command {
	var dir, file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "hash (--dir DIR | --key-file FILE) FILE", Short: "Print the keyed hash of a body, to compare with body_mac or answer_mac of a record",
		Long: "Of what records withhold on purpose they have a keyed hash, which says nothing without the key. FILE holds the body as it was sent,\n" +
			"or a path or query as it was sent (path_mac, query_mac) without a line feed; - is standard input. The record's mac_key must be the\n" +
			"one that is printed: after a loss of the key file a start makes another.",
		Example: "  tollgate audit hash --dir /var/lib/tollgate/audit body.json\n" +
			"  printf %s 'name=x&pin=1234' | tollgate audit hash --key-file /mnt/keys/hash.key -",
		Args: cli.ExactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (dir == "") == (file == "") {
				return cli.UsageError("one key is needed: that of the audit directory (%s), or --key-file with audit.hash_key of the configuration", cli.DirWays)
			}
			if file == "" {
				file = filepath.Join(dir, mac.FileName)
			}
			key, err := mac.Load(file, remarkOn(cmd.ErrOrStderr()))
			if errors.Is(err, fs.ErrNotExist) && dir != "" {
				err = fmt.Errorf("%w: name the file with --key-file when audit.hash_key of the configuration does", err)
			}
			if err != nil {
				return err
			}
			return printMAC(cmd.OutOrStdout(), key, args[0], cmd.InOrStdin(), asJSON)
		},
	}
	cli.DirFlag(cmd, &dir, "key-file")
	cmd.Flags().StringVar(&file, "key-file", "", "`file` of the hash key, as audit.hash_key of the configuration (default: hash.key in --dir)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printMAC(w io.Writer, key *mac.Key, name string, stdin io.Reader, asJSON bool) error {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() // opened for reading: nothing can be lost
		stdin = f
	}
	hash, err := key.Read(stdin)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if asJSON {
		return cli.PrintJSON(w, struct {
			Hash string `json:"hash"`
			Key  string `json:"mac_key"`
		}{hash, key.ID()})
	}
	_, err = fmt.Fprintf(w, "%s  mac_key %s\n", hash, key.ID())
	return err
}
