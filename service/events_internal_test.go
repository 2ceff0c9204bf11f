package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/audit/mirror"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/secret"
)

// recorder is a log that keeps what it takes.
type recorder struct {
	records []logfile.Record
	full    bool
}

func (r *recorder) Queue(record *logfile.Record) error {
	if r.full {
		return audit.ErrUnavailable
	}
	r.records = append(r.records, *record)
	return nil
}

func (r *recorder) QueueLast(record *logfile.Record) error { return r.Queue(record) }

// take returns what was recorded since the last time, as CODE SUBJECT NAME=VALUE …, without times.
func (r *recorder) take() (all []string) {
	for _, record := range r.records {
		text := fmt.Sprint(record.Event, " ", record.Subject)
		for _, name := range slices.Sorted(maps.Keys(record.Data)) {
			if value := record.Data[name]; !strings.HasSuffix(name, "_since") && name != "until" && name != "at" {
				text += " " + name + "=" + value
			}
		}
		all = append(all, text)
	}
	r.records = nil
	return all
}

func (r *recorder) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		t.Errorf("%s: recorded %q, want %q", when, got, want)
	}
}

// watched is a stateWatch over parts that a test sets.
type watched struct {
	*stateWatch
	recorder
	keys   credential.Keys
	logErr error
	copies []mirror.Status
}

func watchOf(t *testing.T) (w *watched, c *credential.Credential) {
	t.Helper()
	w = &watched{keys: credential.Keys{AccessKey: "AK1", SecretKey: secret.New("the secret")}}
	c, err := credential.New(credential.Config{Facts: credential.Facts{Name: "main", Upstream: "bss", Class: catalog.ClassPartner}},
		credential.Options{Load: func() (credential.Keys, error) { return w.keys, nil }})
	if err != nil {
		t.Fatal(err)
	}
	w.stateWatch = newStateWatch(audit.NewEvents(&w.recorder), func() []*credential.Credential { return []*credential.Credential{c} },
		func() audit.Status { return audit.Status{Err: w.logErr} }, func() []mirror.Status { return w.copies })
	return w, c
}

