package calls

// Last passes on the last N values that were added to it.
type Last[T any] struct {
	N     int           // 0: every value, when it is added
	Yield func(T) error // called with each

	ring []T
	next int // of the oldest, once the ring is full
}

// Add adds a value.
func (l *Last[T]) Add(v T) error {
	switch {
	case l.N == 0:
		return l.Yield(v)
	case len(l.ring) < l.N:
		l.ring = append(l.ring, v)
	default:
		l.ring[l.next] = v
		l.next = (l.next + 1) % l.N
	}
	return nil
}

// Flush passes on the values that are held, the oldest first. From then on Add passes on each value.
func (l *Last[T]) Flush() error {
	held, next := l.ring, l.next
	l.N, l.ring = 0, nil
	for i := range held {
		if err := l.Yield(held[(next+i)%len(held)]); err != nil {
			return err
		}
	}
	return nil
}
