package chaos

import (
	"testing"

	"tollgate/e2e/firstversion"
)

// firstVersion returns the binary of the first version, or an empty string where its history is not at hand.
func (w *world) firstVersion() (name string) {
	w.t.Helper()
	w.t.Run("first version", func(t *testing.T) { name = firstversion.Binary(t) })
	if w.t.Failed() {
		w.t.FailNow()
	}
	if name == "" {
		w.t.Log("the history is not at hand: no gateway begins as the first version")
	}
	return name
}
