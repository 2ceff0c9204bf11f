package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/internal/cgroup"
)

const (
	// runtimePart is how much of the limit of the control group the Go runtime keeps its memory within, by collecting garbage more often. The
	// rest is for what it does not count: the kernel's memory for sockets and files.
	runtimePart = 0.9
	// busyFrom is from which part of the limit on no call begins, and calmBelow below which calls begin again. What lies between keeps a gateway
	// at the limit from answering every other call.
	busyFrom, calmBelow = 0.9, 0.85
	// memoryEvery is how often the use is looked at, limitEvery the limit, which changes rarely.
	memoryEvery, limitEvery = 250 * time.Millisecond, 10 * time.Second
	// collectEvery is the least time between two collections of garbage for the sake of the limit.
	collectEvery = 2 * time.Second
)

// pressure follows how much of the memory that the control group allows is in use.
type pressure struct {
	group   *cgroup.Group // nil: there is none
	logger  *zap.Logger
	collect func()      // returns garbage to the system
	busy    atomic.Bool // no call begins

	mu        sync.Mutex // guards what follows
	limit     cgroup.Limit
	limitedAt time.Time // when the limit was looked at
	collected time.Time
	err       error // why the use is not known
}

// newPressure finds the control group of the process; root is the file system of the machine, nil the real one.
func newPressure(root fs.FS, logger *zap.Logger) *pressure {
	if root == nil {
		root = os.DirFS("/")
	}
	group, err := cgroup.Find(root)
	p := &pressure{group: group, logger: logger, collect: debug.FreeOSMemory}
	if err != nil {
		logger.Info("the memory of the process is not limited as far as it can see", zap.NamedError("cause", err))
		return p
	}
	p.look(time.Now())
	return p
}

// watch looks until ctx ends.
func (p *pressure) watch(ctx context.Context) {
	if p.group == nil {
		return
	}
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			p.look(now)
		case <-ctx.Done():
			return
		}
	}
}

// look decides whether calls may begin. While the use is not known they may: a gateway that cannot read a file still has a runtime that keeps
// within the limit.
func (p *pressure) look(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	used, err := p.used(now)
	if err == nil && used >= busyFrom && now.Sub(p.collected) >= collectEvery { // garbage is not in use
		p.collected = now
		p.collect()
		used, err = p.used(now)
	}
	if err != nil && p.err == nil {
		p.logger.Warn("how much memory is in use cannot be read; calls are taken all the same", zap.Error(err))
	}
	p.err = err
	p.decide(used, err)
}

// decide makes calls begin or not.
func (p *pressure) decide(used float64, err error) {
	was := p.busy.Load()
	busy := err == nil && (used >= busyFrom || was && used >= calmBelow)
	if p.busy.Store(busy); busy == was {
		return
	}
	if busy {
		p.logger.Warn("memory is nearly used up; no new call begins", zap.Uint64("limit", p.limit.Bytes), zap.Float64("used", used))
	} else {
		p.logger.Info("memory is free again; calls begin", zap.Uint64("limit", p.limit.Bytes), zap.Float64("used", used))
	}
}

// used returns which part of the limit is in use, and 0 without a limit. Statistics are read only where they decide.
func (p *pressure) used(now time.Time) (float64, error) {
	if now.Sub(p.limitedAt) >= limitEvery {
		limit, err := p.group.Limit()
		if err != nil && !errors.Is(err, cgroup.ErrNoLimit) {
			return 0, err
		}
		p.limit, p.limitedAt = limit, now
	}
	if p.limit.Bytes == 0 {
		return 0, nil
	}
	usage, err := p.limit.Usage()
	if part := p.part(usage); err != nil || part < calmBelow {
		return part, err
	}
	inUse, err := p.limit.InUse()
	return p.part(inUse), err
}

func (p *pressure) part(bytes uint64) float64 { return float64(bytes) / float64(p.limit.Bytes) }

// sources are for metrics.
func (p *pressure) sources() admin.MemorySources {
	return admin.MemorySources{Busy: p.busy.Load, Now: func() (limit, inUse uint64, ok bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.limit.Bytes == 0 {
			return 0, 0, false
		}
		inUse, err := p.limit.InUse()
		return p.limit.Bytes, inUse, err == nil
	}}
}

// reasons say why no call begins, and warnings that it is not known whether any should.
func (p *pressure) reasons() []string {
	if !p.busy.Load() {
		return nil
	}
	return []string{fmt.Sprintf("memory: %.0f%% of what the control group allows is in use; calls begin again below %.0f%%", busyFrom*100, calmBelow*100)}
}

func (p *pressure) warnings() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return []string{"how much memory is in use cannot be read: " + p.err.Error()}
}

// limitRuntime makes the runtime keep within its part of the control group's limit, until undo is called, unless GOMEMLIMIT or AUTOMEMLIMIT say
// otherwise.
func (p *pressure) limitRuntime() (undo func()) {
	if p.group == nil {
		return func() {}
	}
	before := debug.SetMemoryLimit(-1)
	ctx, stop := context.WithCancel(context.Background())
	limit, err := memlimit.Set(memlimit.WithRatio(runtimePart), memlimit.WithRefreshInterval(ctx, limitEvery), memlimit.WithProvider(func() (uint64, error) {
		limit, err := p.group.Limit()
		if errors.Is(err, cgroup.ErrNoLimit) {
			err = memlimit.ErrNoLimit
		}
		return limit.Bytes, err
	}))
	if err != nil {
		p.logger.Warn("the runtime has no limit of memory", zap.Error(err))
	} else if limit < math.MaxInt64 {
		p.logger.Info("the runtime keeps its memory within a limit", zap.Int64("bytes", limit))
	}
	return func() {
		stop()
		debug.SetMemoryLimit(before)
	}
}
