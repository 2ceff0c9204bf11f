package calls_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/calls/callstest"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

func TestPages(t *testing.T) {
	t.Run("Scan", func(t *testing.T) {
		callstest.Pages(t, func(_ testing.TB, dir, log string) (calls.Pager, func()) { return calls.Scan{Dir: dir}.Pager(log), nil })
	})
	t.Run("Files", func(t *testing.T) {
		callstest.Pages(t, func(_ testing.TB, dir, log string) (calls.Pager, func()) {
			return calls.Files{FS: os.DirFS(dir)}.Pager(log), nil
		})
	})
}

func TestDeadlines(t *testing.T) {
	callstest.Deadlines(t, func(_ testing.TB, dir, log string) (calls.Pager, func()) { return calls.Scan{Dir: dir}.Pager(log), nil })
}

// stuckPager has no time to begin.
type stuckPager struct{}

func (stuckPager) Page(_ context.Context, _ *calls.Filter, after calls.Cursor, _ int) ([]calls.Placed, calls.Cursor, error) {
	return nil, after, context.DeadlineExceeded
}

// TestStuckLog: while the search of one log does not begin, that of the others does not go on without its calls.
func TestStuckLog(t *testing.T) {
	for _, logs := range [][]calls.Named{
		{{Log: "a", Pager: stuckPager{}}, {Log: "b", Pager: slowPager{"b", []uint64{8, 2}}}},
		{{Log: "b", Pager: slowPager{"b", []uint64{8, 2}}}, {Log: "c", Pager: stuckPager{}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, err := calls.Several(logs)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			page, next, err := p.Page(ctx, &calls.Filter{}, calls.Cursor{}, 10)
			if len(page) > 0 || next != (calls.Cursor{}) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d calls, cursor %+v, %v: want none, and to begin again", len(page), next, err)
			}
		})
	}
}

