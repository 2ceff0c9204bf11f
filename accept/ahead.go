package accept

import "sync"

// aheadSize is how much is received at a time of a large body: several records of TLS, each of which would take a call of the system or two.
const aheadSize = 64 << 10

var aheadBuffers = sync.Pool{New: func() any { return new([aheadSize]byte) }}

// ahead is what a connection has received beyond what TLS has asked for.
type ahead struct {
	on         bool
	buffer     *[aheadSize]byte // of aheadBuffers; nil while nothing is received ahead
	start, end int              // of what was not read yet
}

// ReadAhead has the connection receive ahead, or not any longer. It is called by the one goroutine that reads.
func (c *conn) ReadAhead(on bool) {
	if c.ahead.on = on; !on {
		c.ahead.rest()
	}
}

// read reads what was received ahead, or receives.
func (a *ahead) read(p []byte, receive func([]byte) (int, error)) (int, error) {
	if a.start == a.end {
		if !a.on || len(p) >= aheadSize {
			return receive(p)
		}
		if a.buffer == nil {
			a.buffer = aheadBuffers.Get().(*[aheadSize]byte)
		}
		n, err := receive(a.buffer[:])
		if a.start, a.end = 0, n; n == 0 {
			return 0, err
		}
	}
	n := copy(p, a.buffer[a.start:a.end])
	a.start += n
	a.rest()
	return n, nil
}

// rest gives the buffer back if nothing is received ahead any longer, and nothing is left in it.
func (a *ahead) rest() {
	if a.on || a.buffer == nil || a.start < a.end {
		return
	}
	aheadBuffers.Put(a.buffer)
	a.buffer = nil // what is in it is encrypted
}
