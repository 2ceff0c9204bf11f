// Package soaktest says how much of the long tests is done: all of it where TOLLGATE_SOAK is set, as `make soak` does, and a part of it otherwise.
package soaktest

import (
	"iter"
	"math/rand/v2"
	"os"
)

// On reports whether all is done.
func On() bool { return os.Getenv("TOLLGATE_SOAK") != "" }

// Some yields the numbers below n of the cases that a test is to try: one of each block of so many, the same ones each time, or all.
func Some(n, block int) iter.Seq[int] {
	if On() {
		block = 1
	}
	return func(yield func(int) bool) {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		for begin := 0; begin < n; begin += block {
			if !yield(begin + rng.IntN(min(block, n-begin))) {
				return
			}
		}
	}
}
