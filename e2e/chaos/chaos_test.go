package chaos

import (
	"sync"
	"testing"
	"time"
)

// TestChaos runs four gateways that are a fleet over Redis (two of them begin as the first version, where its history is at hand) and one
// by itself, which has a hard cap. Callers make 50 calls a second: reads, writes and spends, signed or by certificate. Meanwhile events
// come at random, in five rows beside each other:
//
//	replicas  killed, stopped in good order, suspended, upgraded (replicas_test.go); their disks full (disks_test.go)
//	redis     killed, stopped, slow, emptied, unreachable, answers cut (redis_test.go)
//	upstream  unreachable, stopped, slow, connections reset, answers cut, 5xx, 429, a certificate of another authority (upstream_test.go)
//	reloads   good ones and bad ones; certificates and authorities rotated (reloads_test.go)
//	secrets   cloud keys and virtual keys rotated (secrets_test.go)
//
// Each event comes at least once. At the end everything is repaired, and this must hold (the checks are in the files check*_test.go):
//
//  1. No call without a record: each request that reached the provider has an intent, in one log, from before it arrived; no request
//     arrived of a call that is on record as not sent; each call id that a caller got is on record.
//  2. No credential crossed: each request is signed with a key of the account that its caller's grant names, and the provider refused
//     none as signed wrongly or by the wrong class. What no grant allows never arrived.
//  3. No signed request was taken twice by all replicas together, and no act was done twice.
//  4. The cap was not passed.
//  5. Each log verifies, with the copies of its checkpoints as witnesses; one of them by the verifier in Python too.
//  6. Each caller got an answer with its reason, which the record confirms, or lost the connection to a replica that was ended at
//     that time. Of the latter calls the log says no more than what the provider saw.
//  7. A bad reload changed nothing. No replica ended by itself, and none has a data race.
//  8. All replicas serve again, and hold no more goroutines, descriptors and memory than when they were started.
func TestChaos(t *testing.T) {
	o := readOptions(t)
	w := newWorld(t, o)
	w.startAll()
	w.disturb()
	w.calm()
	w.leftovers()
	w.stopAll()
	w.judge()
}

// disturb has callers call and events happen, until the time is over and each event has come once.
func (w *world) disturb() {
	load := w.startLoad()
	var rows sync.WaitGroup
	end := time.Now().Add(w.length)
	for i, r := range w.rows() {
		rows.Go(func() { r.run(w, uint64(i+1), end) })
	}
	rows.Wait()
	load.stop()
}

// judge holds what is on record, what arrived, and what callers got against each other.
func (w *world) judge() {
	c := w.collect()
	c.report()
	c.checkRecords()
	c.checkCredentials()
	c.checkOnce()
	c.checkCap()
	c.checkOutcomes()
	c.checkAnswers()
	w.checkLogs()
}
