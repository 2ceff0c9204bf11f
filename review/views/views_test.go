package views_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/review/views"
)

// fakeLog keeps records, and can refuse them.
type fakeLog struct {
	mu      sync.Mutex
	records []logfile.Record
	err     error // of Queue
	status  error // of Status
}

func (l *fakeLog) Queue(r *logfile.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.records = append(l.records, *r)
	}
	return l.err
}

func (l *fakeLog) Status() audit.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return audit.Status{Err: l.status}
}

// in runs a test with a clock that moves by sleeping.
func in(t *testing.T, test func(t *testing.T, l *fakeLog, v *views.Views)) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLog{}
		test(t, l, views.New(l, time.Now))
	})
}

func see(t *testing.T, v *views.Views, identity, page, query string) {
	t.Helper()
	if err := v.Seen(identity, page, query); err != nil {
		t.Fatal(err)
	}
}

func TestOnceInTenMinutes(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		see(t, v, "li", "/calls", "caller=shop")
		time.Sleep(views.Again - time.Second)
		see(t, v, "li", "/calls", "caller=shop")
		if len(l.records) != 1 {
			t.Fatalf("%d records", len(l.records))
		}
		r := l.records[0]
		if r.Kind != logfile.KindEvent || r.Event != logfile.EventViewed || r.Identity != "li" || r.Subject != "/calls" || r.Data["query"] != "caller=shop" {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Second)
		see(t, v, "li", "/calls", "caller=shop")
		if len(l.records) != 2 {
			t.Errorf("%d records behind the ten minutes", len(l.records))
		}
	})
}

func TestDifferentViews(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		long := strings.Repeat("x", 2<<10)
		for _, seen := range [][3]string{
			{"li", "/calls", ""}, {"wang", "/calls", ""}, {"li", "/tls", ""}, {"li", "/calls", "a=1"}, {"li", "/callsa=1", ""},
			{`li" "/calls`, "", ""}, {"li", "/calls", long + "1"}, {"li", "/calls", long + "2"},
		} {
			see(t, v, seen[0], seen[1], seen[2])
		}
		if len(l.records) != 8 {
			t.Errorf("%d records", len(l.records))
		}
	})
}

func TestTruncatedVisibly(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		see(t, v, "li", "/"+strings.Repeat("审", 2<<10), "q="+strings.Repeat("审", 2<<10))
		for _, got := range []string{l.records[0].Subject, l.records[0].Data["query"]} {
			if len(got) > 1<<10 || !strings.HasSuffix(got, "审…") || !utf8.ValidString(got) {
				t.Errorf("%d bytes, %.20q…%q", len(got), got, got[max(0, len(got)-9):])
			}
		}
	})
}

func TestSummedUpBeyondTheBound(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		for i := range views.Most + 5 {
			see(t, v, fmt.Sprintf("p-%d", i%2), "/calls", fmt.Sprint(i))
		}
		since := time.Now()
		see(t, v, "p-0", "/calls", fmt.Sprint(views.Most+1)) // counted already
		if len(l.records) != views.Most {
			t.Fatalf("%d records", len(l.records))
		}
		time.Sleep(views.Window - time.Second)
		if err := v.Flush(); err != nil || len(l.records) != views.Most {
			t.Fatalf("%d records before the window is over, %v", len(l.records), err)
		}
		time.Sleep(time.Second)
		if err := v.Flush(); err != nil {
			t.Fatal(err)
		}
		r := l.records[len(l.records)-1]
		want := map[string]string{"count": "6", "since": since.UTC().Format(time.RFC3339), "identities": "p-0, p-1"}
		if len(l.records) != views.Most+1 || r.Event != logfile.EventViewed || r.Identity != "" || r.Subject != "" || fmt.Sprint(r.Data) != fmt.Sprint(want) {
			t.Fatalf("%d records, the last %+v", len(l.records), r)
		}
		see(t, v, "p-0", "/calls", "0")
		if len(l.records) != views.Most+2 {
			t.Errorf("the next window records nothing")
		}
		if err := errors.Join(v.Flush(), v.Close()); err != nil || len(l.records) != views.Most+2 {
			t.Errorf("%d records, %v", len(l.records), err)
		}
	})
}

