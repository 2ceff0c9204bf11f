package e2e

import (
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
)

// TestHangUpIsIgnored: a closed terminal, or the habit of asking for a reload, does not cut calls off.
func TestHangUpIsIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	balance(t, w.shop(p).bss(t))
	p.stop()
}
