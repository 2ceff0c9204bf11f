package ratelimit

import "sync"

// Places bounds how many calls wait, over all limits. Each holds its body in memory and its connection open. A caller never gets more of
// them than it leaves free, so however many calls it sends, there are places for those of others.
type Places struct {
	most int

	mu  sync.Mutex
	all int
	of  map[string]int // by caller
}

// NewPlaces returns the places of one gateway.
func NewPlaces() *Places { return &Places{most: maxWaiting} }

// Take takes a place for a call of a caller, and reports whether there was one.
func (p *Places) Take(caller string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[caller] >= p.most-p.all {
		return false
	}
	if p.of == nil {
		p.of = map[string]int{}
	}
	p.all++
	p.of[caller]++
	return true
}

// Leave frees a place of a caller.
func (p *Places) Leave(caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[caller]--; p.of[caller] == 0 {
		delete(p.of, caller)
	}
}

// Taken returns how many places are taken.
func (p *Places) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}
