package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// What besides calls under load is measured. Cases for latency are among the tasks.
const (
	startFigure     = "start"
	idleFigure      = "idle"
	thousandFigure  = "thousand"
	handshakeFigure = "handshake"
	resumedFigure   = "resumed"
	halfFigure      = "p50"
	slowFigure      = "p99"
)

const (
	idleConnections = 1000
	handshakes      = 200
	settling        = 300 * time.Millisecond // until what a start or a burst set off has ended
)

// fresh starts a proxy anew: how long until a first call is served, and what memory it holds then and with a thousand
// idle connections, each of which has made a call.
func (w *world) fresh(p proxy, r *results) error {
	begin := time.Now()
	process, err := w.run(p, p.start)
	if err != nil {
		return err
	}
	defer process.stop()
	r.add(p.name, "", startFigure, float64(time.Since(begin))/float64(time.Millisecond))
	if err := r.addMemory(p, process, idleFigure); err != nil {
		return err
	}
	l, err := w.connect(process.address, tasks()[0], idleConnections)
	if err != nil {
		return err
	}
	defer l.close()
	for _, c := range l.connections {
		if err := c.call(); err != nil {
			return err
		}
	}
	return r.addMemory(p, process, thousandFigure)
}

func (r *results) addMemory(p proxy, process *process, figure string) error {
	time.Sleep(settling)
	bytes, err := process.rss()
	r.add(p.name, "", figure, float64(bytes)/(1<<20))
	return err
}

// handshakes makes full and then resumed handshakes with client certificates, one after the other, and ends each
// connection in good order.
func (w *world) handshakes(c contestant, r *results) error {
	sessions := tls.NewLRUClientSessionCache(1)
	if err := w.handshake(c.usual.address, sessions, false); err != nil { // which gives the first session
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

// handshake reads to the end, and so what a server gives to resume by.
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
	all, err := w.latencies(c.at(t).address, t, s.duration/2)
	if err != nil {
		return err
	}
	r.add(c.name, t.name, halfFigure, micros(quantile(all, 0.5)))
	r.add(c.name, t.name, slowFigure, micros(quantile(all, 0.99)))
	return nil
}

// latencyTasks are the small calls over HTTP/1.1: others say nothing more.
func latencyTasks(all []task) []task {
	var some []task
	for _, t := range all {
		if !t.http2 && t.size <= 1<<10 {
			some = append(some, t)
		}
	}
	return some
}

// single measures all that is not about many connections: in each round latencies and handshakes.
func (r *runner) single(ctx context.Context, all []contestant) error {
	for _, c := range all {
		for _, t := range latencyTasks(r.tasks) {
			if err := errors.Join(ctx.Err(), r.latency(c, t, r.settings, r.results)); err != nil {
				return c.blame(t, err)
			}
		}
		if err := r.handshakes(c, r.results); err != nil {
			return fmt.Errorf("%s: handshakes: %w", c.title, err)
		}
	}
	fmt.Fprintln(r.progress, "latencies and handshakes measured")
	return nil
}

// freshAll has fewer rounds: what a start shows hardly varies, and takes long.
func (r *runner) freshAll(ctx context.Context) error {
	for range max(r.rounds/2, 1) {
		for _, p := range r.proxies {
			if err := errors.Join(ctx.Err(), r.fresh(p, r.results)); err != nil {
				return fmt.Errorf("%s: %w", p.title, err)
			}
		}
		fmt.Fprintln(r.progress, "starts and memory measured")
	}
	return nil
}
