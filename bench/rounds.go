package main

import (
	"fmt"
	"io"
	"time"
)

// settings are how much is measured.
type settings struct {
	rounds         int
	connections    int
	duration, warm time.Duration
	tasks          []task
	proxies        []proxy
}

// key names what a figure is of.
type key struct{ proxy, what, figure string }

// results are the figures of each round, in order.
type results struct {
	figures map[key][]float64
	without map[key]string // why there are none
}

func newResults() *results { return &results{map[key][]float64{}, map[key]string{}} }

func (r *results) add(proxy, what, figure string, value float64) {
	k := key{proxy, what, figure}
	r.figures[k] = append(r.figures[k], value)
}

// contestant is a proxy that runs.
type contestant struct {
	proxy
	*process
}

// enter starts the proxies and checks that they do what they should, case by case.
func (w *world) enter(s settings, progress io.Writer) ([]contestant, error) {
	var all []contestant
	for _, p := range s.proxies {
		process, err := w.run(p)
		if err != nil {
			return all, err
		}
		c := contestant{p, process}
		all = append(all, c)
		if err := w.checkAll(c, s.tasks); err != nil {
			return all, err
		}
		fmt.Fprintf(progress, "%s: every case checked\n", p.title)
	}
	return all, nil
}

func (w *world) checkAll(c contestant, tasks []task) error {
	for _, t := range tasks {
		if c.without(t) != "" {
			continue
		}
		if err := w.selfCheck(c.address, c.proxy, t); err != nil {
			return fmt.Errorf("%s, %s: %w\n%s", c.title, t.title, err, c.output())
		}
	}
	return nil
}

// run starts a proxy and waits until it listens.
func (w *world) run(p proxy) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	process, err := p.start(w, address)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.title, err)
	}
	if err := w.await(process); err != nil {
		process.stop()
		return nil, fmt.Errorf("%s: %w\n%s", p.title, err, process.output())
	}
	return process, nil
}

// await returns when a first call is served.
func (w *world) await(p *process) error {
	first := tasks()[0]
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		select {
		case <-p.exited:
			return fmt.Errorf("it ended before it served a call")
		default:
		}
		c, err := w.open(p.address, first)
		if err != nil {
			continue // not yet
		}
		defer c.Close()
		return c.call()
	}
	return fmt.Errorf("it does not come up")
}

// compete measures all rounds of all cases, the proxies taking turns.
func (w *world) compete(all []contestant, s settings, r *results, progress io.Writer) error {
	for round := range s.rounds {
		for _, t := range s.tasks {
			fmt.Fprintf(progress, "round %d of %d, %s:", round+1, s.rounds, t.title)
			for _, c := range rotate(all, round) {
				if err := w.takeTurn(c, t, s, r, progress); err != nil {
					return fmt.Errorf("%s, %s: %w\n%s", c.title, t.title, err, c.output())
				}
			}
			fmt.Fprintln(progress)
		}
	}
	return nil
}

func (w *world) takeTurn(c contestant, t task, s settings, r *results, progress io.Writer) error {
	if why := c.without(t); why != "" {
		r.without[key{c.name, t.name, cpuFigure}] = why
		return nil
	}
	got, err := w.turn(c.process, t, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, " %s %.1fµs", c.name, micros(got.cpu))
	r.add(c.name, t.name, cpuFigure, micros(got.cpu))
	r.add(c.name, t.name, rateFigure, got.rate)
	r.add(c.name, t.name, busyFigure, got.busy)
	return nil
}

// rotate lets each proxy be the first in some round.
func rotate[T any](all []T, by int) []T {
	by %= max(len(all), 1)
	return append(append([]T{}, all[by:]...), all[:by]...)
}
