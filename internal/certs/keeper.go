package certs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Interval is how often a [Watch] looks at its keepers if nothing else is asked for. A change of a file counts when the
// file has stood still from one look to the next: after twice that at most.
const Interval = 10 * time.Second

// Keeper is something that has to be looked after: files to read again when they change, a certificate to renew in time.
// Its methods may be called concurrently.
type Keeper interface {
	// Name says what it is, for the log.
	Name() string
	// Poll does what is due. It is cheap when nothing is. An error means that the old state stays in use, and is given
	// once for each cause rather than at each Poll.
	Poll() (changed bool, err error)
	// Reload does everything now, due or not.
	Reload() error
}

// Watch looks after keepers.
type Watch struct {
	Keepers []Keeper

	// Report is told of each change (err is nil) and of each that failed. Calls come one after the other from Run.
	Report func(name string, err error)
}

// Run polls until the context ends, at once and then after each interval. 0 means [Interval].
func (w *Watch) Run(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		interval = Interval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		w.Poll()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Poll polls each keeper once.
func (w *Watch) Poll() {
	for _, keeper := range w.Keepers {
		if changed, err := keeper.Poll(); changed || err != nil {
			w.Report(keeper.Name(), err)
		}
	}
}

// Reload reloads each keeper. The error has a line for each that failed; those that did not are reloaded all the same.
func (w *Watch) Reload() error {
	var problems []error
	for _, keeper := range w.Keepers {
		if err := keeper.Reload(); err != nil {
			problems = append(problems, fmt.Errorf("%s stays as it was: %w", keeper.Name(), err))
		}
	}
	return errors.Join(problems...)
}
