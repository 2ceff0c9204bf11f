package auditcmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/audit/store"
	"tollgate/internal/cli"
	"tollgate/internal/moment"
)

func reindexCommand() *cobra.Command {
	var dir, file, zone string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "reindex --dir DIR", Short: "Rebuild the log's index",
		Long: "Rebuild the index by which audit list finds calls, from the log. The old one is used until the new one is complete. A\n" +
			"gateway that is running goes on with the new one by itself; what root makes is that of the directory's owner. The index proves nothing: rows are read from the log.",
		Example: "  tollgate audit reindex --dir /var/lib/tollgate/audit\n  tollgate audit reindex --dir D --index /var/cache/tollgate/index.sqlite",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckDir(dir); err != nil {
				return err
			}
			x := store.New(dir, file)
			if zone != "" {
				days, err := moment.Zone(zone)
				if err != nil {
					return cli.FlagError("zone", err)
				}
				x.InZone(days)
			}
			return reindex(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, x, asJSON)
		},
	}
	cli.DirFlag(cmd, &dir)
	cmd.Flags().StringVar(&file, "index", "", "`file` of the index, as audit.index.file of the configuration (default: index.sqlite in the directory)")
	cmd.Flags().StringVar(&zone, "zone", "", "time `zone` of the days that it sums up, that of reports: Asia/Shanghai (default: that of the old one, else UTC)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func reindex(ctx context.Context, out, notes io.Writer, dir string, x *store.Index, asJSON bool) error {
	bar := cli.NewProgress(notes)
	seq, err := x.Rebuild(ctx, bar.Show)
	bar.Clear()
	if err != nil {
		return fmt.Errorf("making the index: %w", err)
	}
	if err := giveIndexToOwner(x.File()); err != nil {
		return fmt.Errorf("the index is made, and the gateway may not be able to open it: %w", err)
	}
	source := cli.LogSource(dir, seq)
	if asJSON {
		err = cli.PrintJSON(out, struct {
			Source cli.Source `json:"source"`
			Index  string     `json:"index"`
		}{source, x.File()})
	} else {
		_, err = fmt.Fprintf(out, "%s: indexed up to record %d\n", x.File(), seq)
	}
	return errors.Join(err, source.Say(notes))
}
