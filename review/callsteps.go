package review

import (
	"strconv"
	"time"

	"tollgate/audit/logfile"
	"tollgate/review/chart"
)

// milliseconds writes a number of microseconds with the digits that matter: "0.85 ms", "464 ms", "1,204 ms".
func milliseconds(micros int64) string {
	ms := float64(micros) / 1000
	digits := 0
	switch {
	case micros == 0:
	case ms < 10:
		digits = 2
	case ms < 100:
		digits = 1
	}
	return grouped(strconv.FormatFloat(ms, 'f', digits, 64)) + " ms"
}

// instant is when a call had come so far, in microseconds since it was received.
type instant struct {
	name string // of the step that ended then
	at   int64
	fill chart.Fill
}

// steps draws how long each step of the call took; nil where the records say nothing of that. The note says what the drawing cannot.
func (v *callView) steps() (drawing *chart.Drawing, note string) {
	last := v.last()
	if last == nil || last.TotalMicros == 0 {
		return nil, v.words.Text("call.steps_none")
	}
	instants := instantsOf(last)
	if len(instants) == 0 {
		instants, note = lengthsOf(v.Records()), v.words.Text("call.steps_lengths")
	}
	return v.waterfall(instants, last.TotalMicros), note
}

// last returns the record that ended the call; nil if there is none.
func (v *callView) last() *logfile.Record {
	if v.Outcome != nil {
		return v.Outcome
	}
	return v.Refusal
}

// instantsOf returns what a record has of them, in their order.
func instantsOf(r *logfile.Record) (all []instant) {
	if r.Steps == nil {
		return nil
	}
	for _, one := range []instant{
		{"decided", r.Steps.Decided, chart.First}, {"limited", r.Steps.Limited, chart.Third}, {"durable", r.Steps.Durable, chart.First},
		{"sent", r.Steps.Sent, chart.Fourth}, {"first_byte", r.Steps.FirstByte, chart.Second}, {"answered", r.Steps.Answered, chart.Second},
	} {
		if one.at > 0 {
			all = append(all, one)
		}
	}
	return all
}

// lengthsOf returns the lengths that records without steps have, one behind the other: where in the call each lay is not on record.
func lengthsOf(records []*logfile.Record) []instant {
	last, waited := records[len(records)-1], int64(0)
	for _, r := range records {
		waited = max(waited, r.WaitedMicros)
	}
	own := max(0, last.TotalMicros-waited-last.UpstreamMicros)
	all := []instant{{"own", own, chart.First}}
	if waited > 0 {
		all = append(all, instant{"waited", own + waited, chart.Third})
	}
	if last.UpstreamMicros > 0 {
		all = append(all, instant{"upstream", own + waited + last.UpstreamMicros, chart.Second})
	}
	return all
}

// waterfall draws a bar from each moment to the next.
func (v *callView) waterfall(instants []instant, total int64) *chart.Drawing {
	t := v.words.Text
	if end := instants[len(instants)-1].at; total > end {
		instants = append(instants, v.rest(total))
	}
	w := chart.Waterfall{
		Head: chart.Head{
			ID: "steps", Title: t("call.steps"), Desc: t("call.steps_desc", "Total", milliseconds(total)), Summary: t("call.table"),
			Columns: []string{t("call.step"), t("call.step_from"), t("call.step_length")},
		},
		Total: milliseconds(total), Break: t("call.step_break"), Zero: milliseconds(0),
	}
	before := int64(0)
	for _, m := range instants {
		w.Steps = append(w.Steps, chart.Step{
			Name: t("call.step_" + m.name), Fill: m.fill, Start: micros(before), Length: micros(m.at - before), Text: milliseconds(m.at - before), From: milliseconds(before),
		})
		before = max(before, m.at)
	}
	return w.Draw()
}

// rest is the last step: what the gateway did, or waited for, until the call ended.
func (v *callView) rest(total int64) instant {
	steps := v.last().Steps
	switch {
	case v.Refusal != nil:
		return instant{"refused", total, chart.First}
	case steps == nil || steps.Answered > 0:
		return instant{"rest", total, chart.First}
	case steps.Sent > 0:
		return instant{"no_answer", total, chart.Unknown}
	case steps.Durable > 0:
		return instant{"not_sent", total, chart.Failed}
	}
	return instant{"rest", total, chart.First}
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
