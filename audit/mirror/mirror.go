// Package mirror writes the checkpoints of an audit log to places besides the log, where a process or a person
// that can change the log cannot change them: each as one line of JSON,
//
//	{"log":NAME,"size":RECORDS,"root":BASE64,"time":RFC3339,"checkpoint":NOTE}
//
// with the members of the checkpoint for people and search tools, and the signed note, which alone is proof.
//
// A place that fails or hangs does not hold up the log: its checkpoints wait in memory and are tried again.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate/audit/checkpoint"
)

const (
	// maxWaiting bounds the checkpoints that wait for one place. The oldest are dropped first: a later checkpoint
	// proves all that an earlier one proves.
	maxWaiting = 256
	minRetry   = time.Second
	maxRetry   = time.Minute
	// stalledAfter is how long a write may take before the place counts as failing.
	stalledAfter = 10 * time.Second
)

// Place is where checkpoints are written.
type Place struct {
	Name string // for people and metrics
	// Append appends whole lines. It may block. After an error it is called again with the same lines.
	Append func(lines []byte) error
	// newest returns the last checkpoint of the log of that name; it is nil for a place that cannot be read back.
	newest func(ctx context.Context, log string) (checkpoint.Checkpoint, error)
}

// Status is the state of the copies at one place.
type Status struct {
	Place    string
	Err      error  // why the newest checkpoint is not there; nil when it is, or has just come
	Failures uint64 // writes that failed, and checkpoints that were dropped, since the start
}

// Mirror writes checkpoints to places. Its methods may be called concurrently.
type Mirror struct{ writers []*placeWriter }

// Start begins to write to the places. Unless failed is nil, it is called for each write that fails, at intervals that grow to a
// minute, by one goroutine for each place.
//
// The caller must call Close.
func Start(places []Place, failed func(place string, err error)) *Mirror {
	m := &Mirror{}
	for _, p := range places {
		w := &placeWriter{place: p, failed: failed, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
		m.writers = append(m.writers, w)
		go w.run()
	}
	return m
}

// Publish queues a checkpoint for all places. It does not block.
func (m *Mirror) Publish(note string) {
	for _, w := range m.writers {
		w.add(note)
	}
}

// Status returns the state of each place, in their order.
func (m *Mirror) Status() []Status {
	all := make([]Status, len(m.writers))
	for i, w := range m.writers {
		all[i] = w.status()
	}
	return all
}

// Close tries once more to write what is queued, and stops. Publish must not be called after it. If ctx ends first, Close does not wait for
// a place that hangs.
func (m *Mirror) Close(ctx context.Context) error {
	for _, w := range m.writers {
		close(w.closing)
	}
	var problems []error
	for _, w := range m.writers {
		select {
		case <-w.done:
		case <-ctx.Done():
		}
		if err := w.left(); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// placeWriter writes to one place.
type placeWriter struct {
	place   Place
	failed  func(string, error)
	wake    chan struct{} // has one token when there is work
	closing chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	waiting  []string // the first busy of them are being written
	busy     int
	since    time.Time // when that write began
	err      error     // of the last write
	failures uint64
}

func (w *placeWriter) add(note string) {
	w.mu.Lock()
	w.waiting = append(w.waiting, note)
	if len(w.waiting)-w.busy > maxWaiting {
		w.waiting = append(w.waiting[:w.busy], w.waiting[w.busy+1:]...)
		w.failures++
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // a token is there already
	}
}

func (w *placeWriter) run() {
	defer close(w.done)
	for w.wait() {
		for retry := minRetry; w.write() != nil && w.pause(retry); {
			retry = min(2*retry, maxRetry)
		}
	}
	_ = w.write() // left returns what failed
}

// wait returns true when there may be work, and false when Close was called.
func (w *placeWriter) wait() bool {
	select {
	case <-w.wake:
		return true
	case <-w.closing:
		return false
	}
}

// pause returns false if Close was called meanwhile.
func (w *placeWriter) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-w.closing:
		return false
	}
}

// write writes all that is queued at once.
func (w *placeWriter) write() error {
	notes := w.take()
	if len(notes) == 0 {
		return nil
	}
	text, err := lines(notes)
	if err == nil {
		err = w.place.Append(text)
	}
	w.finish(err)
	if err != nil && w.failed != nil {
		w.failed(w.place.Name, err)
	}
	return err
}

func (w *placeWriter) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy, w.since = len(w.waiting), time.Now()
	return w.waiting[:w.busy:w.busy]
}

func (w *placeWriter) finish(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.waiting = append([]string(nil), w.waiting[w.busy:]...)
	} else {
		w.failures++
	}
	w.busy, w.err = 0, err
}

func (w *placeWriter) status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Place: w.place.Name, Err: w.err, Failures: w.failures}
	if w.busy > 0 && time.Since(w.since) > stalledAfter {
		s.Err = fmt.Errorf("it has not answered for over %v", stalledAfter)
	}
	return s
}

// left returns an error if something was not written when the writer ended.
func (w *placeWriter) left() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return nil
	}
	err := w.err
	if w.busy > 0 || err == nil {
		err = errors.New("it has not answered in time")
	}
	return fmt.Errorf("the newest checkpoint is not in %s: %w", w.place.Name, err)
}

func lines(notes []string) (all []byte, err error) {
	for _, note := range notes {
		line, err := checkpoint.WitnessLine(note)
		if err != nil {
			return nil, err
		}
		all = append(all, line...)
	}
	return all, nil
}
