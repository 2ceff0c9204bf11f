package certs

import (
	"context"
	"time"

	"tollgate/internal/watch"
)

// maxFile bounds how much of a file is read: the bundle of authorities of the system has a quarter of that.
const maxFile = 1 << 20

// Interval is how often a [Watch] looks at its reloaders if nothing else is asked for.
const Interval = watch.Interval

// Reloader is something that has to be looked after: files to read again when they change, a certificate to renew in time.
// Its methods may be called concurrently.
type Reloader interface {
	// Name says what it is, for the log.
	Name() string
	// Poll does what is due. It is cheap when nothing is. An error means that the old state stays in use, and is given
	// once for each cause rather than at each Poll.
	Poll() (changed bool, err error)
	// Reload does everything now, due or not.
	Reload() error
}

// Watch looks after reloaders.
type Watch struct {
	Reloaders func() []Reloader // asked at each look

	// Report is called for each change (err is nil) and of each that failed. Calls come one after the other from Run.
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

// Poll polls each reloader once.
func (w *Watch) Poll() {
	for _, reloader := range w.Reloaders() {
		if changed, err := reloader.Poll(); changed || err != nil {
			w.Report(reloader.Name(), err)
		}
	}
}
