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
	profile        string // a folder, if samples are wanted instead of figures
}

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

// contestant is a proxy that runs.
type contestant struct {
	proxy
	usual, big *process // for bodies above 64 KB; often the same
}

func (c contestant) at(t task) *process {
	if t.size > 64<<10 {
		return c.big
	}
	return c.usual
}

func (c contestant) stop() {
	c.usual.stop()
	if c.big != c.usual {
		c.big.stop()
	}
}

// enter starts the proxies and checks that they do what they should, case by case.
func (w *world) enter(s settings, progress io.Writer) ([]contestant, error) {
	var all []contestant
	for _, p := range s.proxies {
		c, err := w.begin(p)
		if err != nil {
			return all, err
		}
		all = append(all, c)
		for _, t := range s.tasks {
			if err := w.selfCheck(c.at(t).address, p, t); err != nil {
				return all, c.blame(t, err)
			}
		}
		fmt.Fprintf(progress, "%s: every case checked\n", p.title)
	}
	return all, nil
}

// blame says whose error it is, with what the proxy said.
func (c contestant) blame(t task, err error) error {
	return fmt.Errorf("%s, %s: %w\n%s", c.title, t.title, err, c.at(t).output())
}

func (w *world) begin(p proxy) (contestant, error) {
	usual, err := w.run(p, p.start)
	if err != nil || p.large == nil {
		return contestant{p, usual, usual}, err
	}
	big, err := w.run(p, p.large)
	if err != nil {
		usual.stop()
	}
	return contestant{p, usual, big}, err
}

// run starts a proxy and waits until it listens.
func (w *world) run(p proxy, start func(*world, string) (*process, error)) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	process, err := start(w, address)
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
					return c.blame(t, err)
				}
			}
			fmt.Fprintln(progress)
		}
	}
	return nil
}

func (w *world) takeTurn(c contestant, t task, s settings, r *results, progress io.Writer) error {
	got, err := w.turn(c.at(t), t, s)
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
