// Package jobs runs the heavy work of pages: one job at a time in a process, at most a fifth of one core where calls are served beside it,
// with its progress, and ended on request. Jobs and their results are in memory only.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	maxWaiting = 8  // jobs that wait for the one that runs
	maxKept    = 32 // results
)

// ErrFull is returned when as many jobs wait as may.
var ErrFull = errors.New("too many jobs wait already")

// ErrClosed is returned once the runner is closed.
var ErrClosed = errors.New("the runner is closed")

// Work is what a job does. It reports its progress, which is also where it rests, and ends soon after ctx.
type Work func(ctx context.Context, p *Progress) (result any, err error)

// Job is the state of a job.
type Job struct {
	Name    string
	By      string    // who started it
	Asked   time.Time // when
	Began   time.Time // zero: it waits
	Ended   time.Time // zero: it has not
	Done    int64     // of Total, in the job's own unit
	Total   int64     // 0: not known
	Result  any       // of one that ended
	Err     error     // why it has no result
	Waiting int       // how many are before it

	work   Work
	ctx    context.Context
	cancel context.CancelFunc
}

// Cancelled reports whether it was cancelled before its end.
func (j *Job) Cancelled() bool { return errors.Is(j.Err, context.Canceled) }

// Runner runs jobs. Make it with [New]. Its methods may be called concurrently.
type Runner struct {
	now  func() time.Time
	pace *Pace

	mutex  sync.Mutex // guards what follows, and the jobs
	queue  []*Job     // the first one runs
	ended  []*Job     // the last of each name, the oldest first
	closed bool
	group  sync.WaitGroup
}

// New returns a runner. Paced ones use at most a fifth of one core. The caller must call Close.
func New(now func() time.Time, paced bool) *Runner {
	r := &Runner{now: now}
	if paced {
		r.pace = newPace()
	}
	return r
}

// Pace returns what holds work to its share of the processors; nil where nothing does.
func (r *Runner) Pace() *Pace { return r.pace }

// Start queues a job. If one of that name waits or runs already, it starts no other.
func (r *Runner) Start(name, by string, work Work) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case r.position(name) >= 0:
		return nil
	case len(r.queue) > maxWaiting:
		return ErrFull
	}
	j := &Job{Name: name, By: by, Asked: r.now(), work: work}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	if r.queue = append(r.queue, j); len(r.queue) == 1 {
		r.group.Go(r.run)
	}
	return nil
}

// run runs the jobs that are queued, and ends when there is none.
func (r *Runner) run() {
	for j := r.first(); j != nil; j = r.first() {
		result, err := r.do(j)
		j.cancel()
		r.end(j, result, err)
	}
}

// first returns the first job of the queue, as one that begins; nil if there is none.
func (r *Runner) first() *Job {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	r.queue[0].Began = r.now()
	return r.queue[0]
}

// do works. A panic of a job must not end the process, which may be one that serves calls.
func (r *Runner) do(j *Job) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("a fault of the program: %v", p)
		}
	}()
	if err := j.ctx.Err(); err != nil {
		return nil, err
	}
	return j.work(j.ctx, &Progress{r, j, r.pace})
}

func (r *Runner) end(j *Job, result any, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	j.Result = result
	r.queue = r.queue[1:]
	r.keep(j, err)
}

// keep adds a job that ended to the results. One that was cancelled does not replace the result of one before it.
func (r *Runner) keep(j *Job, err error) {
	j.Err, j.Ended, j.work = err, r.now(), nil
	if _, there := find(r.ended, j.Name); there && j.Cancelled() {
		return
	}
	r.ended = slices.DeleteFunc(r.ended, func(other *Job) bool { return other.Name == j.Name })
	r.ended = append(r.ended, j)
	r.ended = r.ended[max(0, len(r.ended)-maxKept):]
}

func find(jobs []*Job, name string) (*Job, bool) {
	i := slices.IndexFunc(jobs, func(j *Job) bool { return j.Name == name })
	if i < 0 {
		return nil, false
	}
	return jobs[i], true
}

func (r *Runner) position(name string) int {
	return slices.IndexFunc(r.queue, func(j *Job) bool { return j.Name == name })
}

// Current returns the job of a name that waits or runs; false if there is none.
func (r *Runner) Current(name string) (Job, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	i := r.position(name)
	if i < 0 {
		return Job{}, false
	}
	j := *r.queue[i]
	j.Waiting = i
	return j, true
}

// Last returns the job of a name that ended last; false if there is none, or if it was long ago.
func (r *Runner) Last(name string) (Job, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	j, ok := find(r.ended, name)
	if !ok {
		return Job{}, false
	}
	return *j, true
}

// Cancel ends the job of a name, if it waits or runs.
func (r *Runner) Cancel(name string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	i := r.position(name)
	if i < 0 {
		return
	}
	j := r.queue[i]
	j.cancel()
	if i > 0 { // it has not begun
		r.queue = slices.Delete(r.queue, i, i+1)
		r.keep(j, context.Canceled)
	}
}

// Close ends all jobs and waits for the one that runs.
func (r *Runner) Close() {
	r.mutex.Lock()
	r.closed = true
	for _, j := range r.queue {
		j.cancel()
	}
	r.mutex.Unlock()
	r.group.Wait()
}
