package journal

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
	"tollgate/ratelimit"
	"tollgate/spend"
)

// day is a window.
const day = 24 * time.Hour

// written is a log of tests: all that is added is durable at once, but for the last records that lag.
type written struct {
	*testlog.Log
	dir    string
	lag    uint64
	refuse error
	// meanwhile is called, if it is set, when the next event is not durable yet.
	meanwhile func()
}

func newLog(t testing.TB) *written {
	dir := t.TempDir()
	l := &written{Log: testlog.New(dir, nil), dir: dir}
	l.Flush()
	return l
}

func (l *written) Status() audit.Status {
	return audit.Status{LastSeq: l.Seq, DurableSeq: l.Seq - l.lag}
}

func (l *written) add(r *logfile.Record) *logfile.Record {
	l.Add(r)
	l.Flush()
	return r
}

func (l *written) Queue(r *logfile.Record) error {
	if l.refuse != nil {
		return l.refuse
	}
	l.add(r)
	return nil
}

func (l *written) Event(_ context.Context, r *logfile.Record) error {
	r.Kind = logfile.KindEvent
	err := l.Queue(r)
	if do := l.meanwhile; do != nil {
		l.meanwhile = nil
		do()
	}
	return err
}

func digest(name string) (d spend.Digest) {
	sum := sha256.Sum256([]byte(name))
	copy(d[:], sum[:])
	return d
}

// claim is what a call asks for that pays orders, of a cap by day.
func claim(call string, orders ...string) *spend.Claim {
	c := &spend.Claim{Call: call, Caller: "shop", Act: "pay"}
	for _, order := range orders {
		c.Keys = append(c.Keys, spend.Key{Digest: digest(order), Window: 31 * day})
	}
	c.Charges = []spend.Charge{{Cap: &spend.Cap{Name: "daily", Definition: "per caller"}, Counted: "shop", Period: "2026-10-03", Currency: "CNY", Amount: 99_9900}}
	return c
}

const macKey = "00112233445566ff"

func (l *written) intent(c *spend.Claim) *logfile.Record {
	r := &logfile.Record{
		Kind: logfile.KindIntent, Call: c.Call, Caller: c.Caller, Operation: "PayOrders", Effect: "spend", Credential: "acme", MACKey: macKey, Spending: new(logfile.Spending),
	}
	Describe(r.Spending, c)
	return l.add(r)
}

func (l *written) outcome(call, outcome string, released ...int) *logfile.Record {
	r := &logfile.Record{Kind: logfile.KindOutcome, Call: call, Effect: "spend", Outcome: outcome}
	if released != nil {
		r.Spending = &logfile.Spending{Released: released}
	}
	return l.add(r)
}

// options are those of a journal of the log, at the time of its last record.
func (l *written) options() Options {
	at := testlog.Start.Add(time.Duration(l.Seq) * l.Step)
	return Options{
		Dir: l.dir, Log: l, MAC: hmac.New(sha256.New, []byte("the log's")), MACKey: macKey, Ledger: spend.NewMemory(), Longest: 31 * day,
		Now: func() time.Time { return at },
	}
}

