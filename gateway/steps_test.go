package gateway_test

import (
	"context"
	"net"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// reached returns which steps a record has, and holds that they come in their order.
func reached(t *testing.T, r *logfile.Record) (names string) {
	t.Helper()
	if r.Steps == nil {
		return ""
	}
	s, last := r.Steps, int64(1)
	for _, step := range []struct {
		name string
		at   int64
	}{{"decided", s.Decided}, {"limited", s.Limited}, {"durable", s.Durable}, {"sent", s.Sent}, {"first_byte", s.FirstByte}, {"answered", s.Answered}} {
		if step.at == 0 {
			continue
		}
		if step.at < last {
			t.Errorf("%s at %d, behind a step at %d", step.name, step.at, last)
		}
		names, last = names+" "+step.name, step.at
	}
	if last > max(r.TotalMicros, 1) {
		t.Errorf("a step at %d of %d", last, r.TotalMicros)
	}
	return names
}

// Records of calls say when a call came to each step, and nothing of those that it did not come to.
func TestSteps(t *testing.T) {
	const all = " decided limited durable sent first_byte answered"
	for name, tt := range map[string]struct {
		text, want string
		kind       logfile.Kind
		with       adjustment
	}{
		"read":               {look(), all, logfile.KindOutcome, fixed},
		"spend":              {pay(), all, logfile.KindOutcome, fixed},
		"failed":             {look(), all, logfile.KindOutcome, answering(jsonAnswer(400, `{"error_code":"CBC.0101"}`))},
		"foreign":            {pay(), " decided limited durable sent first_byte", logfile.KindOutcome, answering(bodied(`{"order_id":"CS-9999"}`))},
		"redirected":         {pay(), " decided limited durable sent first_byte", logfile.KindOutcome, answering("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")},
		"no answer":          {pay(), " decided limited durable sent", logfile.KindOutcome, func(f *fixture) { f.origin.answer = func(net.Conn, *arrival) bool { return false } }},
		"log fails":          {pay(), " decided limited", logfile.KindRefusal, func(f *fixture) { f.log.intent = fail }},
		"read and log fails": {look(), " decided limited", logfile.KindRefusal, func(f *fixture) { f.log.intent = fail }},
		"no operation":       {plain("GET", "/v9/none", ""), "", logfile.KindRefusal, fixed},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, tt.with)
			f.send(t, tt.text)
			r := f.log.only(t, tt.kind)
			if got := reached(t, &r); got != tt.want {
				t.Errorf("steps%s, want%s", got, tt.want)
			}
		})
	}
}

// What takes time shows in its step, and in none before it.
func TestStepsOfASlowLog(t *testing.T) {
	const wait = 20 * time.Millisecond
	f := start(t, fixed, func(f *fixture) {
		f.log.intent = func(context.Context, *logfile.Record) error { <-time.After(wait); return nil }
	})
	f.send(t, pay())
	r := f.log.only(t, logfile.KindOutcome)
	if s := r.Steps; s.Durable-s.Limited < wait.Microseconds() || s.Durable > s.Sent {
		t.Errorf("steps %+v", s)
	}
}
