package ratelimit

import "slices"

// queue is the calls that wait for one meter, in the order of start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", 1996)
// with callers as flows of equal weight. Each call that waits has a start: how many calls its caller has been let through, or would be
// before it, counted from what others had been let through when the caller began to wait. The least start goes first, among equals the one
// that came first. So a caller that has many calls waiting delays another by about one call of its own for each of the other's.
//
// Counts exist while calls wait, and are dropped with the last of them.
type queue struct {
	length int
	// virtual is the least start of the calls that wait, and of the one that went last: callers that begin to wait start there.
	virtual int64
	flows   map[string]*flow
}

// flow is one caller in a queue.
type flow struct {
	finish  int64     // the start of its next call, unless virtual is past it
	waiters []*waiter // in order of arrival
}

// waiter is a call that stands in a queue. Its fields are guarded by the locks of all meters that it needs.
type waiter struct {
	arrival
	at   *meter        // in whose queue it stands
	wake chan struct{} // says that it now is the first of its queue; room for one, so that no sender waits
}

func (q *queue) start(f *flow) int64 { return max(q.virtual, f.finish) }

// place returns where in its caller's line a waiter stands, or would.
func (f *flow) place(seq uint64) (i int, there bool) {
	return slices.BinarySearchFunc(f.waiters, seq, bySeq)
}

func bySeq(w *waiter, seq uint64) int {
	switch {
	case w.seq < seq:
		return -1
	case w.seq > seq:
		return 1
	}
	return 0
}

// arrival is a call as queues see it: whose it is, and where it stands in the order in which calls came.
type arrival struct {
	caller string
	seq    uint64
}

// ahead returns how many calls go before one of a caller that came at a place in the order of arrival.
func (q *queue) ahead(caller string, seq uint64) int {
	if q.length == 0 {
		return 0
	}
	start, ahead := q.virtual, 0
	own := q.flows[caller]
	if own != nil {
		ahead, _ = own.place(seq)
		start = q.start(own) + int64(ahead)
	}
	for _, f := range q.flows {
		if f != own {
			ahead += f.before(start-q.start(f), seq)
		}
	}
	return ahead
}

// before returns how many calls of a flow go before one of another that starts so much later than the flow's first.
func (f *flow) before(later int64, seq uint64) int {
	if later < 0 {
		return 0
	}
	n := min(later, int64(len(f.waiters)))
	if n < int64(len(f.waiters)) && f.waiters[n].seq < seq { // they start at the same
		n++
	}
	return int(n)
}

// first returns the call that goes next, and its start. There must be one.
func (q *queue) first() (first *waiter, least int64) {
	for _, f := range q.flows {
		if len(f.waiters) == 0 {
			continue
		}
		if start, w := q.start(f), f.waiters[0]; first == nil || start < least || start == least && w.seq < first.seq {
			first, least = w, start
		}
	}
	return first, least
}

func (q *queue) notifyFirst() {
	if q.length > 0 {
		first, _ := q.first()
		first.notify()
	}
}

// charge counts a call of a caller that goes, in its turn or past the queue because there was room for all.
func (q *queue) charge(caller string) {
	if q.length == 0 {
		return
	}
	f := q.flow(caller)
	start := q.start(f)
	_, least := q.first()
	q.virtual, f.finish = min(start, least), start+1
	q.notifyFirst() // it may be another one now
}

func (q *queue) flow(caller string) *flow {
	f := q.flows[caller]
	if f == nil {
		f = &flow{}
		q.flows[caller] = f
	}
	return f
}

// join puts w into the queue by its order of arrival among the calls of its caller.
func (m *meter) join(w *waiter) {
	q := &m.queue
	if q.flows == nil {
		q.flows = map[string]*flow{}
	}
	f := q.flow(w.caller)
	i, _ := f.place(w.seq)
	f.waiters = slices.Insert(f.waiters, i, w)
	q.length++
	w.at = m
}

// leave takes w out of its queue, because it goes or stops waiting, and wakes the new first one. Only the first has a timer, so a
// change of a queue costs one wake-up, however long it is.
func (w *waiter) leave() {
	q := &w.at.queue
	f := q.flows[w.caller]
	i, _ := f.place(w.seq)
	f.waiters = slices.Delete(f.waiters, i, i+1)
	w.at = nil
	if q.length--; q.length == 0 {
		q.virtual = 0
		clear(q.flows)
	}
	q.notifyFirst()
}

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it has not yet seen an earlier one
	}
}
