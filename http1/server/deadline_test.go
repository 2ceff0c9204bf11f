package server

import (
	"net/http"
	"testing"
	"time"
)

// The wait for the next request leaves an earlier deadline, and ends only when its own is over.
func TestEarlierDeadlineStays(t *testing.T) {
	now := time.Now()
	head, idle := now.Add(time.Hour), now.Add(2*time.Hour)
	for _, test := range []struct {
		name    string
		current time.Time
		want    time.Time // that is set then
	}{
		{"none", time.Time{}, idle.Add(slack)},
		{"of a head", head, head},
		{"over", now.Add(-time.Second), idle.Add(slack)},
		{"interrupted", past, idle.Add(slack)},
		{"later", idle.Add(time.Hour), idle.Add(slack)},
	} {
		d := deadline{set: func(time.Time) error { return nil }, current: test.current}
		d.wantOrSooner(idle, now)
		if err := d.begin(); err != nil || !d.current.Equal(test.want) {
			t.Errorf("%s: %v (%v), want %v", test.name, d.current, err, test.want)
		}
		if d.isOver(idle) {
			t.Errorf("%s: a wait that ended too soon is over", test.name)
		}
		if d.interrupt(); !d.isOver(idle) {
			t.Errorf("%s: a wait that was interrupted goes on", test.name)
		}
		if d.end(); !d.isOver(now) {
			t.Errorf("%s: a wait whose time is over goes on", test.name)
		}
	}
}

// A connection whose head had a deadline that is over by then waits for the next request all the same.
func TestIdleBeyondTheDeadlineOfHeads(t *testing.T) {
	s := serve(t, Config{HeaderTimeout: patience, IdleTimeout: 2 * patience, Handler: http.NotFoundHandler()}, t.Context())
	s.write(request("GET", "/"))
	s.answer("GET")
	s.endRead(t)
	s.write(request("GET", "/"))
	if got, _ := s.answer("GET"); got.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", got.StatusCode)
	}
}

// endRead has the read that waits for a request end by a deadline that comes too soon.
func (s *served) endRead(t *testing.T) {
	t.Helper()
	for waiting := false; !waiting; {
		s.conn.reading.mutex.Lock()
		if waiting = s.conn.reading.waiting && s.conn.exchange == nil; waiting {
			s.conn.reading.current = time.Now()
			_ = s.net.TCPConn.SetReadDeadline(past)
		}
		s.conn.reading.mutex.Unlock()
	}
}
