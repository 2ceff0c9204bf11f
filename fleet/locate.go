package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate/internal/setting"
)

// connect returns a connection to the server that has the keys now, and the server's address.
func (c *Client) connect(ctx context.Context) (*wire, setting.Endpoint, error) {
	to, err := c.locate(ctx)
	if err != nil {
		return nil, to, err
	}
	w, err := c.open(ctx, to, c.o.Login, c.o.Database)
	if err != nil {
		return nil, to, fmt.Errorf("%s: %w", to, err)
	}
	return w, to, nil
}

func (c *Client) locate(ctx context.Context) (setting.Endpoint, error) {
	switch {
	case c.o.Master != "":
		return c.askOne(ctx, c.o.SentinelLogin, c.master)
	case len(c.o.Addresses) > 1:
		return c.askOne(ctx, c.o.Login, c.node)
	case len(c.o.Addresses) == 1:
		return c.o.Addresses[0], nil
	}
	return setting.Endpoint{}, errors.New("no address is configured")
}

type locator func(ctx context.Context, w *wire, at setting.Endpoint) (setting.Endpoint, error)

// askOne asks the configured addresses, one after the other and each for a part of the time, until one knows.
func (c *Client) askOne(ctx context.Context, login login, ask locator) (found setting.Endpoint, err error) {
	var problems []error
	for range c.o.Addresses {
		at := c.o.Addresses[c.turn%len(c.o.Addresses)]
		if found, err = c.askAt(ctx, at, login, ask); err == nil {
			return found, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", at, err))
		c.turn++ // the next time begins with the next
	}
	return found, errors.Join(problems...)
}

func (c *Client) askAt(ctx context.Context, at setting.Endpoint, login login, ask locator) (setting.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit/3)
	defer cancel()
	w, err := c.open(ctx, at, login, 0)
	if err != nil {
		return setting.Endpoint{}, err
	}
	defer w.close()
	found, err := ask(ctx, w, at)
	return found, explain(err)
}

// master asks a sentinel.
func (c *Client) master(ctx context.Context, w *wire, _ setting.Endpoint) (setting.Endpoint, error) {
	reply, err := w.do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", c.o.Master)
	if errors.Is(err, redis.Nil) {
		return setting.Endpoint{}, fmt.Errorf("this sentinel knows no master %q (fleet.redis.sentinel.master)", c.o.Master)
	}
	if err != nil {
		return setting.Endpoint{}, err
	}
	f := fieldsOf(reply)
	host, port := f.text(), f.text()
	if err := f.err("sentinel's answer"); err != nil {
		return setting.Endpoint{}, err
	}
	return endpoint(net.JoinHostPort(host, port))
}

// followMaster asks every second whether the sentinels have another master by now, and drops the connection if so. The old one says by
// itself that it is none only when a sentinel has made it a replica, up to ten seconds later.
func (c *Client) followMaster(ctx context.Context, l *link) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if now, err := c.locate(ctx); err == nil && now != l.at {
			l.fail(fmt.Errorf("the sentinels say that %s is the master now", now))
		}
	}
}

// node asks a node of a cluster for the master of our slot.
func (c *Client) node(ctx context.Context, w *wire, at setting.Endpoint) (setting.Endpoint, error) {
	w.guard.scan.begin()
	slot, err := w.conn.ClusterKeySlot(ctx, c.base).Result()
	if err != nil {
		return setting.Endpoint{}, err
	}
	shards, err := w.conn.ClusterShards(ctx).Result()
	if err != nil {
		return setting.Endpoint{}, err
	}
	for _, shard := range shards {
		if !slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End }) {
			continue
		}
		for _, n := range shard.Nodes {
			if n.Role == "master" {
				return c.nodeEndpoint(n, at)
			}
		}
	}
	return setting.Endpoint{}, fmt.Errorf("no node of the cluster has slot %d, that of the keys {%s}", slot, c.o.Prefix)
}

// nodeEndpoint returns where a node is reached. One that does not know its own address is where it was asked.
func (c *Client) nodeEndpoint(n redis.Node, at setting.Endpoint) (setting.Endpoint, error) {
	host, port := n.Endpoint, n.Port
	if host == "" || host == "?" {
		host = at.Host
	}
	if c.o.TLS != nil {
		port = n.TLSPort
	}
	return endpoint(net.JoinHostPort(host, strconv.FormatInt(port, 10)))
}

// endpoint reads an address that a server has named.
func endpoint(address string) (e setting.Endpoint, err error) {
	if err = e.UnmarshalText([]byte(address)); err == nil && e.Socket != "" {
		err = errors.New("a path, which no other server can name")
	}
	if err != nil {
		return setting.Endpoint{}, fmt.Errorf("address %.100q: %w", address, err)
	}
	return e, nil
}
