package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"tollgate/internal/bsssim"
)

// serviceManager is the socket of a service manager, as systemd has it for units of Type=notify.
type serviceManager struct {
	t          *testing.T
	connection *net.UnixConn
}

func newServiceManager(t *testing.T, socket string) *serviceManager {
	t.Helper()
	connection, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return &serviceManager{t, connection}
}

// next waits for the next message, and compares it.
func (m *serviceManager) next(want string) {
	m.t.Helper()
	if err := m.connection.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	message := make([]byte, 4096)
	n, err := m.connection.Read(message)
	if err != nil {
		m.t.Fatal(err)
	}
	if !regexp.MustCompile("^" + want + "$").Match(message[:n]) {
		m.t.Errorf("the service manager received %q, want %s", message[:n], want)
	}
}

// TestServiceManager: systemd learns when the gateway serves, of each reload's beginning and end, also of a refused one, and of the stop. It serves
// when it says so.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "tollgate-notify-") // short, as the path of a socket has to be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	w := newWorld(t, bsssim.Config{}).configure(standard)
	w.env = append(w.env, "NOTIFY_SOCKET="+socket)
	manager := newServiceManager(t, socket)
	p := launch(t, w.config, w.env)
	manager.next(`READY=1\nSTATUS=serving`)
	balance(t, w.shop(p).bss(t))

	const reloading = `RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=reloading`
	p.reload("the configuration was reloaded")
	manager.next(reloading)
	manager.next(`READY=1\nSTATUS=serving`)
	w.write("tollgate.yaml", "nonsense")
	p.reload("the configuration was not reloaded")
	manager.next(reloading)
	manager.next(`READY=1\nSTATUS=serving; the last reload was refused: .*tollgate\.yaml.*`)
	w.configure(standard)
	if got := run(t, w.env, "reload", "--dry-run", "--config", w.config); got.code != 0 {
		t.Errorf("a dry run, of which the manager learns nothing: %+v", got)
	}
	p.terminate()
	manager.next(`STOPPING=1\nSTATUS=draining: calls under way may end`)
	if code := p.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
