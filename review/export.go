package review

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/pace"
	"tollgate/internal/text"
	"tollgate/review/evidence"
)

const (
	// maxExported bounds the calls of a download: spreadsheets take some more. Archives with proofs are made by audit export.
	maxExported = 100_000
	// exportStall is how long a download waits for a reader that takes nothing.
	exportStall = 30 * time.Second
	// exportFlush is how many calls are written between two looks at the time.
	exportFlush = 500
)

// exportWriter writes calls in a format.
type exportWriter interface {
	begin() error
	row(l *evidence.Log, c *calls.Call) error
	end(x *exported) error
}

// exported is what a download has.
type exported struct {
	count int
	cut   bool  // more calls match
	fault error // of the log; the calls before it are there
}

// callsCSV is the file of all calls that the address chooses, with the columns of audit list, in its order.
func (s *Server) callsCSV(r *request) (*page, error) {
	return s.exportCalls(r, "csv", "text/csv; charset=utf-8", func(w io.Writer, c *choice) exportWriter { return newCSVExport(w, c, r) })
}

// callsJSON is the same as one JSON object.
func (s *Server) callsJSON(r *request) (*page, error) {
	return s.exportCalls(r, "json", "application/json", func(w io.Writer, c *choice) exportWriter { return &jsonExport{w: w, choice: c} })
}

func (s *Server) exportCalls(r *request, extension, kind string, format func(io.Writer, *choice) exportWriter) (*page, error) {
	c, err := s.choice(r)
	if err != nil {
		return nil, err
	}
	if c.before.Seq != 0 {
		return nil, badRequest("calls.bad.unknown", "Name", paramBefore)
	}
	name := "calls-" + r.now.UTC().Format("20060102T150405Z")
	if period := c.values.Get(paramPeriod); period != "" {
		name = "calls-" + period // which has digits, "-" and "." alone
	}
	name += "." + extension
	if r.Method == http.MethodHead {
		return r.download(name, kind, func(io.Writer, func() error) error { return nil }), nil
	}
	r.release() // who waits for another's download keeps no page waiting
	release, err := s.downloads.take(r.Context())
	if err != nil {
		return nil, err
	}
	p := r.download(name, kind, func(w io.Writer, alive func() error) error {
		defer release()
		return export(r.Context(), format(w, c), c, maxExported, paced(r.Context(), alive))
	})
	return p, nil
}

// paced returns a function to be called with each piece of work, which rests where calls are served beside it, and calls alive from time to
// time.
func paced(ctx context.Context, alive func() error) func() error {
	pieces := 0
	return func() error {
		pace.Step(ctx)
		if pieces++; pieces%exportFlush != 0 {
			return nil
		}
		return alive()
	}
}

// export writes the calls that are chosen, and calls piece with each. It returns an error if the file is not whole, and does not say so itself.
func export(ctx context.Context, to exportWriter, c *choice, limit int, piece func() error) error {
	if err := to.begin(); err != nil {
		return err
	}
	x := &exported{}
	for _, l := range c.logs {
		if err := x.add(ctx, to, l, &c.filter, limit, piece); err != nil {
			return err
		}
	}
	return to.end(x)
}

var errCut = errors.New("more calls than a download has")

