package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// replica is a gateway with its folder, over all of its processes.
type replica struct {
	w      *world
	name   string
	config string // path

	changing sync.Mutex // held while it is ended, started or reloaded
	settings settings

	mu    sync.Mutex
	lives []*life
}

func newReplica(w *world, name string) *replica {
	r := &replica{w: w, name: name, config: w.file(name + ".yaml"), settings: settings{
		Name: name, Upstream: w.upstream.Address(), Redis: w.toRedis.Address(), Lone: name == lone, Cap: w.cap, Calls: 1000, Rate: 100_000,
	}}
	text, err := r.settings.text()
	if err == nil {
		err = w.write(name+".yaml", text)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// file is a file of the replica's own, by its kind.
func (r *replica) file(kind string) string { return r.w.file(r.name + "." + kind) }

func (r *replica) dir() string { return r.w.file("audit-" + r.name) }

// witness is where copies of the checkpoints are.
func (r *replica) witness() string { return r.w.file("kept-" + r.name + ".jsonl") }

// start starts a process, which is the current one as soon as it is up.
func (r *replica) start(binary string) error {
	l, err := r.launch(binary)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lives = append(r.lives, l)
	return nil
}

// current is the newest process; nil: there was none.
func (r *replica) current() *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lives) == 0 {
		return nil
	}
	return r.lives[len(r.lives)-1]
}

// logTail is the end of what all processes have logged.
func (r *replica) logTail() string {
	text, err := os.ReadFile(r.file("log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// act asks the admin socket.
func (r *replica) act(method, path string) (status int, body []byte, err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.w.file(r.name+".sock"))
	}}
	defer transport.CloseIdleConnections()
	return fetch(transport, method, "http://localhost"+path)
}

func fetch(transport http.RoundTripper, method, url string) (status int, body []byte, err error) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	client := http.Client{Transport: transport, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// plan is the plan that the gateway follows.
func (r *replica) plan() (string, error) {
	status, body, err := r.act(http.MethodGet, "/v1/status")
	if err != nil || status != http.StatusOK {
		return "", fmt.Errorf("the status of gateway %s: %d %s %w", r.name, status, body, err)
	}
	var answer struct{ Configuration struct{ Plan string } }
	err = json.Unmarshal(body, &answer)
	return answer.Configuration.Plan, err
}

// admin asks the admin address.
func (l *life) admin(path string) (status int, body []byte, err error) {
	transport := &http.Transport{DisableKeepAlives: true}
	return fetch(transport, http.MethodGet, "http://"+l.address("admin")+path)
}

// startAll starts all gateways. Those that are to be upgraded begin as the first version.
func (w *world) startAll() {
	w.t.Helper()
	old := w.firstVersion()
	for i, r := range w.replicas {
		begin := binary
		if old != "" && i < 2 {
			begin = old
		}
		if err := r.start(begin); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.whole(); w.t.Failed() {
		w.t.FailNow()
	}
}

// whole waits until all gateways are ready, and the members of the fleet share everything.
func (w *world) whole() {
	w.t.Helper()
	for _, r := range w.replicas {
		w.eventually("gateway "+r.name+" is ready", func() error {
			status, body, err := r.current().admin("/readyz")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%d %s", status, body)
			}
			if err != nil || r.name == lone {
				return err
			}
			return r.shares()
		})
	}
}

// fleetState is the part of GET /v1/fleet that says whether all members share everything.
type fleetState struct {
	Up      bool
	Epoch   struct{ Complete bool }
	Closed  []struct{}
	Members []struct {
		State  string
		Joined bool
	}
}

func (s *fleetState) whole() bool {
	for _, m := range s.Members {
		if m.State != "present" || !m.Joined {
			return false
		}
	}
	return s.Up && s.Epoch.Complete && len(s.Closed) == 0 && len(s.Members) == len(members)
}

// shares returns why the member does not share everything with all; nil: it does.
func (r *replica) shares() error {
	_, body, err := r.act(http.MethodGet, "/v1/fleet")
	if err != nil {
		return err
	}
	var state fleetState
	if err := json.Unmarshal(body, &state); err != nil {
		return err
	}
	if !state.whole() {
		return fmt.Errorf("the fleet is not whole: %s", body)
	}
	return nil
}

// eventually waits until a condition holds. The test fails if it does not come to, and goes on: what is on record may say why.
func (w *world) eventually(what string, holds func() error) {
	w.t.Helper()
	if err := await(what, holds); err != nil {
		w.t.Error(err)
	}
}

// await polls until a condition holds.
func await(what string, holds func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := holds()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("timed out waiting until %s: %w", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
