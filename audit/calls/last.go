package calls

// Last passes on the last of what it is given.
type Last[T any] struct {
	N     int           // how many; 0: all, at once
	Yield func(T) error // gets them

	ring []T
	next int // where the oldest stands, once the ring is full
}

// Add takes one.
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

// Flush passes on what is held, the oldest first; from then on all is passed on at once.
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
