package gateway

import "sync/atomic"

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