// TestDeadlineOfSeveral: each of several logs has its share of the time, what stands behind the place where the search of one ended is left for the
// next page, and that begins there.
func TestDeadlineOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(log string, orders ...uint64) calls.Named {
			return calls.Named{Log: log, Pager: slowPager{log, orders}}
		}
		p, err := calls.Several([]calls.Named{slow("a", 9, 7, 5), slow("b", 8, 2)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for cursor, pages := (calls.Cursor{}), 0; pages < 4; pages++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			page, next, err := p.Page(ctx, &calls.Filter{}, cursor, 10)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("page %d: %v", pages, err)
			}
			for _, c := range page {
				got = append(got, fmt.Sprint(c.Log, c.Order()))
			}
			cancel()
			cursor = next
		}
		if want := []string{"a9", "b8", "a7", "a5"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// slowPager finds one call until the deadline.
type slowPager struct {
	log    string
	orders []uint64
}

func (p slowPager) Page(ctx context.Context, _ *calls.Filter, after calls.Cursor, _ int) ([]calls.Placed, calls.Cursor, error) {
	<-ctx.Done()
	for _, order := range p.orders {
		c := calls.Placed{Call: &calls.Call{Refusal: &logfile.Record{Seq: order}}, Log: p.log, Merged: time.Unix(int64(order), 0)}
		if after.Before(&c) {
			page := []calls.Placed{c}
			return page, after.Next(page), ctx.Err()
		}
	}
	return nil, calls.Cursor{Merged: time.Unix(1, 0), Log: p.log, Order: 1, Seq: 1}, ctx.Err()
}

// TestPageOfADamagedLog: the calls before the fault come with it, on every page that reads so far.
func TestPageOfADamagedLog(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	ids := []string{l.Call(), l.Call(), l.Call()}
	l.Close()
	name := dir + "/" + logfile.SegmentName(1)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.Index(string(text), `"call":"`+ids[2])
	if err := os.WriteFile(name, append(text[:cut:cut], "x\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, p := range map[string]calls.Pager{"Scan": calls.Scan{Dir: dir}.Pager("a"), "Files": calls.Files{FS: os.DirFS(dir)}.Pager("a")} {
		page, _, err := p.Page(t.Context(), &calls.Filter{}, calls.Cursor{}, 5)
		if len(page) != 2 || page[0].ID() != ids[1] || err == nil {
			t.Errorf("%s: %d calls, %v", kind, len(page), err)
		}
	}
	both, err := calls.Several([]calls.Named{{Log: "a", Pager: calls.Scan{Dir: dir}.Pager("a")}, {Log: "b", Pager: calls.Scan{Dir: t.TempDir()}.Pager("b")}})
	if err != nil {
		t.Fatal(err)
	}
	page, _, err := both.Page(t.Context(), &calls.Filter{}, calls.Cursor{}, 5)
	if len(page) != 2 || !strings.Contains(fmt.Sprint(err), `log "a": `) || !strings.Contains(fmt.Sprint(err), `log "b": `) {
		t.Errorf("%d calls, %v", len(page), err)
	}
}

func TestPageIsCancelled(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Call()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	scan := calls.Scan{Dir: dir}.Pager("a")
	several, _ := calls.Several([]calls.Named{{Log: "a", Pager: scan}})
	for _, p := range []calls.Pager{scan, several} {
		if page, _, err := p.Page(ctx, &calls.Filter{}, calls.Cursor{}, 5); len(page) > 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d calls, %v", len(page), err)
		}
	}
}

// TestSeveralKnowsLogsByName: names are unique and bounded, and those of the calls.
func TestSeveralKnowsLogsByName(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Call()
	l.Close()
	named := func(log string) calls.Named { return calls.Named{Log: log, Pager: calls.Scan{Dir: dir}.Pager(log)} }
	var many []calls.Named
	for i := range calls.MaxLogs + 1 {
		many = append(many, named(fmt.Sprint(i)))
	}
	long := strings.Repeat("x", calls.MaxLogName+1)
	for name, list := range map[string][]calls.Named{"twice": {named("a"), named("b"), named("a")}, "too many": many, "too long": {named(long)}} {
		if _, err := calls.Several(list); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := named(long).Page(t.Context(), &calls.Filter{}, calls.Cursor{}, 1); err == nil {
		t.Error("a name that no cursor can hold is taken")
	}
	other, err := calls.Several([]calls.Named{{Log: "b", Pager: named("a").Pager}})
	if err != nil {
		t.Fatal(err)
	}
	if page, _, err := other.Page(t.Context(), &calls.Filter{}, calls.Cursor{}, 1); len(page) > 0 || err == nil {
		t.Errorf("calls of another log: %d, %v", len(page), err)
	}
}

// cursors are places of every kind.
func cursors() []calls.Cursor {
	at := time.Date(2026, 10, 3, 4, 5, 6, 789_000, time.UTC)
	return []calls.Cursor{
		{}, {Merged: at, Log: "a", Order: 9, Seq: 7}, {Log: "a", Order: math.MaxUint64, Seq: 7}, {Log: "", Order: 1, Seq: 1},
		{Merged: time.UnixMicro(math.MaxInt64).UTC(), Log: strings.Repeat("é", calls.MaxLogName/2), Order: math.MaxUint64 - 1, Seq: math.MaxUint64 - 1},
	}
}

func TestCursorText(t *testing.T) {
	for _, want := range cursors() {
		text := want.String()
		if got, err := calls.ParseCursor(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
			t.Errorf("%q has to be escaped in addresses", text)
		}
	}
	if got, want := cursors()[2].String(), "7.YQ"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseCursorRefuses(t *testing.T) {
	for _, text := range []string{
		"x", "~", ".", "7", "7.YQ~", "7.YQ~YQ.1", "07.YQ", "+7.YQ", "0.YQ", "7.YQ=", "7.YR", "7.Y\nQ", "1.9.7", "1.7.9.YQ",
		"1.18446744073709551615.9.YQ", "1.9.7.YQ.", "-62135596800000001.9.7.YQ", "1.9.18446744073709551616.YQ", " 7.YQ", strings.Repeat("7", 5000),
	} {
		if c, err := calls.ParseCursor(text); err == nil || len(err.Error()) > 200 {
			t.Errorf("%.50q is read as %+v, %v", text, c, err)
		}
	}
}

// FuzzParseCursor: what is read is written as it was, and is a place in which a page can begin.
func FuzzParseCursor(f *testing.F) {
	for _, c := range cursors() {
		f.Add(c.String())
	}
	f.Add("7.YR")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := calls.ParseCursor(text)
		if err != nil {
			if !reflect.DeepEqual(c, calls.Cursor{}) {
				t.Errorf("%q: %+v with an error", text, c)
			}
			return
		}
		if c.String() != text || c.Seq > c.Order || len(c.Log) > calls.MaxLogName {
			t.Errorf("%q is read as %+v", text, c)
		}
	})
}
