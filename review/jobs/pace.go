package jobs

import (
	"context"
	"time"
)

const (
	// restTimes is how many times as long as it worked a job rests: so it uses a fifth of one core.
	restTimes = 4
	// stretch is how long a job works at once: calls wait for a processor no longer than that, and timers are hardly more exact.
	stretch = time.Millisecond
	// mostWork is what counts as work at once: what took longer waited for a disk or for other processes.
	mostWork = 20 * time.Millisecond
)

// Pace holds work to a fifth of one core, also that of several goroutines: one of them works at a time. Work is measured as time that
// passes: when others take the processor as well, the rests grow with it.
type Pace struct {
	turn chan struct{} // has one token, which the one that works or rests has taken
	owed time.Duration // work since the last rest
}

func newPace() *Pace {
	p := &Pace{turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

// Do works, and rests when a stretch of work is over. A nil Pace does not rest.
func (p *Pace) Do(ctx context.Context, work func()) {
	if p == nil {
		work()
		return
	}
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	began := time.Now()
	work()
	p.rest(ctx, time.Since(began))
}

// Worked rests for work that was done outside of Do, by pieces as there. A nil Pace does not rest.
func (p *Pace) Worked(ctx context.Context, worked time.Duration) {
	if p == nil {
		return
	}
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	p.rest(ctx, worked)
}

// rest adds work that was done, and rests for it if it is a stretch.
func (p *Pace) rest(ctx context.Context, worked time.Duration) {
	p.owed += min(worked, mostWork)
	if p.owed < stretch {
		return
	}
	select {
	case <-time.After(restTimes * p.owed):
	case <-ctx.Done(): // the work ends soon
	}
	p.owed = 0
}

// Progress is how a job says how far it is, and where it rests.
type Progress struct {
	runner *Runner
	job    *Job
	pace   *Pace
}

// Report says how much is done, of how much in all; 0: that is not known. A nil Progress says nothing.
func (p *Progress) Report(done, total int64) {
	if p == nil {
		return
	}
	p.runner.mutex.Lock()
	defer p.runner.mutex.Unlock()
	p.job.Done, p.job.Total = done, total
}

// Do works as [Pace.Do] does. All that a job does much of is done in here, by pieces that take about a millisecond or less. A nil Progress
// does not rest.
func (p *Progress) Do(ctx context.Context, work func()) {
	if p == nil {
		work()
		return
	}
	p.pace.Do(ctx, work)
}
