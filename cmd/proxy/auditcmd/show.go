package auditcmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/internal/cli"
)

func showCommand() *cobra.Command {
	var dir string
	var raw bool
	cmd := &cobra.Command{
		Use: "show --dir DIR CALL-ID", Short: "Show every record of one call",
		Example: "  tollgate audit show --dir /var/lib/tollgate/audit 0198c2f4-…", Args: cli.ExactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.CheckDir(dir); err != nil {
				return err
			}
			if args[0] == "" {
				return cli.UsageError("CALL-ID is empty; audit list shows the ids")
			}
			return show(cmd.OutOrStdout(), dir, args[0], raw)
		},
	}
	cli.DirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&raw, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

func show(w io.Writer, dir, id string, raw bool) error {
	id = cli.PlainID(id)
	found := false
	err := audit.Read(dir, func(r *audit.Record, line []byte) error {
		if r.Call != id {
			return nil
		}
		found = true
		if raw {
			return writeRaw(w, line)
		}
		return cli.PrintJSON(w, r)
	})
	if err == nil && !found {
		err = fmt.Errorf("no record has the call id %q; audit list shows the ids", id)
	}
	return err
}

// writeRaw writes a record's line as it stands in the log.
func writeRaw(w io.Writer, line []byte) error {
	_, err := fmt.Fprintf(w, "%s\n", line)
	return err
}
