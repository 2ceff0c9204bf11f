package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/words"
	"tollgate/review/chart"
	"tollgate/review/evidence"
)

// callPage is what the page of a call shows, from top to bottom.
type callPage struct {
	ID, Log, Address string
	State            string
	Summary          said
	Panels           []panel // who called, with which key, what was decided, what came back
	Steps            *chart.Drawing
	StepsNote        string
	TLS              []panel
	Asked, Answered  []fieldRow
	Related          []relatedRow
	Events           []eventRow
	Story            []said
	Lines            []rawLine // of the call's records
	EventLines       []rawLine // of the events
	Proof            *proofPart
	OnlyProof        bool
	Missing          []said // what was not looked for, or could not be read
}

// said is a sentence in parts.
type said []words.Part

// callView is a request for the page of a call.
type callView struct {
	*request
	log *evidence.Log
	id  string
	*evidence.Call
}

// errNoCall is the failure of an id that no log has.
var errNoCall = &failure{http.StatusNotFound, "call.none", nil}

// callView finds the log and checks the id, before anything is read. The id of a page is a whole one.
func (s *Server) callView(r *request) (*callView, error) {
	l, id := s.config.Logs.Named(r.PathValue("log")), r.PathValue("id")
	if parsed, err := uuid.Parse(id); l == nil || err != nil || parsed.String() != id {
		return nil, errNoCall
	}
	return &callView{request: r, log: l, id: id}, nil
}

// found reads the call. Where nothing but the call was found in time, the error is nil, and the reason is returned as missing.
func (v *callView) found(ctx context.Context) (missing error, err error) {
	v.Call, err = v.log.Call(ctx, v.id)
	switch {
	case errors.Is(err, evidence.ErrNoCall):
		return nil, errNoCall
	case v.Call == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, &failure{http.StatusServiceUnavailable, "call.late", nil}
	case v.Call == nil:
		return nil, err
	}
	return err, nil
}

// call shows one call.
func (s *Server) call(r *request) (*page, error) {
	v, err := s.callView(r)
	if err != nil {
		return s.callElsewhere(r, err)
	}
	ctx, cancel := r.limited()
	defer cancel()
	missing, err := v.found(ctx)
	if err == errNoCall && len(s.config.Logs) > 1 {
		return s.callElsewhere(r, err)
	}
	if err != nil {
		return nil, err
	}
	p := v.page()
	p.miss(v, missing, "call.missing_lines")
	p.Proof = v.proof(ctx)
	related, err := v.log.Related(ctx, v.Call)
	p.miss(v, err, "call.missing_related")
	for _, other := range related {
		p.Related = append(p.Related, v.relatedRow(other))
	}
	return &page{name: "call", title: r.words.Text("call.title", "ID", calls.ShortID(v.id)), data: p}, nil
}

// miss notes what could not be read.
func (p *callPage) miss(v *callView, err error, message string) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		p.Missing = append(p.Missing, v.words.Said(message+"_in_time"))
	case err != nil:
		p.Missing = append(p.Missing, v.words.Said(message, "Error", err.Error()))
	}
}

// page returns what the call's own records and events say.
func (v *callView) page() *callPage {
	h := calls.NewHistory(v.id)
	for _, r := range append(v.Records(), v.Call.Events...) {
		h.Add(r)
	}
	p := &callPage{
		ID: v.id, Log: v.log.Name, Address: callAddress(v.log.Name, v.id), State: v.State(), Summary: calls.Parts(h.Summary(v.words, v.zone)),
		Panels: v.panels(), TLS: v.tlsPanels(), Events: v.eventRows(),
	}
	p.Steps, p.StepsNote = v.steps()
	p.Asked, p.Answered = fieldRows(v.first()), fieldRows(v.Outcome)
	for _, paragraph := range h.Sentences(v.words, v.zone) {
		p.Story = append(p.Story, calls.Parts(paragraph))
	}
	for _, line := range v.Lines {
		row := rawLine{line.Seq, len(line.Text), line.Text}
		if slices.ContainsFunc(v.Records(), func(r *logfile.Record) bool { return r.Seq == line.Seq }) {
			p.Lines = append(p.Lines, row)
		} else {
			p.EventLines = append(p.EventLines, row)
		}
	}
	return p
}

// eventRow is an event, or several in a row that say the same.
type eventRow struct {
	Words said
	Again said // how often it was stated once more, and until when; empty: it was not
}

// eventRows returns the events about the call. That it is unknown still is stated each day: all but the first of these are counted.
func (v *callView) eventRows() (rows []eventRow) {
	for i := 0; i < len(v.Call.Events); {
		n := 1
		for ; i+n < len(v.Call.Events) && v.Call.Events[i].Event == logfile.EventUnresolved && v.Call.Events[i+n].Event == logfile.EventUnresolved; n++ {
		}
		h := calls.NewHistory(v.id)
		h.Add(v.Call.Events[i])
		row := eventRow{Words: calls.Parts(h.Events(v.words, v.zone))}
		if n > 1 {
			last := v.Call.Events[i+n-1].Time.In(v.zone).Format("2006-01-02 15:04:05")
			row.Again = v.words.Said("call.event_again", "Count", n-1, "Time", last)
		}
		rows, i = append(rows, row), i+n
	}
	return rows
}

// first returns the call's first record.
func (v *callView) first() *logfile.Record { return cmp.Or(v.Intent, v.Refusal, v.Outcome) }

// rawLine is a record as it stands in the log.
type rawLine struct {
	Seq   uint64
	Bytes int
	Text  string
}

// relatedRow is another call of the same act.
type relatedRow struct {
	Relation         string // of a message
	Short, Address   string
	Time             time.Time
	Caller           string
	Operation, State string
}

func (v *callView) relatedRow(r evidence.Related) relatedRow {
	return relatedRow{
		string(r.Relation), calls.ShortID(r.ID()), callAddress(v.log.Name, r.ID()), r.Time().In(v.zone), callerText(v.words, r.CallerText()), r.Operation(), r.State(),
	}
}

// callElsewhere leads from a part of an id, or from one that another log has, to the search: it leads on to the only call that has it, or
// shows a choice.
func (s *Server) callElsewhere(r *request, err error) (*page, error) {
	part := r.PathValue("id")
	if s.config.Logs.Named(r.PathValue("log")) == nil || len(part) < calls.MinIDPart || len(part) > 36 || strings.Trim(part, "0123456789abcdef-") != "" {
		return nil, err
	}
	return r.redirect("/search?" + url.Values{"q": {part}}.Encode()), nil
}

// callRaw sends the call's records, and those of events about it, as they stand in the log.
func (s *Server) callRaw(r *request) (*page, error) {
	v, err := s.callView(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofPatience)
	defer cancel()
	missing, err := v.found(ctx)
	if err = cmp.Or(err, missing); err != nil {
		return nil, err
	}
	return r.textFile("call-"+calls.ShortID(v.id)+".jsonl", "application/x-ndjson", func(w io.Writer) (err error) {
		for _, line := range v.Lines {
			_, err = fmt.Fprintln(w, line.Text)
		}
		return err
	}), nil
}

// textFile is download for a file that is written at once.
func (r *request) textFile(name, kind string, write func(w io.Writer) error) *page {
	return r.download(name, kind, func(w io.Writer, _ func() error) error { return write(w) })
}
