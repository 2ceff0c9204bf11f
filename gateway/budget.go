package gateway

import (
	"sync"
	"sync/atomic"
)

// budget is a number of bytes that all calls share.
type budget struct {
	limit int64
	taken atomic.Int64
}

// take takes bytes, or none if they are not there.
func (b *budget) take(bytes int64) bool {
	if b.taken.Add(bytes) > b.limit {
		b.taken.Add(-bytes)
		return false
	}
	return true
}

func (b *budget) give(bytes int64) { b.taken.Add(-bytes) }

// shares counts what each source has of something. It holds only sources that have some.
type shares struct {
	mutex sync.Mutex
	taken map[string]int
}

// take takes one for a source, unless it has as many as it may.
func (s *shares) take(source string, most int) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.taken[source] >= most {
		return false
	}
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	s.taken[source]++
	return true
}

func (s *shares) give(source string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.taken[source]--; s.taken[source] <= 0 {
		delete(s.taken, source)
	}
}
