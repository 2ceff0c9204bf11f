// Package freezes shares the kill switch between the members of a fleet: what one stops all stop, within a heartbeat.
//
// Redis keeps the freezes by their ids, the ends of freezes for a month, and a version that rises with each change. When a heartbeat brings
// another version than its own, a member uploads all that it knows and reads all that there is, in one script ([Freezes.Run]). So does a
// member that joins. It puts in force what it lacks and records that in its own log, and lifts what has ended. Uploads are idempotent, and
// their order does not matter.
//
// # What is unclear stays frozen
//
// A freeze that Redis has lost is uploaded again by each member that has it. Only the end of a freeze lifts it, and an end that cannot be read
// lifts nothing. A freeze that cannot be read, since a newer version or someone else wrote it, stops all calls; so do more freezes than fit.
// Who can write to Redis can freeze, and can lift by an end that is well formed: Redis is trusted with that. Each member has such an end on
// record, with the member that it comes from, whose own record confirms it, and [Freezes.Lifts] names it for an hour. What others bring
// is bounded in its rate, so that logs are not filled that way; what is over it is stopped ([overflow]).
//
// # Who has confirmed
//
// The heartbeats of a member have the version that it has applied: all of it is in force, and each call that was between its
// last check and its first byte has moved on. [Freezes.Confirm] waits for that.
package freezes

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tollgate/fleet"
	"tollgate/freeze"
)

const (
	maxChanges       = 4 * freeze.Max // changes that others may bring at a time
	changesPerSecond = 1              // and on average
	rereadBeats      = 40             // heartbeats after which all is read again, though the version says that nothing has changed
)

// Client is the part of [fleet.Client] that is needed.
type Client interface {
	Ask(ctx context.Context, q *fleet.Question) (any, error)
	State() fleet.State
}

// Freezes is the part of the fleet that shares freezes. Create it with [New], add it to the client, and have it [Freezes.Run].
type Freezes struct {
	Options
	due chan struct{} // of one: there may be something to upload, to read or to do

	merging    sync.Mutex // one answer after the other, from its question on: an older one that is merged later would take back what has ended
	mutex      sync.Mutex
	moved      chan struct{}               // closed when something below changes, or a heartbeat comes
	jobs       []func(ctx context.Context) // for Run to begin
	underWay   int                         // jobs that have not ended, begun or not
	changes    uint64                      // how many there were here
	uploaded   uint64                      // how many of them Redis knows
	uploadedAs int64                       // the version that has them
	latest     int64                       // the version that the last heartbeat brought
	stale      bool                        // there is another version than merged
	merged     int64                       // the version whose freezes are in force; 0: to be read at the next heartbeat
	applied    int64                       // the version of which no call is passing any more either
	ended      ends
	lifting    map[string]end // by jobs
	problems   []string       // of the last version
	lifts      []lift         // by others, of late
	budget     *rate.Limiter  // of changes that others bring
	beats      int            // since all was read
}

// Options is what [Freezes] are made of.
type Options struct {
	Client Client
	Name   string         // of this member
	Switch *freeze.Switch // of this member; its Watcher is set
	// Await returns when no call that a freeze stops is between its last check and its first byte.
	Await func(ctx context.Context, f *freeze.Freeze) error
	Now   func() time.Time
	// Brought is called after a change that came over Redis; by says who has lifted a freeze. Optional.
	Brought func(happened freeze.Happening, f *freeze.Freeze, by string)
}

// New returns the freezes of a fleet. What is in force at the switch is uploaded for the others.
func New(o Options) *Freezes {
	f := &Freezes{
		Options: o, due: make(chan struct{}, 1), moved: make(chan struct{}),
		ended: ends{by: map[string]end{}}, lifting: map[string]end{}, budget: rate.NewLimiter(changesPerSecond, maxChanges),
	}
	o.Switch.Watcher, o.Switch.Spare = f, overflow
	return f
}

// Applied returns the version for the heartbeats: [fleet.Row].
func (f *Freezes) Applied() int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.applied
}

// Problems returns what of the fleet's freezes does not hold here, for operators.
func (f *Freezes) Problems() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Clone(f.problems)
}

// Began implements [freeze.Watcher].
func (f *Freezes) Began(all []freeze.Freeze) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.changes++
	for i := range all {
		f.later(func(ctx context.Context) { _ = f.Await(ctx, &all[i]) }) // it fails when the gateway stops
	}
	f.wake()
}

// Ended implements [freeze.Watcher]. A freeze whose time is over ends at each member by its own clock.
func (f *Freezes) Ended(of *freeze.Freeze, by, reason string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	e, brought := f.lifting[of.ID]
	switch {
	case of.ID == overflow:
		f.stale = f.stale || !brought // it begins again unless all fits
		f.wake()
	case brought:
		f.ended.add(e)
	case by != freeze.Expired:
		f.end(end{of.ID, by + " at " + f.Name, reason, f.Now().UTC().Round(time.Second)})
	}
}

// end remembers the end of a freeze, and has it uploaded. The mutex is held.
func (f *Freezes) end(e end) {
	f.changes++
	f.ended.add(e)
	f.wake()
}

// later adds a job. The mutex is held.
func (f *Freezes) later(job func(ctx context.Context)) {
	f.underWay++
	f.jobs = append(f.jobs, job)
}

// wake wakes Run, and those that wait. The mutex is held.
func (f *Freezes) wake() {
	select {
	case f.due <- struct{}{}:
	default:
	}
	close(f.moved)
	f.moved = make(chan struct{})
}

// Beat implements [fleet.Beater].
func (f *Freezes) Beat(b *fleet.Beat) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.latest = b.Freezes
	f.beats++
	f.stale = f.stale || f.latest != f.merged || f.beats >= rereadBeats
	f.wake()
}

// Run uploads and reads what has changed, until ctx ends.
func (f *Freezes) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	for {
		select {
		case <-f.due:
			for _, job := range f.takeJobs() {
				working.Go(func() {
					job(ctx)
					f.did()
				})
			}
			f.sync(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (f *Freezes) takeJobs() []func(context.Context) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	jobs := f.jobs
	f.jobs = nil
	return jobs
}

// did counts a job that has ended.
func (f *Freezes) did() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.underWay--
	f.apply()
	f.wake()
}

// apply says what has come to pass. The mutex is held.
func (f *Freezes) apply() {
	if f.underWay == 0 && f.merged != 0 {
		f.applied = f.merged
	}
}

// sync uploads and reads, if something is new here or in Redis. What fails is tried again at the next heartbeat.
func (f *Freezes) sync(ctx context.Context) {
	if !f.behind() {
		return
	}
	f.merging.Lock()
	defer f.merging.Unlock()
	q, changes := f.question()
	reply, err := f.Client.Ask(ctx, q)
	if err == nil {
		f.merge(reply, changes)
	}
}

// behind reports whether there is something new. A heartbeat that comes later may show that there is more.
func (f *Freezes) behind() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	stale := f.stale
	if stale {
		f.stale, f.beats = false, 0
	}
	return stale || f.uploaded != f.changes
}

// Join implements [fleet.Part].
func (f *Freezes) Join(ctx context.Context, s *fleet.Session) error {
	f.merging.Lock()
	defer f.merging.Unlock()
	q, changes := f.question()
	reply, err := s.Do(ctx, q.Script, q.Args...)
	if err == nil {
		err = q.Check(reply)
	}
	if err != nil {
		return fmt.Errorf("freezes: %w", err)
	}
	f.merge(reply, changes)
	return nil
}