// answer has a caller's call answered.
func answer(t *testing.T, c *credential.Credential, caller string, verdict credential.Verdict, now time.Time) {
	t.Helper()
	permit, err := c.Permit(&catalog.Operation{Name: "ListOrders", Class: catalog.ClassPartner})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := permit.Lease(t.Context(), caller, now, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	lease.Done(verdict, "the provider rejected it: wrong", now)
}

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// TestCredentialEvents: a pause that begins, is prolonged or ends is on record once, for whom, and without a secret.
func TestCredentialEvents(t *testing.T) {
	w, c := watchOf(t)
	now := noon
	look := func(after time.Duration) {
		now = now.Add(after)
		w.look(now)
		w.events.Flush(now)
	}
	const rejected = " reason=the provider rejected it: wrong"
	look(0)
	w.want(t, "at first")
	answer(t, c, "shop", credential.Accepted, now)
	answer(t, c, "shop", credential.Rejected, now)
	look(time.Second)
	look(time.Second)
	if r := w.records[0]; r.Data["paused_since"] != "2026-10-03T12:00:00Z" || r.Data["until"] != "2026-10-03T12:05:15Z" || !strings.Contains(r.Detail, "for caller shop") {
		t.Errorf("recorded %+v", r)
	}
	w.want(t, "rejected", "credential_paused main access_key=AK1 caller=shop"+rejected)
	answer(t, c, "other", credential.Rejected, now)
	look(2 * time.Minute)
	w.want(t, "rejected again, of another caller", "credential_paused main access_key=AK1"+rejected)
	look(5 * time.Minute)
	answer(t, c, "shop", credential.Rejected, now)
	look(0)
	if got := w.take(); len(got) != 1 || !strings.HasPrefix(got[0], "credential_paused main access_key=AK1") {
		t.Errorf("a rejected probe: recorded %q", got)
	}
	look(6 * time.Minute)
	answer(t, c, "shop", credential.Accepted, now)
	look(0)
	look(2 * time.Minute)
	got := w.take()
	if len(got) != 2 || !strings.HasPrefix(got[0], "credential_resumed main access_key=AK1") || !strings.HasPrefix(got[1], "credential_resumed main access_key=AK1") {
		t.Errorf("an accepted probe of both pauses: recorded %q", got)
	}
	answer(t, c, "shop", credential.Rejected, now.Add(2*time.Minute))
	look(2 * time.Minute)
	w.take()
	w.keys.AccessKey = "AK2"
	for range 3 {
		now = now.Add(2 * time.Second)
		if _, err := c.Poll(now); err != nil {
			t.Fatal(err)
		}
	}
	look(0)
	w.want(t, "other keys", "credential_resumed main access_key=AK2 paused_access_key=AK1")
}

// TestLogEvents: a log that took nothing says so when it is well again, in the order in which it happened.
func TestLogEvents(t *testing.T) {
	w, _ := watchOf(t)
	w.logErr, w.full = errors.New("the disk has not answered for over 5s"), true
	for i := range 10 {
		w.look(noon.Add(time.Duration(i) * time.Second))
		w.events.Flush(noon.Add(time.Duration(i) * time.Second))
	}
	w.want(t, "stalled")
	w.logErr, w.full = nil, false
	w.look(noon.Add(10 * time.Second))
	if len(w.records) != 2 || w.records[0].Data["at"] != "2026-10-03T12:00:00Z" || w.records[0].Detail != "the disk has not answered for over 5s" ||
		w.records[1].Data["stalled_since"] != "2026-10-03T12:00:00Z" {
		t.Errorf("recorded %+v", w.records)
	}
	w.want(t, "well again", "log_stalled ", "log_recovered ")
}

func TestCopyEvents(t *testing.T) {
	w, _ := watchOf(t)
	w.copies = []mirror.Status{{Place: "/mnt/worm"}, {Place: "stdout"}}
	w.look(noon)
	w.copies[0].Err = errors.New("read-only file system")
	w.look(noon)
	w.look(noon)
	w.want(t, "failing", "copy_failing /mnt/worm")
	w.copies[0].Err = nil
	w.look(noon)
	w.want(t, "well again", "copy_recovered /mnt/worm")
}

// TestFleetEvents: what two looks found not to be shared is on record, and so is that it is again. One slow answer is not.
func TestFleetEvents(t *testing.T) {
	w, _ := watchOf(t)
	f := &admin.Fleet{Member: "a"}
	w.fleet = func() *admin.Fleet { return f }
	lines, observed := observer.New(zap.WarnLevel)
	w.logger = zap.New(lines)
	look := func(when string, closed []admin.ClosedStatus, want ...string) {
		t.Helper()
		f.Closed = closed
		w.look(noon)
		w.want(t, when, want...)
	}
	slow := []admin.ClosedStatus{{What: admin.ClosedLimits, Means: "a half each", Why: "Redis is slow"}}
	away := append(slow, admin.ClosedStatus{What: admin.ClosedFreezes, Means: "here alone", Why: "Redis is away"})
	look("well", nil)
	look("slow once", slow)
	look("well", nil)
	look("slow", slow)
	look("slow still", slow, "fleet_lost limits member=a")
	look("away", away)
	look("away still", away, "fleet_lost freezes member=a")
	look("slow only", slow, "fleet_back freezes member=a")
	look("well again", nil, "fleet_back limits member=a")
	for range 3 { // within the same minute: the process has said so
		look("slow", slow)
		look("slow still", slow)
		look("well", nil)
	}
	if n := observed.Len(); n != 4 {
		t.Errorf("%d lines in the log of the process, want one for each event: %v", n, observed.All())
	}
}

// TestLastLook: what happened just before the end is on record, and what waited, too.
func TestLastLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := watchOf(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.run(ctx) }()
		time.Sleep(time.Hour) // the bubble's clock
		answer(t, c, "shop", credential.Rejected, time.Now())
		cancel()
		<-ended
		w.want(t, "at the end", "credential_paused main access_key=AK1 reason=the provider rejected it: wrong")
	})
}

// TestEventsHoldNoSecret: not one of the texts of what is recorded of a credential is its secret key.
func TestEventsHoldNoSecret(t *testing.T) {
	w, c := watchOf(t)
	answer(t, c, "shop", credential.Rejected, noon)
	w.look(noon)
	for _, r := range w.records {
		if line := string(r.Append(nil)); strings.Contains(line, "secret") || !strings.Contains(line, "AK1") {
			t.Errorf("recorded %s", line)
		}
	}
	if len(w.records) != 1 {
		t.Errorf("%d records", len(w.records))
	}
}
