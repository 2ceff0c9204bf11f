package auditcmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

type showFlags struct {
	dir, zone string
	json      bool
}

func showCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use: "show --dir DIR CALL-ID", Short: "Show one call in sentences: who called what, what was decided, and what came back",
		Long: "Show one call in sentences, with the calls that the gateway made for it and events about it; with --json its records, as they\n" +
			"stand in the log. " + idRule,
		Example: "  tollgate audit show --dir /var/lib/tollgate/audit 0198c2f4-6b1e-7c3a-9d51-2b3c4d5e6f70\n" +
			"  tollgate audit show 2b3c4d5e6f70 --zone Asia/Shanghai\n" +
			"  tollgate audit show 2b3c4d5e6f70 --json | jq .",
		Args: cli.ExactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0])
		},
	}
	cli.DirFlag(cmd, &f.dir)
	cli.ZoneFlag(cmd, &f.zone, "printing times")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

// idRule says how a call is named.
const idRule = "CALL-ID is the id of a call, or at least 8 characters of its beginning or end,\n" +
	"such as the 12 that tables show, if no other call has them."

func (f *showFlags) run(cmd *cobra.Command, part string) error {
	zone, err := cli.LoadZone(f.zone)
	if err != nil {
		return cli.FlagError("zone", err)
	}
	id, err := chosenCall(f.dir, part)
	if err != nil {
		return err
	}
	return show(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.dir, id, zone, f.json)
}

// chosenCall returns the id of the call that an argument names.
func chosenCall(dir, part string) (string, error) {
	if err := cli.CheckDir(dir); err != nil {
		return "", err
	}
	if part == "" {
		return "", cli.UsageError("CALL-ID is empty; audit list shows the ids")
	}
	return (&place{dir: dir}).fullID(part)
}

func show(w, notes io.Writer, dir, id string, zone *time.Location, raw bool) error {
	h, out := calls.NewHistory(id), bufio.NewWriter(w)
	return readLog(dir, notes, func(read func(func(*logfile.Record, []byte) error) error) error {
		err := read(func(r *logfile.Record, line []byte) error {
			if h.Add(r) && raw {
				return writeRaw(out, line)
			}
			return nil
		})
		if err == nil && h.Empty() {
			err = fmt.Errorf("no record has the call id %q; audit list shows the ids", id)
		}
		if err == nil && !raw {
			writeSentences(out, id, h.Sentences(zone))
		}
		return errors.Join(err, out.Flush())
	})
}

// writeSentences writes paragraphs of sentences, wrapped. Errors are those of out.Flush.
func writeSentences(out *bufio.Writer, id string, paragraphs [][]string) {
	fmt.Fprintf(out, "Call %s\n", cli.EscapeUnprintable(id))
	for _, sentences := range paragraphs {
		out.WriteByte('\n')
		for _, line := range wrap(strings.Join(sentences, " "), cli.MaxWidth) {
			fmt.Fprintln(out, line)
		}
	}
	fmt.Fprintf(out, "\nThe records themselves: tollgate audit show --json %[1]s\nA proof for others: tollgate audit prove %[1]s\n", cli.EscapeUnprintable(calls.ShortID(id)))
}

// wrap breaks a text at blanks into lines of up to so many characters; a longer word has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