func opened(t testing.TB, o Options) *Journal {
	t.Helper()
	j := New(o)
	if err := j.Open(t.Context(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return j
}

func (j *Journal) mustSave(t testing.TB) {
	t.Helper()
	if err := j.save(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// held is what a start knows: of each order that is held by which call and with which outcome.
func held(t testing.TB, j *Journal, orders ...string) (all []string) {
	t.Helper()
	for i, order := range orders {
		_, err := j.o.Ledger.Reserve(t.Context(), func() *spend.Claim {
			c := claim(fmt.Sprint("probe-", i), order)
			c.At, c.Charges = j.o.Now(), nil
			return c
		}())
		var h *spend.HeldError
		switch {
		case errors.As(err, &h):
			all = append(all, order+" "+h.Call+" "+h.Outcome)
		case err != nil:
			t.Fatal(err)
		default:
			j.o.Ledger.Release(fmt.Sprint("probe-", i))
		}
	}
	return all
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("held: %q, want %q", got, want)
	}
}

// TestDescribe: what stands in an intent is read back as it was.
func TestDescribe(t *testing.T) {
	c := claim("a", "CS1", "CS2")
	c.At, c.Repeats = testlog.Start, "b"
	c.Keys = append(c.Keys, spend.Key{Digest: digest("x"), Window: 0}, spend.Key{Digest: digest("y"), Window: 10 * time.Minute}, spend.Key{Digest: digest("z"), Window: 10 * time.Minute})
	c.Charges = append(c.Charges, spend.Charge{Cap: &spend.Cap{Name: "calls", Definition: "d"}, Amount: 2, Period: "2026-10"},
		spend.Charge{Cap: &spend.Cap{Name: "each", Definition: "d"}, Currency: "USD", Amount: 1, Unpriced: true},
		spend.Charge{Cap: &spend.Cap{Name: "coupons", Definition: "d"}, Currency: "CNY", Amount: 256 * spend.MaxMoney}) // of 256 customers
	r := logfile.Record{Kind: logfile.KindIntent, Caller: c.Caller, Spending: new(logfile.Spending)}
	Describe(r.Spending, c)
	if n := len(r.Spending.Keys); n != 3 {
		t.Errorf("%d groups of keys", n)
	}
	var read logfile.Record
	if err := logfile.ParseLine(r.Append(nil), &read); err != nil {
		t.Fatal(err)
	}
	got, err := claimOf(&read, c.Call, c.At)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v\nwant %+v", got, err, c)
	}
}

// TestRecordsOfOtherVersions: what cannot be read is no reason to hold less. The ledger stays unavailable.
func TestRecordsOfOtherVersions(t *testing.T) {
	for name, change := range map[string]func(*logfile.Spending){
		"a key":      func(s *logfile.Spending) { s.Keys[0].MACs[0] = "x" },
		"a window":   func(s *logfile.Spending) { s.Keys[0].Window = maxWindow + 1 },
		"an amount":  func(s *logfile.Spending) { s.Caps[0].Amount = "1.23456" },
		"a count":    func(s *logfile.Spending) { s.Caps[0].Currency = "" },
		"a nameless": func(s *logfile.Spending) { s.Caps[0].Cap = "" },
	} {
		l := newLog(t)
		r := &logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend", MACKey: macKey, Spending: new(logfile.Spending)}
		Describe(r.Spending, claim("a", "CS1"))
		change(r.Spending)
		l.add(r)
		o := l.options()
		j := New(o)
		err := j.Open(t.Context(), func() error { return nil })
		if err == nil || !strings.Contains(err.Error(), "record 4") || o.Ledger.Available() == nil || j.State().Ready || j.State().Err == nil || j.NeededFrom() != 1 {
			t.Errorf("%s: %v, %+v", name, err, j.State())
		}
	}
}

// calls writes calls of each outcome, and returns what is held by them.
func calls(l *written) []string {
	l.intent(claim("a", "CS1"))
	l.outcome("a", logfile.Succeeded)
	l.intent(claim("b", "CS2"))
	l.outcome("b", logfile.Failed)
	l.intent(claim("c", "CS3"))
	l.outcome("c", logfile.Unknown)
	l.intent(claim("d", "CS4", "CS5"))
	l.Calls(3) // which hold nothing
	l.outcome("d", logfile.Partial, 0)
	l.intent(claim("e", "CS6"))
	l.outcome("e", logfile.NotSent)
	l.intent(claim("f", "CS7"))
	return []string{"CS1 a succeeded", "CS3 c unknown", "CS5 d partial", "CS7 f "}
}

var orders = []string{"CS1", "CS2", "CS3", "CS4", "CS5", "CS6", "CS7", "CS8"}

// used is what is used of a cap.
func used(j *Journal, name string) (n spend.Money) {
	for _, c := range j.o.Ledger.Snapshot().Counts {
		if c.Cap == name {
			n += c.Used
		}
	}
	return n
}

// TestStart takes what calls hold from the file, and from the log.
func TestStart(t *testing.T) {
	l := newLog(t)
	all := calls(l)
	j := opened(t, l.options())
	if s := j.State(); !s.Ready || !strings.Contains(s.Rebuilt, "there is no such file") || s.Read == 0 || s.Read != s.Total || s.Seq != 0 {
		t.Errorf("without a file: %+v", s)
	}
	want(t, held(t, j, orders...), all...)
	if n := used(j, "daily"); n != 4*99_9900 {
		t.Errorf("%v is used", n)
	}
	j.mustSave(t)
	if info, err := os.Stat(j.file()); err != nil || info.Mode() != 0o600 || j.State().Seq != l.Seq || j.State().Saved != j.o.Now() {
		t.Errorf("%v, %v, %+v", info, err, j.State())
	}
	l.outcome("f", logfile.Succeeded)
	l.intent(claim("g", "CS8"))
	all[3] = "CS7 f succeeded"
	next := opened(t, l.options())
	if s := next.State(); s.Rebuilt != "" {
		t.Errorf("with a file: %+v", s)
	}
	want(t, held(t, next, orders...), append(all, "CS8 g ")...)
	if n := used(next, "daily"); n != 5*99_9900 {
		t.Errorf("%v is used", n)
	}
	if got := next.NeededFrom(); got >= j.NeededFrom()+100 || got > 9 {
		t.Errorf("record %d and those behind it are needed, but call c is unknown", got)
	}
}

// TestOnlyDurable: what a crash may take away again is not in the file.
func TestOnlyDurable(t *testing.T) {
	l := newLog(t)
	calls(l)
	l.lag = 3 // the intent of call f is among them
	j := opened(t, l.options())
	for range 2 {
		j.mustSave(t)
		if seq := j.State().Seq; seq != l.Seq-3 {
			t.Errorf("the file ends with record %d of %d", seq, l.Seq)
		}
	}
	l.lag = 0
	j.mustSave(t)
	if seq := j.State().Seq; seq != l.Seq {
		t.Errorf("the file ends with record %d of %d", seq, l.Seq)
	}
}

// flipped changes one bit of a file.
func flipped(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at*(len(b)-1)/100] ^= 1
		return b
	}
}