// add writes the calls of one log. Faults of the log are kept: the file says them. Where each record is read, each is a piece.
func (x *exported) add(ctx context.Context, to exportWriter, l *evidence.Log, f *calls.Filter, limit int, piece func() error) error {
	var stopped error
	err := l.Seeing(func(uint64) { _ = piece() }).Calls(ctx, f, func(c *calls.Call) error {
		if x.count == limit {
			stopped = errCut
			return errCut
		}
		x.count++
		if stopped = piece(); stopped == nil {
			stopped = to.row(l, c)
		}
		return stopped
	})
	switch {
	case stopped == errCut:
		x.cut = true
	case stopped != nil || ctx.Err() != nil:
		return errorOr(stopped, ctx.Err())
	case err != nil:
		x.fault = errors.Join(x.fault, err)
	}
	return nil
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// download returns a page that is a file. While it is written, write calls alive from time to time. A file that cannot be written to its end
// ends the connection, so that no browser takes it for a whole one.
func (r *request) download(name, kind string, write func(w io.Writer, alive func() error) error) *page {
	return &page{answer: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		out, control := bufio.NewWriterSize(w, 32<<10), http.NewResponseController(w)
		alive := func() error {
			if err := control.SetWriteDeadline(time.Now().Add(exportStall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
			return r.Context().Err()
		}
		if err := errors.Join(alive(), write(out, alive), out.Flush()); err != nil {
			panic(http.ErrAbortHandler)
		}
	}}
}

// csvExport writes calls as audit list does, with a byte order mark. What is missing is said in a last row.
type csvExport struct {
	*calls.CSV
	*choice
	r *request
}

func newCSVExport(w io.Writer, c *choice, r *request) *csvExport {
	return &csvExport{calls.NewCSV(w, true), c, r}
}

// cells adds the name of the log where there are several.
func (t *csvExport) cells(log string, cells []string) []string {
	if len(t.logs) == 1 {
		return cells
	}
	return append([]string{log}, cells...)
}

func (t *csvExport) begin() error { return t.Write(t.cells("log", calls.RowColumns)) }

func (t *csvExport) row(l *evidence.Log, c *calls.Call) error {
	return t.Write(t.cells(l.Name, c.Row(t.zone).Cells()))
}

func (t *csvExport) end(x *exported) error {
	var missing []string
	if x.cut {
		missing = append(missing, t.r.words.Text("calls.cut_off", "Count", x.count, "Calls", grouped(x.count)))
	}
	if x.fault != nil {
		missing = append(missing, t.r.words.Text("calls.fault", "Error", x.fault.Error()))
	}
	if len(missing) == 0 {
		return nil
	}
	return t.Write([]string{strings.Join(missing, " ")})
}

// jsonExport writes one JSON object. Its member calls has rows as audit list --json prints them; the members behind it say what they were read
// from, and what is missing. What a terminal would not print is escaped.
type jsonExport struct {
	w      io.Writer
	choice *choice
	rows   int
}

// exportedRow is a row, with what it was found by, and the name of its log where there are several.
type exportedRow struct {
	*calls.Row
	ReadFrom string `json:"read_from"` // a kind of evidence.Source
	Log      string `json:"log,omitempty"`
}

func (j *jsonExport) begin() error {
	filter := map[string]string{}
	for name := range j.choice.values {
		filter[name] = j.choice.values.Get(name)
	}
	return j.print(`{"filter":`, filter, `,"calls":[`)
}

func (j *jsonExport) row(l *evidence.Log, c *calls.Call) error {
	row := exportedRow{Row: c.Row(j.choice.zone), ReadFrom: l.Kind()}
	if len(j.choice.logs) > 1 {
		row.Log = l.Name
	}
	separator := ",\n"
	if j.rows++; j.rows == 1 {
		separator = "\n"
	}
	return j.print(separator, row, "")
}

func (j *jsonExport) end(x *exported) error {
	fault := ""
	if x.fault != nil {
		fault = x.fault.Error()
	}
	var sources []evidence.Source
	for _, l := range j.choice.logs {
		sources = append(sources, l.Described())
	}
	return errors.Join(
		j.print("\n],\"sources\":", sources, ""), j.print(`,"count":`, x.count, ""), j.print(`,"cut_off":`, x.cut, ""), j.print(`,"fault":`, fault, "}\n"),
	)
}

// print writes a value between two texts.
func (j *jsonExport) print(before string, value any, after string) error {
	encoded, err := json.Marshal(value)
	if err == nil {
		_, err = io.WriteString(j.w, before+text.EscapeUnprintable(string(encoded))+after)
	}
	return err
}
