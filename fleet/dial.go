package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// dialLimit is how long it may take until there is a connection that has been let in, and tripLimit how long one round trip may.
const (
	dialLimit = 3 * time.Second
	tripLimit = MaxPatience
)

// wire is one connection to one server. The library gets nothing else to work with: it can neither dial again nor choose another.
type wire struct {
	guard *guard
	redis *redis.Client
	conn  *redis.Conn
}

type login func() (username string, password secret.String, err error)

// open connects to a server, and shows who we are.
func (c *Client) open(ctx context.Context, to setting.Endpoint, login login, database int) (*wire, error) {
	username, password, err := "", secret.String{}, error(nil)
	if login != nil {
		if username, password, err = login(); err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
	}
	raw, err := c.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	w := newWire(raw, &redis.Options{
		Network: to.Network(), Addr: to.Dial(), DB: database, Username: username, Password: password.Reveal(),
	})
	if err := w.conn.Ping(ctx).Err(); err != nil {
		w.close()
		return nil, explain(hide(err, password))
	}
	return w, nil
}

// newWire returns a connection on which nothing is repeated, and no other is made: retries, pools and what else would send a command twice
// or wait on its own are off.
func newWire(raw net.Conn, o *redis.Options) *wire {
	w := &wire{guard: &guard{Conn: raw}}
	o.Dialer = once(w.guard)
	o.Protocol, o.DisableIdentity, o.ContextTimeoutEnabled = 2, true, true
	o.MaxRetries, o.DialerRetries, o.PoolSize, o.PipelinePoolSize, o.ConnMaxIdleTime = -1, 1, 1, -1, -1
	o.ReadTimeout, o.WriteTimeout = tripLimit, tripLimit
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	w.redis = redis.NewClient(o)
	w.conn = w.redis.Conn()
	return w
}

// do runs a command outside of an epoch.
func (w *wire) do(ctx context.Context, args ...any) (any, error) {
	w.guard.scan.begin()
	return w.conn.Do(ctx, args...).Result()
}

func (w *wire) close() {
	w.guard.Close() // first, so that nothing waits for an answer
	w.conn.Close()
	w.redis.Close()
}

// once returns a dialer that has one connection, for the first who asks.
func once(conn net.Conn) func(context.Context, string, string) (net.Conn, error) {
	var mu sync.Mutex
	return func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		first := conn
		conn = nil
		if first == nil {
			return nil, errors.New("the connection has ended")
		}
		return first, nil
	}
}

// dial connects, with TLS unless the server is on this machine. What sentinels and clusters name is held to that too.
func (c *Client) dial(ctx context.Context, to setting.Endpoint) (net.Conn, error) {
	if c.o.TLS == nil && !to.Local() {
		return nil, fmt.Errorf("%s is beyond this machine: TLS is needed (fleet.redis.tls)", to)
	}
	raw, err := c.dialRaw(ctx, to.Network(), to.Dial())
	if err != nil || c.o.TLS == nil {
		return raw, err
	}
	config := c.o.TLS()
	config.NextProtos = nil // Redis has no names for its protocol
	if config.ServerName == "" {
		config.ServerName = to.Host
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, explainTLS(err)
	}
	return conn, nil
}

// hide takes what repeats a password out of an error of the server: one that does not know a command repeats its arguments, long ones in part.
func hide(err error, password secret.String) error {
	said, ok := errors.AsType[redis.Error](err)
	if !ok || !repeats(said.Error(), password.Reveal()) {
		return err
	}
	word, _, _ := strings.Cut(said.Error(), " ")
	if repeats(word, password.Reveal()) {
		word = ""
	}
	return failure(word + " [hidden: it repeats the password]")
}

// repeats reports whether a text has the secret in it, or eight bytes of it.
func repeats(text, secret string) bool {
	part := min(len(secret), 8)
	for at := 0; part > 0 && at+part <= len(secret); at++ {
		if strings.Contains(text, secret[at:at+part]) {
			return true
		}
	}
	return false
}

// quiet keeps the library from writing to standard error: what it would say is in its errors too.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })
