package review

import (
	"context"
	"errors"
	"iter"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
)

// periodData is what the page of a period shows, in no language.
type periodData struct {
	covered   []logCoverage // one for each log
	ticks     [][][]int     // by log, slot and what happened
	sums      *periodSums   // nil: there was not enough time
	customers *calls.Report // nil: there was not enough time, or they are as many as calls
	read      *callsRead    // nil: calls were not read
}

// callsRead is what only the calls themselves say.
type callsRead struct {
	caps     []*capUse // the fullest
	moreCaps int       // that are not among them
	tls      map[tlsUse]uint64
}

// newPeriodView returns a view without data.
func newPeriodView(r *request, logs evidence.Logs, period Period) *periodView {
	return &periodView{
		request: r, logs: logs, period: period, slots: slotsOf(period), filter: calls.Filter{Since: period.Since, Until: period.Until},
		do: func(work func()) { work() },
	}
}

// readAtOnce is how many calls are read for a page at once, and added up by customer, of whom there may be as many: a fraction of a second's
// work. More of them are a job.
const readAtOnce = 10_000

// collect reads what the page is made of, but for calls if they are many.
func (v *periodView) collect(ctx context.Context, many bool) error {
	if err := errors.Join(v.coverage(ctx), v.countTicks(ctx)); err != nil {
		return err
	}
	sums, err := v.addUp(ctx)
	if err != nil {
		return err
	}
	v.sums = sums
	if n := sums.total.Total().Calls; !many && n > readAtOnce {
		return nil
	}
	v.do(func() { v.customers, err = v.logs.Report(ctx, &v.filter, calls.ByCustomer) })
	if err != nil {
		return err
	}
	return v.readCalls(ctx)
}

// readCalls reads the calls of the period.
func (v *periodView) readCalls(ctx context.Context) error {
	uses, tls, done, all := map[capCount]*capUse{}, map[tlsUse]uint64{}, int64(0), int64(v.sums.total.Total().Calls)
	for _, l := range v.logs {
		limits := limits{FS: l.FS}
		for c, err := range v.each(ctx, l) {
			if err != nil {
				return err
			}
			v.do(func() { chargeCaps(uses, c, &limits); countTLS(tls, c) })
			if done++; v.progress != nil && done%100 == 0 {
				v.progress(done, all)
			}
		}
	}
	v.read = &callsRead{tls: tls}
	v.read.caps, v.read.moreCaps = fullest(uses)
	return nil
}

var errStop = errors.New("stop")

// each iterates over the calls of the period, each of which is read in a piece of work of its own.
func (v *periodView) each(ctx context.Context, l *evidence.Log) iter.Seq2[*calls.Call, error] {
	all := func(yield func(*calls.Call, error) bool) {
		err := l.Source().Calls(ctx, &v.filter, func(c *calls.Call) error {
			if !yield(c, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
	return func(yield func(*calls.Call, error) bool) {
		next, stop := iter.Pull2(all)
		defer stop()
		for {
			var c *calls.Call
			var err error
			more := false
			v.do(func() { c, err, more = next() })
			if !more || !yield(c, err) {
				return
			}
		}
	}
}

// reading is what a page says of the job that reads calls.
type reading struct {
	Calls   uint64 // that are to be read; zero: they were read for the page
	Current *jobView
	At      time.Time // when the job read them; zero: none has
	To      []words.Part
	Error   string

	Address, Read, Cancel string // of the page, and of what starts and ends the job
}

// jobName is the name of the job that reads the calls of the period.
func (v *periodView) jobName() string { return "period " + v.period.Text + " " + v.zone.String() }

// lookAt collects what there is time for, and takes the rest from a job that has read it.
func (s *Server) lookAt(v *periodView) (*reading, error) {
	ctx, cancel := v.limited()
	defer cancel()
	err := v.collect(ctx, false)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if v.read != nil {
		return nil, nil
	}
	r := &reading{Address: v.address(""), Read: v.address("/read"), Cancel: v.address("/cancel")}
	if v.sums != nil {
		r.Calls = v.sums.total.Total().Calls
	}
	if j, ok := s.config.Jobs.Current(v.jobName()); ok {
		r.Current = v.jobView(j)
	}
	if last, ok := s.config.Jobs.Last(v.jobName()); ok && !last.Cancelled() {
		v.take(r, &last)
	}
	return r, nil
}

// take takes what a job has read.
func (v *periodView) take(r *reading, j *jobs.Job) {
	if j.Err != nil {
		r.Error = j.Err.Error()
		return
	}
	data := j.Result.(*periodData)
	if r.At = j.Ended.In(v.zone); v.sums == nil {
		v.periodData = *data
	}
	v.read, v.customers = data.read, data.customers
	for i := range data.covered {
		r.To = append(r.To, v.words.Said("period.to_record", "Log", data.covered[i].log.Name, "To", grouped(data.covered[i].Last))...)
	}
}

// startReading starts the job that reads the calls of a period, and cancelReading ends it; both lead back to the page.
func (s *Server) startReading(r *request) (*page, error) {
	v, err := s.periodView(r)
	if err != nil {
		return nil, err
	}
	work := func(ctx context.Context, p *jobs.Progress) (any, error) {
		v := newPeriodView(&request{zone: r.zone, now: r.now}, s.config.Logs, v.period)
		v.do, v.progress = func(work func()) { p.Do(ctx, work) }, p.Report
		err := v.collect(ctx, true)
		return &v.periodData, err
	}
	if err := s.config.Jobs.Start(v.jobName(), r.person.Name, work); err != nil {
		return nil, jobFailure(err)
	}
	return r.redirect(v.address("")), nil
}

func (s *Server) cancelReading(r *request) (*page, error) {
	v, err := s.periodView(r)
	if err != nil {
		return nil, err
	}
	s.config.Jobs.Cancel(v.jobName())
	return r.redirect(v.address("")), nil
}
