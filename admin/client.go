package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"tollgate/config"
)

const (
	// maxAnswer is more than the largest answer has: the longest text of a plan, with escapes.
	maxAnswer = 192 << 20
	// dialTime is how long a socket may take to accept a connection, which that of a stopped process may never do.
	dialTime = 2 * time.Second
	// answerTime is longer than the gateway itself takes for any request.
	answerTime = RequestTime + 5*time.Second
)

// ErrNotRunning is wrapped by errors where it is known that no gateway of a configuration runs.
var ErrNotRunning = errors.New("not running")

// Client asks a running gateway, by its socket or by its loopback address.
type Client struct {
	network, address string
	http             *http.Client
}

// Find returns a client of the gateway that runs a configuration file, by its socket. What is wrong with the rest of the file does not
// matter: a gateway can be reached by a file that was broken since.
func Find(file string) (*Client, error) {
	a, path, problem := config.LoadAdmin(file)
	if problem == nil && a == nil {
		return nil, fmt.Errorf("%s has no section admin, so there is no admin socket: add admin: {}", file)
	}
	if problem == nil && a.Socket == config.NoSocket {
		return nil, fmt.Errorf("%s has admin.socket: %s: set a path, or leave it out", file, config.NoSocket)
	}
	if problem != nil {
		a = new(config.Admin) // its socket may be in the default place all the same
	}
	places := Places(a, path, nil)
	if place := firstSocket(places); place != "" {
		return newClient("unix", place), nil
	}
	if problem != nil {
		return nil, fmt.Errorf("the admin socket cannot be found by the configuration: pass --socket PATH, or correct the file\n%w", problem)
	}
	if a.Socket == "" { // it may run with another runtime directory
		return nil, fmt.Errorf("the gateway of %s is not running: there is no admin socket at %s\nif it runs, its log says where its socket is "+
			"(\"admin socket listening\"): use --socket PATH; or why it has none", path, strings.Join(places, " or "))
	}
	return nil, fmt.Errorf("the gateway of %s is %w: there is no admin socket at %s", path, ErrNotRunning, strings.Join(places, " or "))
}

// firstSocket returns the first place where something answers, or else one with a socket that an ended process left; "" if there is none.
func firstSocket(places []string) (found string) {
	for _, place := range places {
		conn, err := net.DialTimeout("unix", place, dialTime)
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || errors.Is(err, fs.ErrPermission) {
			return place
		}
		if found == "" && !errors.Is(err, fs.ErrNotExist) {
			found = place
		}
	}
	return found
}

// FindHealth returns a client for health: by the admin address, which all on the machine may ask, or else by the socket.
func FindHealth(file string) (*Client, error) {
	a, _, problem := config.LoadAdmin(file)
	if problem == nil && a != nil && a.Address.Port != 0 {
		return newClient(a.Address.Network(), a.Address.Listen()), nil
	}
	return Find(file)
}

// At returns a client of the gateway whose socket is at a path.
func At(path string) *Client { return newClient("unix", path) }

func newClient(network, address string) *Client {
	c := &Client{network: network, address: address}
	c.http = &http.Client{Timeout: answerTime, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, network, address)
	}, DisableKeepAlives: true}}
	return c
}

// Status asks for the state of the gateway.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var s Status
	return &s, c.Do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Reload makes the gateway read its configuration again, or only return what would change.
func (c *Client) Reload(ctx context.Context, dryRun bool) (*Reloaded, error) {
	path := "/v1/reload"
	if dryRun {
		path += "?dry_run"
	}
	var r Reloaded
	return &r, c.Do(ctx, http.MethodPost, path, nil, &r)
}

// Keys asks for the virtual keys of callers, or for the one of an id.
func (c *Client) Keys(ctx context.Context, id string) (*Keys, error) {
	path := "/v1/keys"
	if id != "" {
		path += "?id=" + url.QueryEscape(id)
	}
	var k Keys
	return &k, c.Do(ctx, http.MethodGet, path, nil, &k)
}

// Page asks for a page that is no act: "/livez", "/readyz". The text of an [*Error] is what the page says then.
func (c *Client) Page(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+path, nil)
	if err != nil {
		return nil, err
	}
	status, text, err := c.send(r)
	if err == nil && status != http.StatusOK {
		return nil, &Error{status, strings.TrimSpace(string(text))}
	}
	return text, err
}

// origin is how the gateway is called, wherever it is.
const origin = "http://localhost"

// send returns the status and the body of an answer.
func (c *Client) send(r *http.Request) (status int, text []byte, err error) {
	response, err := c.http.Do(r)
	if err != nil {
		return 0, nil, c.unreachable(err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return 0, nil, fmt.Errorf("the gateway's answer did not come whole: %w", err)
	}
	return response.StatusCode, text, nil
}

// Do makes a request, with a JSON body unless it is nil, and reads the answer. What the gateway refuses is an [*Error].
func (c *Client) Do(ctx context.Context, method, path string, request, answer any) error {
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, origin+path, body)
	if err != nil {
		return err
	}
	if request != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	status, text, err := c.send(r)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		return json.Unmarshal(text, answer)
	}
	refused := &Error{Status: status}
	if json.Unmarshal(text, refused) != nil || refused.Text == "" {
		refused.Text = fmt.Sprintf("the gateway answered %d %s", status, http.StatusText(status))
	}
	return refused
}

// unreachable returns why there is no answer.
func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("not permitted to use %s: run the command as root, or as the user that the gateway runs as", c.address)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the gateway is %w: nothing answers at %s", ErrNotRunning, c.address)
	case os.IsTimeout(err):
		return fmt.Errorf("the gateway at %s does not answer in time: its process is stopped, or waits for a disk; what was asked may have been done", c.address)
	}
	return fmt.Errorf("the gateway at %s does not answer: %w", c.address, err)
}
