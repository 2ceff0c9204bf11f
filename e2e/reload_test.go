package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
)

// TestReload: SIGHUP has the built binary take a caller and a listener, and a file that is bad leaves all as it was; no connection is refused
// meanwhile, and no call fails.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(standard + "limits: {published: false}\n")
	p := w.start()
	shop := w.shop(p)
	office := shop.bss(t)
	balance(t, office)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.withoutPause(p.address("plain"), stop) }()

	text := standard + "limits: {published: false}\n"
	text = replaceOnce(t, text, "  - {name: keys,", `  - {name: new, address: "127.0.0.1:0", caller: newcomer, upstreams: [bss, intl]}
  - {name: keys,`)
	text = replaceOnce(t, text, "  office:    # a partner", `  newcomer: {grants: [{operations: [effect:read], credential: customer}]}
  office:    # a partner`)
	w.configure(text)
	p.reload("the configuration was reloaded")
	if status := w.provinces(t, p.address("new")); status != http.StatusOK {
		t.Errorf("the new caller is answered %d", status)
	}
	w.write("tollgate.yaml", "nonsense")
	p.reload("the configuration was not reloaded")
	if _, body := p.readyz(); !strings.Contains(body, "the file on disk differs from what runs") {
		t.Errorf("/readyz: %s", body)
	}
	if status := w.provinces(t, p.address("new")); status != http.StatusOK {
		t.Errorf("after a bad file the new caller is answered %d", status)
	}
	w.configure(replaceOnce(t, text, "drain: 20s", "drain: 20s, replay: 2000"))
	p.reload("a change of bounds.replay needs a restart")
	balance(t, office)
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	p.stop()
}

// reload sends SIGHUP, and returns when the log says what came of it.
func (p *process) reload(says string) {
	p.t.Helper()
	before := strings.Count(p.log(), says)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, says, func() bool { return strings.Count(p.log(), says) > before })
}

// provinces makes a call on a connection of its own.
func (w *world) provinces(t testing.TB, address string) int {
	t.Helper()
	status, err := provincesAt(address)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func provincesAt(address string) (int, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address + "/v2/systems/configs/provinces")
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// withoutPause opens connections and makes calls until stop is closed, and returns the first that fails.
func (w *world) withoutPause(address string, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if status, err := provincesAt(address); err != nil || status != http.StatusOK {
			return fmt.Errorf("answer %d, %w", status, err)
		}
	}
}
