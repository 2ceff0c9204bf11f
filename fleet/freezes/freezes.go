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
// Who can write to Redis can freeze, and can lift by an end that is well formed: Redis is trusted with that.
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

	"tollgate/fleet"
	"tollgate/freeze"
)

// Client is the part of [fleet.Client] that is needed.
type Client interface {
	Ask(ctx context.Context, q *fleet.Question) (any, error)
	State() fleet.State
}

// Freezes is the part of the fleet that shares freezes. Create it with [New], add it to the client, and have it [Freezes.Run].
type Freezes struct {
	Options
	due    chan struct{} // of one: there may be something to upload, to read or to do
	joined chan struct{} // closed when the freezes of the fleet are in force for the first time
	join   sync.Once

	mutex    sync.Mutex
	moved    chan struct{}               // closed when something below changes, or a heartbeat comes
	jobs     []func(ctx context.Context) // for Run to begin
	underWay int                         // jobs that have not ended, begun or not
	changes  uint64                      // how many there were here
	told     uint64                      // how many of them Redis knows
	toldAs   int64                       // the version that has them
	latest   int64                       // the version that the last heartbeat brought
	stale    bool                        // there is another version than merged
	merged   int64                       // the version whose freezes are in force; 0: to be read at the next heartbeat
	applied  int64                       // the version of which no call is passing any more either
	ended    ends
	lifting  map[string]bool // ids, by jobs
	problems []string        // of the last version
}

// Options is what [Freezes] are made of.
type Options struct {
	Client Client
	Name   string         // of this member
	Switch *freeze.Switch // of this member; its Watcher is set
	// Await returns when no call that a freeze stops is between its last check and its first byte.
	Await func(ctx context.Context, f *freeze.Freeze) error
	Now   func() time.Time
}

// New returns the freezes of a fleet. What is in force at the switch is told to the others.
func New(o Options) *Freezes {
	f := &Freezes{
		Options: o, due: make(chan struct{}, 1), joined: make(chan struct{}), moved: make(chan struct{}),
		ended: ends{by: map[string]end{}}, lifting: map[string]bool{},
	}
	o.Switch.Watcher = f
	return f
}

// Joined returns a channel that is closed when the freezes of the fleet are in force for the first time.
func (f *Freezes) Joined() <-chan struct{} { return f.joined }

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

// Room returns an error if another freeze should not begin here: one place is kept for the freeze of all calls that stands for what does
// not fit.
func (f *Freezes) Room() error {
	if n := len(f.Switch.Gate().Set().List()); n >= freeze.Max-1 {
		return fmt.Errorf("%d freezes are in force, and a member of a fleet keeps its last place for what other members freeze: lift some that are no longer needed", n)
	}
	return nil
}

// Began is of [freeze.Watcher].
func (f *Freezes) Began(all []freeze.Freeze) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.changes++
	for i := range all {
		f.later(func(ctx context.Context) { _ = f.Await(ctx, &all[i]) }) // it fails when the gateway stops
	}
	f.wake()
}

// Ended is of [freeze.Watcher]. A freeze whose time is over ends at each member by its own clock.
func (f *Freezes) Ended(of *freeze.Freeze, by, reason string) {
	if by == freeze.Expired || of.ID == overflow {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.end(end{of.ID, by, reason, f.Now().UTC().Round(time.Second)})
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

// wake has Run look what there is to do, and those that wait look how it stands. The mutex is held.
func (f *Freezes) wake() {
	select {
	case f.due <- struct{}{}:
	default:
	}
	close(f.moved)
	f.moved = make(chan struct{})
}

// Beat is of [fleet.Beater].
func (f *Freezes) Beat(b *fleet.Beat) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.latest = b.Freezes
	f.stale = f.stale || f.latest != f.merged
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
	f.stale = false
	return stale || f.told != f.changes
}

// Join is of [fleet.Part].
func (f *Freezes) Join(ctx context.Context, s *fleet.Session) error {
	q, changes := f.question()
	reply, err := s.Do(ctx, q.Script, q.Args...)
	if err == nil {
		err = q.Check(reply)
	}
	if err != nil {
		return fmt.Errorf("freezes: %w", err)
	}
	f.merge(reply, changes)
	f.join.Do(func() { close(f.joined) })
	return nil
}
