package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tollgate/audit/verify"
	"tollgate/internal/cli"
	"tollgate/internal/text"
	"tollgate/internal/words"
)

// table prints a report for people.
func (f *verifyFlags) table(w io.Writer, r *verify.Report) error {
	rows := f.rows(r)
	width := 0
	for _, row := range rows {
		width = max(width, text.Width(row[0]))
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%s%s  %s\n", row[0], strings.Repeat(" ", width-text.Width(row[0])), text.Printable(row[1], '\uFFFD'))
	}
	if len(r.Faults) > 0 {
		b.WriteByte('\n')
	}
	for i := range r.Faults {
		f.fault(&b, &r.Faults[i])
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		b.WriteString(f.words.Text("verify.more", "Count", more) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return errors.Join(err, f.proves(w, r))
}

// fault prints what was found, in other languages than that of its text below what it means.
func (f *verifyFlags) fault(b *strings.Builder, fault *verify.Fault) {
	b.WriteString(f.words.Text("verify.fault", "Kind", fault.Kind, "Where", where(f.words, fault)) + "\n")
	texts := []string{fault.Text}
	if meaning := "log.fault_" + string(fault.Kind); f.words.Language != words.English && f.words.Has(meaning) {
		texts = []string{f.words.Text(meaning), fault.Text}
	}
	for _, one := range texts {
		fmt.Fprintf(b, "  %s\n", strings.Join(wrap(text.Printable(one, '\uFFFD'), cli.MaxWidth-2), "\n  "))
	}
}

// where returns the place of a fault: that of a record, or the records among which it is, and where those begin.
func where(w *words.Words, f *verify.Fault) string {
	switch {
	case f.Last > 0 && f.File != "":
		return w.Text("verify.among_file", "Seq", f.Seq, "Last", f.Last, "File", f.File, "Byte", f.Offset)
	case f.Last > 0:
		return w.Text("verify.among", "Seq", f.Seq, "Last", f.Last)
	case f.File != "":
		return w.Text("verify.at_file", "Seq", f.Seq, "File", f.File, "Byte", f.Offset)
	}
	return w.Text("verify.at", "Seq", f.Seq)
}

func (f *verifyFlags) rows(r *verify.Report) (rows [][2]string) {
	w := f.words
	row := func(name, value string) {
		if value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	row(w.Text("verify.log"), r.Log)
	row(w.Text("verify.records"), w.Text("verify.records_are", "First", r.First, "Last", r.Last, "Records", r.Records, "Segments", w.Text("verify.segments", "Count", r.Segments)))
	for _, p := range r.Pruned {
		row(w.Text("verify.pruned"), w.Text("verify.pruned_are", "First", p.First, "Last", p.Last))
	}
	if !r.From.IsZero() {
		row(w.Text("verify.time"), w.Text("verify.time_is", "From", f.time(r.From), "To", f.time(r.To)))
	}
	row(w.Text("verify.root"), r.Root)
	for i, s := range r.Signers {
		row(w.Text("verify.key"), s.Key)
		row("", w.Text("verify.signed", "Checkpoints", w.Text("verify.checkpoints_signed", "Count", s.Checkpoints), "First", s.First, "Last", s.Last, "Introduced", f.introduced(i, s)))
	}
	row(w.Text("verify.checkpoints"), w.Text("verify.checkpoints_are", "Checkpoints", r.Checkpoints, "Time", f.time(r.LastSigned)))
	if r.Unsigned > 0 || r.Partial > 0 {
		row(w.Text("verify.unsigned"), f.unsigned(r))
	}
	if r.Crashes > 0 {
		row(w.Text("verify.crashes"), w.Text("verify.crashes_are", "Crashes", r.Crashes, "Starts", w.Text("verify.starts", "Count", r.Starts), "Records", r.LateSigned))
	}
	if r.Open > 0 {
		row(w.Text("verify.open"), f.open(r))
	}
	if f.since != "" {
		row(w.Text("verify.witnesses"), w.Text("verify.witnesses_are", "Checkpoints", r.Witnessed, "Skipped",
			f.some("verify.witnesses_skipped", r.WitnessesSkipped), "Partial", f.some("verify.witnesses_partial", r.WitnessesPartial)))
	}
	return rows
}

// unsigned says what stands behind the last checkpoint.
func (f *verifyFlags) unsigned(r *verify.Report) string {
	records, bytes := f.words.Text("verify.n_records", "Count", r.Unsigned), f.words.Text("verify.n_bytes", "Count", r.Partial)
	if r.UnsignedSince.IsZero() {
		return f.words.Text("verify.unsigned_are", "Records", records, "Bytes", bytes)
	}
	return f.words.Text("verify.unsigned_since", "Records", records, "Time", f.time(r.UnsignedSince), "Bytes", bytes)
}

func (f *verifyFlags) open(r *verify.Report) string {
	if r.InUse {
		return f.words.Text("verify.open_in_flight", "Calls", r.Open)
	}
	return f.words.Text("verify.open_closed", "Calls", r.Open)
}

// introduced returns how the key before leads to a signer.
func (f *verifyFlags) introduced(i int, s verify.Signer) string {
	switch {
	case i == 0:
		return ""
	case s.Chained:
		return f.words.Text("verify.chained")
	}
	return f.words.Text("verify.unchained")
}

// time returns a time, or that there is none.
func (f *verifyFlags) time(t time.Time) string {
	if t.IsZero() {
		return f.words.Text("verify.never")
	}
	return t.UTC().Format(time.RFC3339)
}

// some returns a message with a number; nothing for 0.
func (f *verifyFlags) some(id string, n int) string {
	if n == 0 {
		return ""
	}
	return f.words.Text(id, "Count", n)
}

// proves ends the summary with what it is worth.
func (f *verifyFlags) proves(w io.Writer, r *verify.Report) error {
	lines := []string{"", f.words.Text("verify.whole")}
	switch {
	case !r.Whole():
		_, err := fmt.Fprintf(w, "\n%s\n", f.words.Text("verify.not_whole", "Count", r.FaultCount))
		return err
	case r.Unsigned > 0 || r.Partial > 0:
		lines[1] = f.words.Text("verify.whole_signed")
	}
	if len(f.keys) == 0 {
		lines = append(lines, f.words.Text("verify.own_keys"))
	}
	if f.since == "" {
		lines = append(lines, f.words.Text("verify.no_witness"))
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
