package freeze

import (
	"context"
	"sync"
	"sync/atomic"
)

// Gate is what calls pass right before their first byte is written. The zero value lets all pass.
//
// A call says first that it is passing, and then looks at the freezes in force; a freeze is put in force first, and then looks who is
// passing. So, atomic operations being in one order for all, the call sees the freeze, or the freeze sees the call and waits for it.
type Gate struct {
	set     atomic.Pointer[Set]
	waiting atomic.Int32
	mutex   sync.Mutex
	moved   chan struct{} // closed when a passage moves on; nil when none waits for that
}

// Set returns the freezes in force.
func (g *Gate) Set() *Set { return g.set.Load() }

// Passage is how far a call has come through the gate. The zero value has not come to it.
type Passage struct{ state atomic.Int32 }

const (
	before  = iota
	passing // between the last check and the first byte
	sent    // the first byte was written
	ended   // what came of it is recorded
)

// Enter notes that a call is passing, and returns the freezes that count for it. One of [Passage.TurnBack] and [Passage.Leave] must follow.
func (p *Passage) Enter(g *Gate) *Set {
	p.state.Store(passing)
	return g.set.Load()
}

// TurnBack says that a call that is passing will not write a byte.
func (p *Passage) TurnBack(g *Gate) { p.move(g, before) }

// Leave says that the first byte of a call that is passing was written, or that it is not known whether it was.
func (p *Passage) Leave(g *Gate) {
	if p.state.Load() == passing {
		p.move(g, sent)
	}
}

// End says that what came of a call is recorded. One that is passing still, since it was answered before all of it was written, stays so.
func (p *Passage) End() { p.state.CompareAndSwap(sent, ended) }

// Passing reports whether a call is between its last check and its first byte.
func (p *Passage) Passing() bool { return p.state.Load() == passing }

// Out reports whether a call was sent and what came of it is not recorded.
func (p *Passage) Out() bool { return p.state.Load() == sent }

func (p *Passage) move(g *Gate, to int32) {
	p.state.Store(to)
	if g.waiting.Load() > 0 {
		g.wake()
	}
}

func (g *Gate) wake() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.moved != nil {
		close(g.moved)
		g.moved = nil
	}
}

// Await returns when none of some passages is passing, or with the error of ctx. It does not wait for passages that begin meanwhile:
// these have seen the freezes that were in force when Await was called.
func (g *Gate) Await(ctx context.Context, passages []*Passage) error {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	for _, p := range passages {
		for {
			moved := g.next()
			if !p.Passing() {
				break
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// next returns a channel that is closed when a passage moves on.
func (g *Gate) next() <-chan struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.moved == nil {
		g.moved = make(chan struct{})
	}
	return g.moved
}
