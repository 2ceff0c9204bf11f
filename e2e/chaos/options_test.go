package chaos

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"tollgate/internal/soaktest"
)

// callsPerSecond is the load, of all callers together.
const callsPerSecond = 50

// patience is how long the test waits for something that should come at once, on a machine that has other tests to run.
const patience = 2 * time.Minute

// options say which run it is.
type options struct {
	length time.Duration // of the time with events
	seed   uint64
}

// readOptions reads the environment. Without it the run is a minute long, and has the seed that all runs of CI have.
func readOptions(t *testing.T) options {
	t.Helper()
	o := options{length: time.Minute, seed: 20261130}
	if soaktest.On() {
		o.seed = rand.Uint64()
	}
	var err error
	if text := os.Getenv("TOLLGATE_CHAOS_LENGTH"); text != "" {
		if o.length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TOLLGATE_CHAOS_LENGTH: %v", err)
		}
	}
	if text := os.Getenv("TOLLGATE_SEED"); text != "" {
		if o.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TOLLGATE_SEED: %v", err)
		}
	}
	t.Logf("run it again: TOLLGATE_SEED=%d TOLLGATE_CHAOS_LENGTH=%v go test -count=1 ./chaos", o.seed, o.length)
	return o
}

// random returns the choices of one part of the run. Each part has its own, so that they do not depend on the scheduler.
func (o options) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(o.seed, part)) }
