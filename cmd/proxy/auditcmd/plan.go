package auditcmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/config/snapshot"
	"tollgate/internal/cli"
)

func planCommand() *cobra.Command {
	var p place
	var asJSON bool
	cmd := &cobra.Command{
		Use: "plan (--dir DIR | --bundle BUNDLE) [ID [ID]]", Short: "Print what was allowed: the text of a plan, or how two differ",
		Long: "A plan is the configuration by which calls were decided, without secrets: callers, grants, credentials, limits, listeners,\n" +
			"upstreams. Records name theirs in \"plan\". With one id, of 16 to 64 digits, the text is printed, as JSON on one line; with two,\n" +
			"how the second differs from the first, in words; without one, the ids of all plans that are there.\n\n" +
			"Exit code with two ids: 0 no difference, 3 they differ.",
		Example: "  tollgate audit plan --dir /var/lib/tollgate/audit 5f3a9c20d1e84b67 | jq .callers\n" +
			"  tollgate audit plan --bundle october.zip 5f3a9c20d1e84b67 0d1e84b675f3a9c2",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return cli.UsageError("up to two ids are taken, got %d\nsee: %s --help", len(args), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.check(); err != nil {
				return err
			}
			err := p.withBlobs(func(fsys fs.FS) error { return p.printPlans(cmd.OutOrStdout(), fsys, args, asJSON) })
			return errors.Join(err, p.source().Say(cmd.ErrOrStderr()))
		},
	}
	p.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the differences, or the list of ids, as JSON")
	return cmd
}

func (p *place) printPlans(w io.Writer, fsys fs.FS, ids []string, asJSON bool) error {
	if len(ids) == 0 {
		return p.listPlans(w, fsys, asJSON)
	}
	texts := make([][]byte, len(ids))
	for i, id := range ids {
		var err error
		if texts[i], _, err = blobs.Read(fsys, id); err != nil {
			return err
		}
	}
	if len(texts) == 1 {
		if !json.Valid(texts[0]) { // and might do anything to a terminal
			return fmt.Errorf("the text %s is no JSON, and so not that of a plan: it is in the folder %s", ids[0], blobs.Folder)
		}
		_, err := fmt.Fprintf(w, "%s\n", texts[0])
		return err
	}
	changes, err := snapshot.CompareTexts(texts[0], texts[1])
	if err != nil {
		return err
	}
	source := p.source()
	return cli.PrintChanges(w, changes, &source, asJSON)
}

func (p *place) listPlans(w io.Writer, fsys fs.FS, asJSON bool) error {
	names, err := blobs.List(fsys)
	if asJSON && err == nil {
		ids := []string{} // never null
		for _, name := range names {
			ids = append(ids, name[:logfile.PlanDigits])
		}
		return cli.PrintJSON(w, struct {
			Source cli.Source `json:"source"`
			Plans  []string   `json:"plans"`
		}{p.source(), ids})
	}
	for _, name := range names {
		if err == nil {
			_, err = fmt.Fprintln(w, name[:logfile.PlanDigits])
		}
	}
	return err
}
