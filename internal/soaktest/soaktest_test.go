package soaktest_test

import (
	"slices"
	"testing"

	"tollgate/internal/soaktest"
)

func TestSome(t *testing.T) {
	t.Setenv("TOLLGATE_SOAK", "")
	some := slices.Collect(soaktest.Some(100, 7))
	for i, n := range some {
		if n < 7*i || n >= min(7*i+7, 100) {
			t.Errorf("%d is not of block %d", n, i)
		}
	}
	if len(some) != 15 || !slices.Equal(some, slices.Collect(soaktest.Some(100, 7))) {
		t.Error(some)
	}
	t.Setenv("TOLLGATE_SOAK", "1")
	if all := slices.Collect(soaktest.Some(100, 7)); len(all) != 100 || all[99] != 99 {
		t.Error(all)
	}
}