// TestFileIsNotUsed: a file that does not belong to the log as it is, is as good as none.
func TestFileIsNotUsed(t *testing.T) {
	same := func(b []byte) []byte { return b }
	key := func(secret string) func(*Options) {
		return func(o *Options) { o.MAC = hmac.New(sha256.New, []byte(secret)) }
	}
	type test struct {
		why    string
		change func([]byte) []byte
		other  func(*Options)
	}
	tests := map[string]test{
		"empty":            {"no such file, or of another version", func([]byte) []byte { return nil }, nil},
		"another version":  {"of another version", func(b []byte) []byte { return append([]byte("tollgate spend state 2\n"), b[len(title):]...) }, nil},
		"another key":      {"not signed by the key of this log", same, key("of another log")},
		"another hash key": {"another hash key", same, func(o *Options) { o.MACKey = "ff" }},
		"something behind": {"not signed", func(b []byte) []byte { return append(b, ' ') }, nil},
	}
	for at := 10; at <= 100; at += 9 {
		tests[fmt.Sprint("cut at ", at)] = test{"", func(b []byte) []byte { return b[:at*(len(b)-1)/100] }, nil}
		tests[fmt.Sprint("flipped at ", at)] = test{"", flipped(at), nil}
	}
	for name, c := range tests {
		l := newLog(t)
		all := calls(l)
		j := opened(t, l.options())
		j.mustSave(t)
		data, err := os.ReadFile(j.file())
		if err == nil {
			err = os.WriteFile(j.file(), c.change(data), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		o := l.options()
		if c.other != nil {
			c.other(&o)
		}
		next := opened(t, o)
		if s := next.State(); s.Rebuilt == "" || !strings.Contains(s.Rebuilt, c.why) || !strings.Contains(s.Rebuilt, FileName) {
			t.Errorf("%s: rebuilt since %q", name, s.Rebuilt)
		}
		if o.MACKey == macKey {
			want(t, held(t, next, orders...), all...)
		}
	}
}

// TestFileOfAnotherLog: the record with which the file ends is not there, or another one.
func TestFileOfAnotherLog(t *testing.T) {
	l := newLog(t)
	calls(l)
	opened(t, l.options()).mustSave(t)
	for name, other := range map[string]func(*written){
		"shorter":       func(o *written) {},
		"other, longer": func(o *written) { o.Calls(100) },
		"cut and gone on": func(o *written) { // all but the last record is the same
			calls(o)
		},
	} {
		o := &written{Log: testlog.New(t.TempDir(), nil)}
		o.dir = t.TempDir()
		o.Log = testlog.New(o.dir, nil)
		o.intent(claim("x", "CS8"))
		other(o)
		o.Flush()
		data, err := os.ReadFile(filepath.Join(l.dir, FileName))
		if err == nil {
			err = os.WriteFile(filepath.Join(o.dir, FileName), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		j := opened(t, o.options())
		if s := j.State(); !strings.Contains(s.Rebuilt, "record") {
			t.Errorf("%s: %+v", name, s)
		}
		want(t, held(t, j, "CS8"), "CS8 x ")
	}
}

// TestFileOfAnotherLine: the record stands in its place, and is another one.
func TestFileOfAnotherLine(t *testing.T) {
	l := newLog(t)
	calls(l)
	opened(t, l.options()).mustSave(t)
	name := filepath.Join(l.dir, logfile.SegmentName(1))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(text, []byte(`"caller":"shop"`))
	text[at+len(`"caller":"`)] = 'S'
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := opened(t, l.options()).State(); !strings.Contains(s.Rebuilt, "is another one") {
		t.Errorf("%+v", s)
	}
}

// TestFileAndLogAgree: after any calls, what a file of any record and the records behind it say is what all records say, to the byte.
func TestFileAndLogAgree(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := newLog(t)
		j := opened(t, l.options())
		var open []string
		for i := range 200 {
			switch n := rng.IntN(10); {
			case n < 4:
				call := fmt.Sprintf("call-%d", i)
				c := claim(call, fmt.Sprint("CS", rng.IntN(20)), fmt.Sprint("CS", 20+rng.IntN(20)))
				l.intent(c)
				open = append(open, call)
			case n < 7 && len(open) > 0:
				at := rng.IntN(len(open))
				l.outcome(open[at], []string{logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.NotSent, logfile.Unknown}[rng.IntN(5)], rng.IntN(2))
				open = append(open[:at], open[at+1:]...)
			case n == 7:
				for call, s := range j.fold.open {
					if s.Unknown {
						if err := j.o.Log.Event(t.Context(), &logfile.Record{Event: logfile.EventResolved, Subject: call, Data: map[string]string{dataOutcome: logfile.Succeeded}}); err != nil {
							t.Fatal(err)
						}
						break
					}
				}
			case n == 8:
				j.mustSave(t)
			case rng.IntN(5) == 0:
				l.Rotate()
				l.Flush()
			}
		}
		next := opened(t, l.options())
		if next.State().Rebuilt != "" {
			t.Error(next.State().Rebuilt)
		}
		if err := os.Remove(next.file()); err != nil {
			t.Fatal(err)
		}
		last := l.options()
		rebuilt := opened(t, last)
		if err := errors.Join(next.save(t.Context()), rebuilt.save(t.Context())); err != nil { // each has stated again what is unknown
			t.Fatal(err)
		}
		for _, j := range []*Journal{next, rebuilt} {
			if err := j.follow(t.Context(), j.fold, l.Seq); err != nil {
				t.Fatal(err)
			}
		}
		a, errA := sealed(next.fold.state(), last.MAC)
		b, errB := sealed(rebuilt.fold.state(), last.MAC)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Fatalf("seed %d:\n%s\n%s\n%v %v", seed, a, b, errA, errB)
		}
	}
}

// TestAvailable: the ledger reserves nothing before it knows what is held, and nothing at all where the caller objects.
func TestAvailable(t *testing.T) {
	l := newLog(t)
	calls(l)
	o := l.options()
	j := New(o)
	if err := o.Ledger.Available(); !errors.Is(err, spend.ErrUnavailable) || j.NeededFrom() != 1 {
		t.Errorf("%v, needed from %d", err, j.NeededFrom())
	}
	objection := errors.New("cap \"daily\" counts otherwise")
	if err := j.Open(t.Context(), func() error {
		if o.Ledger.Available() == nil || len(o.Ledger.Snapshot().Calls) != 4 {
			t.Error("it is asked too late, or too early")
		}
		return objection
	}); err != objection || o.Ledger.Available() == nil || j.State().Ready || j.State().Err != objection {
		t.Errorf("%v, %+v", err, j.State())
	}
	if err := j.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(j.file()); err == nil {
		t.Error("the file was written")
	}
}

// TestRun: a file that cannot be replaced is reported once, and replaced as soon as it can be. Calls wait for none of it.
func TestRun(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	inTheWay := j.file() + ".tmp"
	if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended, failures := make(chan time.Time), make(chan struct{}), 0
	go func() {
		defer close(ended)
		j.Run(ctx, ticks, func(error) { failures++ })
	}()
	tick := func() State {
		ticks <- time.Time{}
		ticks <- time.Time{} // the first is done
		return j.State()
	}
	if s := tick(); s.Err == nil || !s.Ready || s.Seq != 0 || j.o.Ledger.Available() != nil {
		t.Errorf("while it fails: %+v", s)
	}
	if err := os.Rename(inTheWay, inTheWay+".old"); err != nil {
		t.Fatal(err)
	}
	if s := tick(); s.Err != nil || s.Seq != l.Seq {
		t.Errorf("when it can be replaced: %+v", s)
	}
	cancel()
	if <-ended; failures != 1 {
		t.Errorf("%d failures are reported", failures)
	}
}

// TestCalendarCounts outlive a start with and without the file, and no call is lost.
func TestCalendarCounts(t *testing.T) {
	limiter := func() *ratelimit.Limiter {
		rules, err := ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{Name: "app", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Quota: ratelimit.Quota{Calls: 1000, Period: ratelimit.Day}}}})
		if err != nil {
			t.Fatal(err)
		}
		l := ratelimit.NewLimiter()
		l.Follow(rules)
		return l
	}
	l := newLog(t)
	read := func(call string, at time.Time) {
		l.add(&logfile.Record{Kind: logfile.KindIntent, Call: call, Caller: "shop", Effect: "read", Operation: "ListOrders", Time: at})
	}
	now := time.Now()
	read("old", now.AddDate(0, 0, -2))
	read("a", now)
	read("b", now)
	counted := func(o Options) int {
		if n := o.Limits.CalendarCounts(); len(n) == 1 {
			return n[0].Calls
		}
		return 0
	}
	o := l.options()
	o.Limits, o.Now = limiter(), time.Now
	j := New(o)
	read("meanwhile", now) // counted by the limiter itself
	o.Limits.Recall(ratelimit.Subject{Caller: "shop"}, now)
	if err := j.Open(t.Context(), func() error { return nil }); err != nil || counted(o) != 3 {
		t.Errorf("rebuilt: %d calls, want 3, %v", counted(o), err)
	}
	j.mustSave(t)
	read("c", now)
	o = l.options()
	o.Limits, o.Now = limiter(), time.Now
	if j = opened(t, o); counted(o) != 4 || j.State().Rebuilt != "" {
		t.Errorf("by the file: %d calls, want 4, %+v", counted(o), j.State())
	}
}

// removed removes a file that may not be there.
func removed(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// BenchmarkPassedOver is what the journal costs for each record of a call that holds nothing.
func BenchmarkPassedOver(b *testing.B) {
	l := newLog(b)
	const n = 10_000
	l.Calls(n / 2)
	l.Flush()
	o := l.options()
	b.ReportAllocs()
	for b.Loop() {
		o.Ledger = spend.NewMemory()
		opened(b, o)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
