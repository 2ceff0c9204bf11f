package yield

import (
	"runtime"
	"testing"
	"time"
)

// TestNow: others run while work goes on, on one processor.
func TestNow(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	done := make(chan struct{})
	go close(done)
	last.Store(int64(time.Since(begin) - 2*slice))
	Now()
	select {
	case <-done:
	default:
		t.Error("a goroutine that could run did not")
	}
	recently := int64(time.Since(begin) + time.Hour)
	last.Store(recently)
	if Now(); last.Load() != recently {
		t.Error("work yields at each step")
	}
	last.Store(0)
}
