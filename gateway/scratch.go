package gateway

import (
	"sync"

	"tollgate/audit/logfile"
	"tollgate/signing"
)

// scratch is memory that one call after the other uses. Nothing of one of them is to be seen in it by the next.
type scratch struct {
	call   call
	record logfile.Record // that the call is writing: the log copies it
	out    outbound       // what is sent
	came   answer         // what came back
	hasher signing.Hasher // of the body
	body   buffer
	answer buffer
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// leaveScratch hands the scratch of the call to another one, and with it the call itself, which nothing may use any longer.
func (c *call) leaveScratch() {
	if c.keepsScratch {
		return
	}
	r := c.scratch
	r.body.release()
	r.answer.release()
	r.hasher.Reset()
	*r = scratch{hasher: r.hasher}
	scratches.Put(r)
}

// buffer is memory for bytes that arrive. It has less than it could use in case they do not come, and grows as they do.
type buffer struct {
	lent *[]byte // of the pool of its size; nil: there is none, or it is too large for one
	size int     // index of the pool
}

const (
	leastBuffer = 4 << 10
	growth      = 4
	// endRoom is where a reader can say that nothing follows what fills a buffer.
	endRoom = 64
)

// pools have buffers of 4, 16, 64 and 256 KiB and of 1 MiB. Nothing clears them: a call sees no more of a buffer than what it has written.
var pools [5]sync.Pool

// grow returns the bytes that there are in memory with room for so many, without what other calls have left there. What they stood in must
// not be used any longer.
func (b *buffer) grow(bytes []byte, room int) []byte {
	former := *b
	grown := append(b.take(room), bytes...)
	former.release()
	return grown
}

// take returns an empty slice of a capacity.
func (b *buffer) take(room int) []byte {
	b.lent, b.size = nil, 0
	bytes := leastBuffer
	for ; room > bytes+endRoom && b.size < len(pools); bytes *= growth {
		b.size++
	}
	if b.size == len(pools) {
		return make([]byte, 0, room)
	}
	if b.lent, _ = pools[b.size].Get().(*[]byte); b.lent == nil {
		made := make([]byte, bytes+endRoom)
		b.lent = &made
	}
	return (*b.lent)[:0:room]
}

// release hands the memory to other calls.
func (b *buffer) release() {
	if b.lent == nil {
		return
	}
	spoil(*b.lent)
	pools[b.size].Put(b.lent)
	b.lent = nil
}

// spoil is called with what is handed to other calls. Tests overwrite it there.
var spoil = func([]byte) {}
