package ratelimit

import "sync"

// places bounds how many calls wait, over all limits. Each holds its body in memory and its connection open. A caller never gets more of
// them than it leaves free, so however many calls it sends, there are places for those of others.
type places struct {
	most int

	mu  sync.Mutex
	all int
	of  map[string]int // by caller
}

func (p *places) take(caller string) bool {
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

func (p *places) leave(caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[caller]--; p.of[caller] == 0 {
		delete(p.of, caller)
	}
}

func (p *places) taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}