func TestCloseWritesTheSum(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		for i := range views.Most + 1 {
			see(t, v, "li", "/calls", fmt.Sprint(i))
		}
		l.err = audit.ErrUnavailable
		if err := v.Close(); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("close: %v", err)
		}
		l.err = nil
		if err := v.Close(); err != nil || len(l.records) != views.Most+1 || l.records[views.Most].Data["count"] != "1" {
			t.Errorf("%d records, %v", len(l.records), err)
		}
	})
}

// What the log does not take is not shown, and is recorded when it is shown later.
func TestLogTakesNothing(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		l.status = audit.ErrUnavailable
		if err := v.Ready(); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("ready: %v", err)
		}
		if err := v.Seen("li", "/calls", ""); !errors.Is(err, audit.ErrUnavailable) || len(l.records) != 0 {
			t.Errorf("%d records, %v", len(l.records), err)
		}
		l.status, l.err = nil, audit.ErrUnavailable // too much is pending for an event
		if err := v.Seen("li", "/calls", ""); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("seen: %v", err)
		}
		l.err = nil
		see(t, v, "li", "/calls", "")
		if err := v.Ready(); err != nil || len(l.records) != 1 {
			t.Errorf("%d records, %v", len(l.records), err)
		}
		l.status = audit.ErrUnavailable
		if err := v.Seen("li", "/calls", ""); err == nil {
			t.Error("a view on record is shown while the log takes nothing")
		}
	})
}

// A clock that was set back must not keep views off the record.
func TestClockSetBack(t *testing.T) {
	l, now := &fakeLog{}, time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	v := views.New(l, func() time.Time { return now })
	for i := range views.Most + 1 {
		see(t, v, "li", "/calls", fmt.Sprint(i))
	}
	now = now.Add(-24 * time.Hour)
	see(t, v, "li", "/calls", "0")
	if len(l.records) != views.Most+2 {
		t.Errorf("%d records", len(l.records))
	}
}

func TestConcurrently(t *testing.T) {
	in(t, func(t *testing.T, l *fakeLog, v *views.Views) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 200 {
					if err := errors.Join(v.Seen(fmt.Sprint(i%4), "/calls", fmt.Sprint(j)), v.Flush()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if err := v.Close(); err != nil || len(l.records) != views.Most+1 || l.records[views.Most].Data["count"] != "200" {
			t.Errorf("%d records, %v", len(l.records), err)
		}
	})
}

// A real log takes views, and a closed one none.
func TestRealLog(t *testing.T) {
	dir := t.TempDir()
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	v := views.New(log, time.Now)
	see(t, v, "li", "/calls", "caller=shop")
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Seen("li", "/calls", "caller=shop"); err == nil {
		t.Error("a closed log takes views")
	}
	found := 0
	err = logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
		if r.Event == logfile.EventViewed && r.Identity == "li" && r.Data["query"] == "caller=shop" {
			found++
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("%d views on record, %v", found, err)
	}
}

// TestWhole holds that a real log has a page and a query of views.MaxWhole bytes without a cut.
func TestWhole(t *testing.T) {
	dir := t.TempDir()
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	page, query := "/"+strings.Repeat("x", views.MaxWhole-1), strings.Repeat("a=1&", views.MaxWhole/4)
	see(t, views.New(log, time.Now), "li", page, query)
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
		if r.Event == logfile.EventViewed && (r.Subject != page || r.Data["query"] != query) {
			t.Errorf("%d bytes of %d, %d of %d", len(r.Subject), len(page), len(r.Data["query"]), len(query))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
