package audit

// publisher hands checkpoints to a receiver that may be slow, in a goroutine of its own: the newest replaces one that was
// not taken yet, since it covers the same records.
type publisher struct {
	notes chan string // holds one at most
	done  chan struct{}
}

func newPublisher() *publisher {
	return &publisher{notes: make(chan string, 1), done: make(chan struct{})}
}

// run calls receive, which may be nil, for each note until the publisher is closed.
func (p *publisher) run(receive func(note string)) {
	defer close(p.done)
	for note := range p.notes {
		if receive != nil {
			receive(note)
		}
	}
}

// publish never waits: it is called by one goroutine, so there is space once the older note is gone.
func (p *publisher) publish(note string) {
	select {
	case <-p.notes:
	default:
	}
	p.notes <- note
}

// close returns when the last note was received.
func (p *publisher) close() {
	close(p.notes)
	<-p.done
}
