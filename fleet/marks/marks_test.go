package marks

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/replay"
)

// redis stands for a client.
type redis struct {
	ask func(q *fleet.Question) (any, error)
	fleet.Epoch
}

func (r *redis) Ask(_ context.Context, q *fleet.Question) (any, error) { return r.ask(q) }
func (r *redis) State() fleet.State                                    { return fleet.State{Up: true, Epoch: r.Epoch} }

var noon = time.Date(2026, 1, 2, 12, 0, 30, 0, time.UTC)

// TestOwnFirst: when Redis is asked, the member's own memory has the signature, so that it is uploaded if Redis loses it from then on.
func TestOwnFirst(t *testing.T) {
	own := replay.New(10)
	known := false
	m := New(&redis{ask: func(q *fleet.Question) (any, error) {
		for b := range own.Batches() {
			known = slices.Contains(b.Keys, replay.Key{1})
		}
		return taken, nil
	}}, own, false)
	if err := m.Mark(t.Context(), replay.Key{1}, noon, noon); err != nil || !known {
		t.Errorf("%v; its own memory had it: %v", err, known)
	}
}

// TestAnswers: only one answer means that a signature was taken. After any error its call does not go out, and with `without: local` none but
// that of the caller's own end refuses it.
func TestAnswers(t *testing.T) {
	failed := errors.New("failed")
	gone, leave := context.WithCancel(context.Background())
	leave()
	for _, c := range []struct {
		ctx         context.Context
		reply       any
		err         error
		want, local error
	}{
		{t.Context(), taken, nil, nil, nil},
		{t.Context(), used, nil, replay.ErrReplay, replay.ErrReplay},
		{t.Context(), "200000", nil, replay.ErrUnavailable, nil},
		{t.Context(), evicted, nil, replay.ErrUnavailable, nil},
		{t.Context(), nil, fleet.ErrAway, replay.ErrUnavailable, nil},
		{t.Context(), nil, fleet.ErrLate, replay.ErrUnavailable, nil},
		{t.Context(), nil, fleet.ErrIncomplete, replay.ErrUnavailable, nil},
		{t.Context(), taken, failed, replay.ErrUnavailable, nil},
		{gone, nil, context.Canceled, context.Canceled, context.Canceled},
	} {
		for _, local := range []bool{false, true} {
			want := c.want
			if local {
				want = c.local
			}
			m := New(&redis{ask: func(q *fleet.Question) (any, error) {
				if q.Complete == local {
					t.Error("asked with a complete epoch only, or not, as it should not be")
				}
				return c.reply, c.err
			}}, replay.New(10), local)
			if err := m.Mark(c.ctx, replay.Key{1}, noon, noon); !errors.Is(err, want) {
				t.Errorf("%v, %v, local %v: %v, want %v", c.reply, c.err, local, err, want)
			}
			if owed := m.Owed() == 1; owed != (local && c.want != nil && c.local == nil) {
				t.Errorf("%v, %v, local %v: owed %v", c.reply, c.err, local, owed)
			}
		}
	}
}

// TestDebtIsBounded: what has expired is not owed for ever while Redis is away.
func TestDebtIsBounded(t *testing.T) {
	m := New(&redis{ask: func(*fleet.Question) (any, error) { return nil, fleet.ErrAway }}, replay.New(1<<20), true)
	now := noon
	for i := range 100_000 {
		now = now.Add(time.Second)
		if err := m.Mark(t.Context(), replay.Key{byte(i), byte(i >> 8), byte(i >> 16)}, now, now); err != nil {
			t.Fatal(err)
		}
	}
	if valid := int(replay.Ends(now).Sub(now) / time.Second); m.Owed() > 3*valid+chunk {
		t.Errorf("%d are owed, of which %d are valid", m.Owed(), valid)
	}
}

// TestDebtIsPaid: a debt that cannot be paid stays whole, and what is added meanwhile is paid as well.
func TestDebtIsPaid(t *testing.T) {
	d, ends := newDebt(), map[replay.Key]time.Time{}
	add := func(i int) {
		k := replay.Key{byte(i), byte(i >> 8)}
		ends[k] = noon.Add(time.Duration(i+1) * time.Second)
		d.add(k, ends[k], noon)
	}
	for i := range 2*chunk + 7 {
		add(i)
	}
	paid := map[replay.Key]time.Time{}
	failing := errors.New("gone")
	upload := func(args ...any) error {
		if len(paid) >= chunk && failing != nil {
			return failing
		}
		for _, k := range args[1:] {
			paid[replay.Key(k.([]byte))] = time.UnixMilli(args[0].(int64))
		}
		if failing == nil && len(ends) < 3*chunk {
			add(len(ends))
		}
		return nil
	}
	if err := d.pay(upload); !errors.Is(err, failing) || len(d.owed) != chunk+7 {
		t.Errorf("%v; %d are owed", err, len(d.owed))
	}
	failing = nil
	if err := d.pay(upload); err != nil || len(d.owed) != 0 || len(ends) != 3*chunk {
		t.Errorf("%v; %d of %d are owed", err, len(d.owed), len(ends))
	}
	for k, ends := range ends {
		if paid[k].Before(ends) {
			t.Fatalf("a signature is kept until %v, not until %v", paid[k], ends)
		}
	}
}

// FuzzAnswer: what is not exactly an answer of the script is none.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{taken, used, evicted, "taken ", "TAKEN", "", "0", "150000", "150001", "-150001", "+200000", "0x30000", "200000ms", "99999999999999999999", "9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := strconv.ParseInt(text, 10, 64)
		skew := err == nil && strconv.FormatInt(n, 10) == text && (n > maxSkew.Milliseconds() || n < -maxSkew.Milliseconds()) &&
			(time.Duration(n)*time.Millisecond).Milliseconds() == n
		if good := text == taken || text == used || text == evicted || skew; (checkMark(text) == nil) != good {
			t.Errorf("%q: %v, want good: %v", text, checkMark(text), good)
		}
		m := New(&redis{ask: func(*fleet.Question) (any, error) { return text, nil }}, replay.New(1), false)
		if err := m.Mark(t.Context(), replay.Key{1}, noon, noon); (err == nil) != (text == taken) {
			t.Errorf("%q is answered %v", text, err)
		}
	})
}

// TestOtherAnswers: nor is what is no text.
func TestOtherAnswers(t *testing.T) {
	for _, reply := range []any{nil, int64(1), []any{"taken"}, errors.New("taken"), true} {
		if checkMark(reply) == nil {
			t.Errorf("%v is an answer", reply)
		}
	}
}

// TestWarnings names who is missing, and what happens meanwhile.
func TestWarnings(t *testing.T) {
	m := New(&redis{Epoch: fleet.Epoch{Number: 3, Missing: []string{"b", "c"}}}, replay.New(1), false)
	if w := m.Instead() + ": " + strings.Join(m.Lacking(), "; "); !strings.Contains(w, "refused: b, c have not") {
		t.Error(w)
	}
	m.Follow(true)
	if w := m.Instead() + ": " + strings.Join(m.Lacking(), "; "); !strings.Contains(w, "taken once by each member: b, c have not") {
		t.Error(w)
	}
}
