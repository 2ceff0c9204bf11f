package auditcmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/store"
	"tollgate/internal/cli"
)

func reindexCommand() *cobra.Command {
	var dir, file string
	cmd := &cobra.Command{
		Use: "reindex --dir DIR", Short: "Make the log's index anew",
		Long: "Make the index by which audit list finds calls anew, from the log. The old one is used until the new one is complete. A\n" +
			"gateway that is running goes on with the new one by itself. The index proves nothing: results always come from the log.",
		Example: "  tollgate audit reindex --dir /var/lib/tollgate/audit\n  tollgate audit reindex --dir D --index /var/cache/tollgate/index.sqlite",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckDir(dir); err != nil {
				return err
			}
			return reindex(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, file)
		},
	}
	cli.DirFlag(cmd, &dir)
	cmd.Flags().StringVar(&file, "index", "", "`file` of the index, as audit.index.file of the configuration (default: index.sqlite in the directory)")
	return cmd
}

func reindex(ctx context.Context, out, notes io.Writer, dir, file string) error {
	x := store.New(dir, file)
	bar := cli.NewProgress(notes)
	seq, err := x.Rebuild(ctx, bar.Show)
	bar.Clear()
	if err != nil {
		return fmt.Errorf("making the index: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s: indexed up to record %d\n", x.File(), seq)
	return err
}

// noIndex is the value of --index that has the whole log read.
const noIndex = "none"

func indexFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "index", "", "`file` of the index, or "+noIndex+" to read the whole log (default: index.sqlite in the directory, if there is one)")
}

// callsIn gives what answers questions about the calls of the log in dir: its index where there is one, else the log. What
// an index does not have yet is read from the log, so both give the same.
func callsIn(dir, file string, notes io.Writer) calls.Source {
	scan := calls.Scan{Dir: dir}
	x := store.New(dir, file)
	if file == noIndex || file == "" && !x.Exists() {
		return scan
	}
	return indexed{x, scan, notes}
}

// indexed asks the index, and reads the log when the index cannot answer.
type indexed struct {
	index *store.Index
	scan  calls.Scan
	notes io.Writer
}

func (s indexed) Calls(ctx context.Context, f *calls.Filter, yield func(*calls.Call) error) error {
	given := false
	err := s.index.Calls(ctx, f, func(c *calls.Call) error {
		given = true
		return yield(c)
	})
	if given || !errors.Is(err, store.ErrUnusable) {
		return err
	}
	fmt.Fprintf(s.notes, "note: %s; reading the whole log instead\n", cli.EscapeUnprintable(err.Error()))
	return s.scan.Calls(ctx, f, yield)
}
