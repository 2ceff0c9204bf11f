package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// settings are how much is measured.
type settings struct {
	rounds         int
	connections    int
	duration, warm time.Duration
	tasks          []task
	proxies        []proxy
	parts          []string
	own            bool   // whether the kernel's threads are left out
	base           string // a folder with the code of tollgate-base; empty: it does not take part
	target         string // the file where the tables go; empty: nowhere
	profile        string // a folder, if samples are wanted instead of figures
}

// The parts of a run, as they are called for -parts.
const (
	loadPart       = "load" // many connections
	latencyPart    = "latency"
	handshakesPart = "handshakes"
	startPart      = "start"
	memoryPart     = "memory"
)

func (s settings) wants(part string) bool { return slices.Contains(s.parts, part) }

// key names what a figure is of.
type key struct{ proxy, what, figure string }

// results are the figures of each round, in order.
type results struct {
	figures map[key][]float64
}

func newResults() *results { return &results{map[key][]float64{}} }

func (r *results) add(proxy, what, figure string, value float64) {
	k := key{proxy, what, figure}
	r.figures[k] = append(r.figures[k], value)
}

// runner takes the proxies through the rounds.
type runner struct {
	*world
	settings
	*results
	progress io.Writer
}

// measure does all rounds, and at last what needs fresh starts.
func (r *runner) measure(ctx context.Context) error {
	for n := range r.rounds {
		if err := r.with(ctx, func(all []contestant) error { return r.round(ctx, n, rotate(all, n)) }); err != nil {
			return err
		}
	}
	return r.freshAll(ctx)
}

// with runs something while the proxies run. Each round has new ones: rounds are more independent so, and the audit log
// of a round need not be kept.
func (r *runner) with(ctx context.Context, do func([]contestant) error) error {
	all, err := r.enter(ctx)
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	if err != nil {
		return err
	}
	return do(all)
}

// enter starts the proxies and checks that they do what they should, case by case.
func (r *runner) enter(ctx context.Context) ([]contestant, error) {
	var all []contestant
	for _, p := range r.proxies {
		c, err := r.begin(p)
		if err != nil {
			return all, err
		}
		all = append(all, c)
		for _, t := range r.tasks {
			if err := errors.Join(ctx.Err(), r.selfCheck(c.at(t).address, p, t)); err != nil {
				return all, c.blame(t, err)
			}
		}
	}
	return all, nil
}

// round measures every case, the proxies taking turns.
func (r *runner) round(ctx context.Context, n int, all []contestant) error {
	for _, t := range r.tasks {
		if !r.wants(loadPart) {
			break
		}
		fmt.Fprintf(r.progress, "round %d of %d, %s:", n+1, r.rounds, t.title)
		for _, c := range all {
			if err := errors.Join(ctx.Err(), r.takeTurn(c, t)); err != nil {
				return c.blame(t, err)
			}
		}
		fmt.Fprintln(r.progress)
	}
	return r.single(ctx, all)
}

func (r *runner) takeTurn(c contestant, t task) error {
	got, err := r.turn(c.at(t), t, r.settings)
	if err != nil {
		return err
	}
	if r.own {
		got.kernel = 0
	}
	fmt.Fprintf(r.progress, " %s %.1fµs", c.name, micros(got.sum()))
	for figure, value := range map[string]float64{
		cpuFigure: micros(got.sum()), kernelFigure: micros(got.kernel), rateFigure: got.rate, busyFigure: got.busy,
		loadHalfFigure: micros(got.half), loadSlowFigure: micros(got.slow),
	} {
		r.add(c.name, t.name, figure, value)
	}
	return nil
}

// rotate lets each proxy be the first in some round.
func rotate[T any](all []T, by int) []T {
	by %= max(len(all), 1)
	return append(append([]T{}, all[by:]...), all[:by]...)
}
