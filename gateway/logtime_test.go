package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/gateway"
)

// TestSharedDeadline: no call has less time than it may wait, nor more than a sixteenth beyond, and calls at a time share one context.
func TestSharedDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := gateway.SharedDeadline()
		different := map[context.Context]bool{}
		for i := range 1000 {
			length := 2 * time.Second
			if i >= 500 { // by another plan
				length = 160 * time.Millisecond
			}
			ctx := in(length)
			different[ctx] = true
			at, _ := ctx.Deadline()
			if left := time.Until(at); left < length || left > length+length/16 || ctx.Err() != nil {
				t.Fatalf("wait %d: %s of %s are left, %v", i, left, length, ctx.Err())
			}
			time.Sleep(time.Millisecond)
		}
		if len(different) > 500/125+500/10+2 {
			t.Errorf("%d contexts for 1000 waits", len(different))
		}
		last := in(time.Minute)
		time.Sleep(time.Minute + time.Minute/16)
		synctest.Wait()
		if last.Err() != context.DeadlineExceeded {
			t.Errorf("behind its time: %v", last.Err())
		}
	})
}
