package auditcmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/moment"
	"tollgate/internal/text"
	"tollgate/internal/words"
)

type showFlags struct {
	place
	zone  string
	lang  cli.LangFlag
	json  bool
	words *words.Words
}

func showCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use: "show (--dir DIR | --bundle BUNDLE) CALL-ID", Short: "Show one call in sentences: who called what, what was decided, and what came back",
		Long: "Show one call in sentences, with the calls that the gateway made for it and events about it; with --json its records, as they\n" +
			"stand in the log. " + idRule,
		Example: "  tollgate audit show --dir /var/lib/tollgate/audit 0198c2f4-6b1e-7c3a-9d51-2b3c4d5e6f70\n" +
			"  tollgate audit show --bundle october.zip 2b3c4d5e6f70                               # verify it first\n" +
			"  tollgate audit show 2b3c4d5e6f70 --zone Asia/Shanghai\n" +
			"  tollgate audit show 2b3c4d5e6f70 --json | jq .",
		Args: cli.ExactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0])
		},
	}
	f.place.register(cmd)
	cli.ZoneFlag(cmd, &f.zone, "printing times")
	f.lang.Register(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

// idRule says how a call is named.
const idRule = "CALL-ID is the id of a call, or at least 8 characters of its beginning or end,\n" +
	"such as the 12 that tables show, if no other call has them."

func (f *showFlags) run(cmd *cobra.Command, part string) error {
	zone, err := moment.Zone(f.zone)
	if err != nil {
		return cli.FlagError("zone", err)
	}
	if f.words, err = f.lang.Words(); err != nil {
		return err
	}
	id, err := f.chosenCall(part)
	if err != nil {
		return err
	}
	return f.show(cmd.OutOrStdout(), cmd.ErrOrStderr(), id, zone)
}

// chosenCall returns the id of the call that an argument names.
func (p *place) chosenCall(part string) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	if part == "" {
		return "", cli.UsageError("CALL-ID is empty; audit list shows the ids")
	}
	return p.fullID(part)
}

func (f *showFlags) show(w, notes io.Writer, id string, zone *time.Location) error {
	h, out := calls.NewHistory(id), bufio.NewWriter(w)
	return f.readLines(notes, func(read func(lineFunc) error) error {
		plan := ""
		err := read(func(r *logfile.Record, line []byte) error {
			about := h.Add(r)
			if about && r.Call == id {
				plan = cmp.Or(plan, r.Plan)
			}
			if about && f.json {
				return writeRaw(out, line)
			}
			return nil
		})
		if err == nil && h.Empty() {
			err = fmt.Errorf("no record has the call id %q; audit list shows the ids", id)
		}
		if err == nil && !f.json {
			writeSentences(out, f.words, h.Sentences(f.words, zone), id, plan)
		}
		return errors.Join(err, out.Flush())
	})
}

// writeSentences writes paragraphs of sentences, wrapped, and what to ask next. Errors are those of out.Flush.
func writeSentences(out *bufio.Writer, w *words.Words, paragraphs [][]calls.Sentence, id, plan string) {
	fmt.Fprintln(out, w.Text("show.call", "Call", text.EscapeUnprintable(id)))
	for _, sentences := range paragraphs {
		out.WriteByte('\n')
		for _, line := range wrap(calls.Paragraph(sentences), cli.MaxWidth) {
			fmt.Fprintln(out, line)
		}
	}
	short := text.EscapeUnprintable(calls.ShortID(id))
	fmt.Fprintf(out, "\n%s\n%s\n", w.Text("show.records", "Command", "tollgate audit show --json "+short), w.Text("show.proof", "Command", "tollgate audit prove "+short))
	if plan != "" {
		fmt.Fprintln(out, w.Text("show.plan", "Command", "tollgate audit plan "+text.EscapeUnprintable(plan)))
	}
}

// wrap breaks a text at blanks, and beside wide characters, into lines of up to so many columns; what is longer has a line of its own.
func wrap(sentences string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(sentences) {
		for i, unit := range units(word) {
			blank := ""
			if i == 0 && line != "" {
				blank = " "
			}
			if line != "" && text.Width(line+blank+unit) > width {
				lines, line, blank = append(lines, line), "", ""
			}
			line += blank + unit
		}
	}
	return append(lines, line)
}

// units cuts a word where a line may end: beside wide characters, but neither behind an opening mark nor before a closing one.
func units(word string) (all []string) {
	begin, before := 0, rune(0)
	for i, r := range word {
		wide := text.Width(string(before)) == 2 || text.Width(string(r)) == 2
		if i > begin && wide && !unicode.In(before, unicode.Ps, unicode.Pi) && !unicode.In(r, unicode.Pe, unicode.Pf, unicode.Po) {
			all, begin = append(all, word[begin:i]), i
		}
		before = r
	}
	return append(all, word[begin:])
}
