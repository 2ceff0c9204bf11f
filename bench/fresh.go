package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"
)

// What besides calls under load is measured. Cases for latency are among the tasks.
const (
	startFigure      = "start"
	idleFigure       = "idle"
	fewFigure        = "few"
	manyFigure       = "many"
	connectionFigure = "connection"
	handshakeFigure  = "handshake"
	resumedFigure    = "resumed"
	halfFigure       = "p50"
	slowFigure       = "p99"
	syncFigure       = "sync" // of no proxy
)

const (
	fewConnections  = 1000
	manyConnections = 3000
	handshakes      = 200
	settlingLook    = time.Second // a collection after a burst of handshakes may wait for the burst's end
	settlingBound   = 20 * time.Second
)

// begun measures how long a proxy takes until a first call is served.
func (w *world) begun(p proxy, r *results) error {
	begin := time.Now()
	process, err := w.run(p, p.start)
	if err != nil {
		return err
	}
	defer process.stop()
	r.add(p.name, "", startFigure, float64(time.Since(begin))/float64(time.Millisecond))
	return nil
}

// holds measures the memory of a proxy after its first call, and with idle TLS connections that have made a call each. What one of
// these takes is the difference of two counts of them: what the first ones bring along, such as a larger heap, is in both.
func (w *world) holds(p proxy, r *results) error {
	process, err := w.run(p, p.start)
	if err != nil {
		return err
	}
	defer process.stop()
	var held [3]int64
	for i, step := range []struct {
		figure string
		more   int
	}{{idleFigure, 0}, {fewFigure, fewConnections}, {manyFigure, manyConnections - fewConnections}} {
		l, err := w.connect(process.address, tasks()[0], step.more)
		if err != nil {
			return err
		}
		defer l.close()
		if held[i], err = l.held(process); err != nil {
			return err
		}
		r.add(p.name, "", step.figure, float64(held[i])/(1<<20))
	}
	r.add(p.name, "", connectionFigure, float64(held[2]-held[1])/(manyConnections-fewConnections)/(1<<10))
	return nil
}

// held makes a call on each connection, and returns what the process holds once that has not changed for a while.
func (l *load) held(p *process) (int64, error) {
	for _, c := range l.connections {
		if err := c.call(); err != nil {
			return 0, err
		}
	}
	before, err := p.rss()
	for deadline := time.Now().Add(settlingBound); err == nil && time.Now().Before(deadline); {
		time.Sleep(settlingLook)
		was := before
		if before, err = p.rss(); before == was {
			break
		}
	}
	return before, err
}

// handshakes makes full and then resumed handshakes with client certificates, one after the other, and ends each
// connection in good order.
func (w *world) handshakes(c contestant, r *results) error {
	sessions := tls.NewLRUClientSessionCache(1)
	if err := w.handshake(c.usual.address, sessions, false); err != nil { // which brings the first session
		return err
	}
	for _, kind := range []struct {
		figure   string
		sessions tls.ClientSessionCache
	}{{handshakeFigure, nil}, {resumedFigure, sessions}} {
		before, err := c.usual.cpu()
		if err != nil {
			return err
		}
		for range handshakes {
			if err := w.handshake(c.usual.address, kind.sessions, kind.sessions != nil); err != nil {
				return fmt.Errorf("%s: %w", kind.figure, err)
			}
		}
		after, err := c.usual.cpu()
		if err != nil {
			return err
		}
		r.add(c.name, "", kind.figure, micros(after-before)/handshakes)
	}
	return nil
}

// handshake reads to the end, and so the tickets that a server sends.
func (w *world) handshake(address string, sessions tls.ClientSessionCache, resume bool) error {
	conn, err := w.dialWith(address, "http/1.1", sessions, resume)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err = io.Copy(io.Discard, conn)
	if errors.Is(err, syscall.ECONNRESET) { // some close a connection without a word
		return nil
	}
	return err
}

// latency measures one connection with one call at a time.
func (w *world) latency(c contestant, t task, s settings, r *results) error {
	l, err := w.connect(c.at(t).address, t, 1)
	if err != nil {
		return err
	}
	defer l.close()
	if err := errors.Join(l.run(s.warm), c.at(t).rest(), l.run(s.duration)); err != nil {
		return err
	}
	all := slices.Sorted(slices.Values(l.times()))
	if len(all) == 0 {
		return errors.New("no call ended")
	}
	r.add(c.name, t.name, halfFigure, micros(quantile(all, 0.5)))
	r.add(c.name, t.name, slowFigure, micros(quantile(all, 0.99)))
	return nil
}

// latencyTasks are the small calls over HTTP/1.1, and the smallest over HTTP/2: others say nothing more.
func latencyTasks(all []task) []task {
	var some []task
	for _, t := range all {
		if t.size == 0 || !t.http2 && t.size <= 1<<10 {
			some = append(some, t)
		}
	}
	return some
}

// single measures all that is not about many connections: in each round latencies and handshakes.
func (r *runner) single(ctx context.Context, all []contestant) error {
	if err := r.bareSync(r.results); err != nil {
		return err
	}
	for _, c := range all {
		if err := errors.Join(r.latencies(ctx, c), ctx.Err()); err != nil {
			return err
		}
		if !r.wants(handshakesPart) {
			continue
		}
		if err := r.handshakes(c, r.results); err != nil {
			return fmt.Errorf("%s: handshakes: %w", c.title, err)
		}
	}
	return nil
}

func (r *runner) latencies(ctx context.Context, c contestant) error {
	if !r.wants(latencyPart) {
		return nil
	}
	for _, t := range latencyTasks(r.tasks) {
		if err := errors.Join(ctx.Err(), r.latency(c, t, r.settings, r.results)); err != nil {
			return c.blame(t, err)
		}
	}
	return nil
}

// freshAll measures what needs proxies of its own. It has fewer rounds: what a start shows hardly varies, and takes long.
func (r *runner) freshAll(ctx context.Context) error {
	for _, part := range []struct {
		name string
		do   func(proxy, *results) error
	}{{startPart, r.begun}, {memoryPart, r.holds}} {
		if !r.wants(part.name) {
			continue
		}
		for range max(r.rounds/2, 1) {
			for _, p := range r.proxies {
				if err := errors.Join(ctx.Err(), part.do(p, r.results)); err != nil {
					return fmt.Errorf("%s: %s: %w", p.title, part.name, err)
				}
			}
		}
		fmt.Fprintln(r.progress, part.name, "measured")
	}
	return nil
}
