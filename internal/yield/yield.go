// Package yield lets calls go first while something long is done, such as loading thousands of callers. The scheduler takes a processor away from
// a goroutine after ten milliseconds only, which is longer than a call takes.
package yield

import (
	"runtime"
	"sync/atomic"
	"time"
)

// slice is how long work goes on before it yields. If it yielded at each step, a gateway that is busy would take minutes for a reload.
const slice = time.Millisecond

var (
	begin = time.Now()
	last  atomic.Int64 // when work yielded, since begin
)

// Now is called at each step of the work, and yields if it is time.
func Now() {
	now := int64(time.Since(begin))
	if now-last.Load() < int64(slice) {
		return
	}
	runtime.Gosched()
	last.Store(int64(time.Since(begin)))
}
