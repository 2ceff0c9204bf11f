package review

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tollgate/audit"
	"tollgate/audit/verify"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
)

// refreshSeconds is after how long a page is loaded again while a job of it runs.
const refreshSeconds = 5

// verifyJob is the name of the job that verifies a log.
func verifyJob(l *evidence.Log) string { return "verify/" + l.Name }

// verification is what is known of verifying a log.
type verification struct {
	Log     string
	Current *jobView // that waits or runs
	Ended   time.Time
	Error   string // why it did not end
	Stopped bool   // it was cancelled
	Report  *verify.Report
	Keys    int // how many keys the reviewer named
	Faults  []faultView
}

// Runs reports whether a verification waits or runs.
func (v *verification) Runs() bool { return v.Current != nil }

// jobView is a job that waits or runs.
type jobView struct {
	jobs.Job
	Asked   time.Time
	Percent int64
}

// faultView is a fault of a log.
type faultView struct {
	verify.Fault
	Means string // id of the message that says what faults of its kind mean
}

// faultKinds are the kinds of faults that a verification finds, for which there are messages.
var faultKinds = []string{
	verify.FaultLine, verify.FaultOrder, verify.FaultMissing, verify.FaultCut, verify.FaultRoot, verify.FaultPeaks, verify.FaultSignature, verify.FaultKey,
	verify.FaultCommit, verify.FaultCall, verify.FaultStop, verify.FaultPruned, verify.FaultState, verify.FaultPlan, verify.FaultUnsigned, verify.FaultTail,
	verify.FaultCheckpoint,
}

func (r *request) jobView(j jobs.Job) *jobView {
	v := &jobView{Job: j, Asked: j.Asked.In(r.zone)}
	if j.Total > 0 {
		v.Percent = 100 * min(j.Done, j.Total) / j.Total
	}
	return v
}

// verification returns what is known of verifying a log.
func (s *Server) verification(r *request, l *evidence.Log) verification {
	v := verification{Log: l.Name, Keys: len(l.Keys)}
	if j, ok := s.config.Jobs.Current(verifyJob(l)); ok {
		v.Current = r.jobView(j)
	}
	last, ok := s.config.Jobs.Last(verifyJob(l))
	if !ok {
		return v
	}
	v.Ended = last.Ended.In(r.zone)
	if v.Stopped = last.Cancelled(); v.Stopped {
		return v
	}
	if last.Err != nil {
		v.Error = last.Err.Error()
		return v
	}
	v.Report = last.Result.(*verify.Report)
	for _, f := range v.Report.Faults {
		v.Faults = append(v.Faults, faultView{f, "log.fault_" + f.Kind})
	}
	return v
}

// state says in a sentence what is known of a log since these pages started.
func (v *verification) state(w *words.Words) []words.Part {
	switch {
	case v.Report == nil:
		return w.Said("frame.log_not_verified")
	case v.Report.Whole():
		return w.Said("frame.log_verified", "To", grouped(v.Report.Last), "At", v.Ended.Format(minuteFormat))
	}
	return w.Said("frame.log_faults", "Count", v.Report.FaultCount, "Faults", grouped(v.Report.FaultCount), "At", v.Ended.Format(minuteFormat))
}

const minuteFormat = "2006-01-02 15:04"

// startVerify starts a verification, and cancelVerify ends one; both lead back to the page.
func (s *Server) startVerify(r *request) (*page, error) {
	l, err := s.logNamed(r)
	if err != nil {
		return nil, err
	}
	work := func(ctx context.Context, p *jobs.Progress) (any, error) { return verifyLog(ctx, l, p, s.config.Clock) }
	if err := s.config.Jobs.Start(verifyJob(l), r.person.Name, work); err != nil {
		return nil, jobFailure(err)
	}
	return r.redirect("/log"), nil
}

func (s *Server) cancelVerify(r *request) (*page, error) {
	l, err := s.logNamed(r)
	if err != nil {
		return nil, err
	}
	s.config.Jobs.Cancel(verifyJob(l))
	return r.redirect("/log"), nil
}

// jobFailure says why a job could not be started.
func jobFailure(err error) error {
	if errors.Is(err, jobs.ErrFull) {
		return &failure{http.StatusServiceUnavailable, "failed.jobs_full", nil}
	}
	return err
}

// maxForm bounds the body of a form.
const maxForm = 4 << 10

// logNamed returns the log that a form names.
func (s *Server) logNamed(r *request) (*evidence.Log, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if l := s.config.Logs.Named(r.PostFormValue("log")); l != nil {
		return l, nil
	}
	return nil, errNotFound
}

// verifyLog verifies a log with the keys of the reviewer, if there are any, and otherwise its own.
func verifyLog(ctx context.Context, l *evidence.Log, p *jobs.Progress, clock func() time.Time) (*verify.Report, error) {
	o := verify.Options{
		Keys: l.Keys, Blobs: l.Blobs, Ends: l.Ends, Bundle: l.Dir == "", Progress: p.Report,
		Do: func(work func()) { p.Do(ctx, work) },
	}
	if l.Dir != "" {
		o.InUse, o.Now = func() (bool, error) { return audit.InUse(l.Dir) }, clock
	}
	return verify.Verify(ctx, l.FS, o)
}
