package verify

import (
	"sync"
	"testing"
)

// TestDo holds that pieces of work may wait for each other, and that reading, parsing and joining are among them.
func TestDo(t *testing.T) {
	whole, _ := small(t, testKey(t, logName), testKey(t, logName), "x")
	var one sync.Mutex
	pieces := 0
	mustPass(t, "one at a time", whole, Options{Do: func(work func()) {
		one.Lock()
		defer one.Unlock()
		pieces++
		work()
	}})
	files := len(whole)
	if least := 5 * files; pieces < least { // of each file: its beginning, chunk and end are joined, and it is read twice
		t.Errorf("%d pieces of %d files, want %d at least", pieces, files, least)
	}
}
