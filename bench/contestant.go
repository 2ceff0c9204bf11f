package main

import (
	"errors"
	"fmt"
	"time"
)

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

// blame returns whose error it is, with what the proxy said.
func (c contestant) blame(t task, err error) error {
	return fmt.Errorf("%s, %s: %w\n%s", c.title, t.title, err, c.at(t).output())
}

// begin starts a proxy, and a second one if it needs other settings for large bodies.
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

// run starts a proxy and waits until it serves.
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
			return errors.New("it ended before it served a call")
		default:
		}
		c, err := w.open(p.address, first)
		if err != nil {
			continue // not yet
		}
		defer c.Close()
		return c.call()
	}
	return errors.New("it does not come up")
}
