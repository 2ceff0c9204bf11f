package marks

import (
	"context"
	_ "embed"
	"slices"
	"sync"
	"time"

	"tollgate/fleet"
	"tollgate/replay"
)

//go:embed upload.lua
var uploadSource string

var uploadScript = fleet.NewScript("upload signatures", uploadSource)

// chunk is how many signatures are uploaded at a time.
const chunk = 500

// do runs a script on one of the ways to Redis.
type do func(args ...any) error

// Join uploads all signatures that this member knows. It is of [fleet.Part].
func (m *Memory) Join(ctx context.Context, s *fleet.Session) error {
	upload := func(args ...any) error {
		_, err := s.Do(ctx, uploadScript, args...)
		return err
	}
	if !s.Again() {
		for b := range m.own.Batches() {
			if err := uploadBatch(upload, b.Keys, replay.Ends(b.Last)); err != nil {
				return err
			}
		}
	}
	return m.debt.pay(upload)
}

func uploadBatch(upload do, keys []replay.Key, ends time.Time) error {
	for some := range slices.Chunk(keys, chunk) {
		args := []any{ends.UnixMilli()}
		for i := range some {
			args = append(args, some[i][:])
		}
		if err := upload(args...); err != nil {
			return err
		}
	}
	return nil
}

// Beat implements [fleet.Beater]: what was taken without Redis is uploaded when Redis answers again.
func (m *Memory) Beat(*fleet.Beat) { m.debt.remind() }

// Run uploads what was taken without Redis and not uploaded by Join, until ctx ends.
func (m *Memory) Run(ctx context.Context) {
	upload := func(args ...any) error {
		_, err := m.client.Ask(ctx, &fleet.Question{Script: uploadScript, Args: args, Patience: fleet.MaxPatience})
		return err
	}
	for {
		select {
		case <-m.debt.due:
			_ = m.debt.pay(upload) // it is tried again at the next heartbeat
		case <-ctx.Done():
			return
		}
	}
}

// Owed returns how many signatures were taken without Redis that it does not know yet.
func (m *Memory) Owed() int {
	m.debt.mutex.Lock()
	defer m.debt.mutex.Unlock()
	return len(m.debt.owed) + m.debt.onTheWay
}

// debt is the signatures that were taken without Redis, and that it does not know yet.
type debt struct {
	due    chan struct{} // of one: there may be some
	paying sync.Mutex

	mutex    sync.Mutex
	owed     []owed
	onTheWay int // of those that are being paid
	pruned   int // how many were left when it was looked last which have expired
}

type owed struct {
	key  replay.Key
	ends time.Time
}

func newDebt() debt { return debt{due: make(chan struct{}, 1)} }

// add adds a signature. Those that have expired are dropped now and then, so that there are at most twice as many as are valid.
func (d *debt) add(k replay.Key, ends, now time.Time) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if len(d.owed) > 2*d.pruned+chunk {
		d.owed = unexpired(d.owed, now)
		d.pruned = len(d.owed)
	}
	d.owed = append(d.owed, owed{k, ends})
}

func unexpired(all []owed, now time.Time) (left []owed) {
	for _, o := range all {
		if now.Before(o.ends) {
			left = append(left, o)
		}
	}
	return left
}

// remind makes Run pay the debt if there is some.
func (d *debt) remind() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if len(d.owed) == 0 {
		return
	}
	select {
	case d.due <- struct{}{}:
	default:
	}
}

// take returns what is owed. What cannot be paid has to be put back.
func (d *debt) take() []owed {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	all := d.owed
	d.owed, d.onTheWay = nil, len(all)
	return all
}

func (d *debt) putBack(all []owed) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.owed, d.onTheWay = append(all, d.owed...), 0
}

// pay uploads until nothing is owed, also of what is added meanwhile.
func (d *debt) pay(upload do) error {
	d.paying.Lock()
	defer d.paying.Unlock()
	for all := d.take(); len(all) > 0; all = d.take() {
		if paid, err := payAll(upload, all); err != nil {
			d.putBack(all[paid:])
			return err
		}
	}
	return nil
}

// payAll returns how many were uploaded. Those of one chunk are kept for as long as the last of them.
func payAll(upload do, all []owed) (paid int, err error) {
	for of := range slices.Chunk(all, chunk) {
		keys, ends := make([]replay.Key, len(of)), of[0].ends
		for i, o := range of {
			keys[i] = o.key
			if o.ends.After(ends) {
				ends = o.ends
			}
		}
		if err := uploadBatch(upload, keys, ends); err != nil {
			return paid, err
		}
		paid += len(of)
	}
	return paid, nil
}
