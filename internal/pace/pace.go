// Package pace lets work rest that shares the processors with calls. The work says where it can rest; who started it, whether it must and for
// how long.
package pace

import (
	"context"
	"io"
	"time"
)

// stretch is how long work goes on between two rests: a processor that works is not at hand for a call until then. In a process with one processor
// even what arrives from the network waits that long.
const stretch = 500 * time.Microsecond

// Rester rests for work that took a time.
type Rester interface {
	Worked(ctx context.Context, worked time.Duration)
}

// steps are those of one piece of work, which one goroutine does.
type steps struct {
	rester Rester
	woke   time.Time
}

type key struct{}

// With returns a context in which Step rests. The work begins now, and one goroutine at a time does it.
func With(ctx context.Context, r Rester) context.Context {
	return context.WithValue(ctx, key{}, &steps{r, time.Now()})
}

// Step rests if a stretch of work is over. Without [With] it returns at once.
func Step(ctx context.Context) {
	if s, ok := ctx.Value(key{}).(*steps); ok {
		s.step(ctx)
	}
}

func (s *steps) step(ctx context.Context) {
	worked := time.Since(s.woke)
	if worked < stretch {
		return
	}
	s.rester.Worked(ctx, worked)
	s.woke = time.Now()
}

// Writer returns a writer that writes to w, and takes a step for each write.
func Writer(ctx context.Context, w io.Writer) io.Writer {
	if s, ok := ctx.Value(key{}).(*steps); ok {
		return &writer{w, s, ctx}
	}
	return w
}

type writer struct {
	io.Writer
	*steps
	ctx context.Context
}

func (w *writer) Write(b []byte) (int, error) {
	w.step(w.ctx)
	return w.Writer.Write(b)
}
