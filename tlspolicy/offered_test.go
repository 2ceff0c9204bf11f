package tlspolicy

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOfferIsTakenOnce(t *testing.T) {
	ctx := WithOffered(t.Context(), NewOffered(Offer{ServerName: "a.test"}))
	var taken atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if offer := OfferedIn(ctx).Take(); offer != nil && offer.ServerName == "a.test" {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times", taken.Load())
	}
	if offer := OfferedIn(context.Background()).Take(); offer != nil {
		t.Errorf("a context without one gave %v", offer)
	}
}
