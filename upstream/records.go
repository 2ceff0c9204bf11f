package upstream

import (
	"net"
	"sync"

	"tollgate/internal/record"
)

// maxHeld is how much of what TLS sends is handed to the system at once: a head, and four records with what TLS adds to each.
const maxHeld = 68 << 10

var heldBuffers = sync.Pool{New: func() any { return new([maxHeld]byte) }}

// records lies beneath TLS, which sends each record (16 KB) by itself. While it is gathering it sends several together,
// which spares most system calls of a large body. TLS may write while it reads, too: it answers a change of keys.
type records struct {
	net.Conn

	mutex     sync.Mutex
	gathering bool
	buffer    *[maxHeld]byte // while gathering
	held      int            // bytes in it

	track   record.Track // of what is read
	settled bool         // the handshake is over: records are counted
	after   int          // records that came whole since then
}

// Read notes where in a record it ends. Until the first record after the handshake has come, it reads no further than to the
// end of a header or a content: TLS, which takes what it can get, then has none of the records that are counted.
func (r *records) Read(b []byte) (int, error) {
	if r.after == 0 {
		b = b[:min(len(b), r.track.Rest())]
	}
	n, err := r.Conn.Read(b)
	if ended := r.track.Pass(b[:n]); r.settled {
		r.after += ended
	}
	return n, err
}

func (r *records) gather() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.gathering, r.buffer = true, heldBuffers.Get().(*[maxHeld]byte)
}

// Write sends b, or keeps it for later.
func (r *records) Write(b []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.gathering {
		return r.Conn.Write(b)
	}
	if r.held+len(b) > maxHeld {
		if err := r.send(); err != nil {
			return 0, err
		}
	}
	if len(b) > maxHeld {
		return r.Conn.Write(b)
	}
	r.held += copy(r.buffer[r.held:], b)
	return len(b), nil
}

func (r *records) send() error {
	_, err := r.Conn.Write(r.buffer[:r.held])
	r.held = 0
	return err
}

// release sends what is held, and all that follows at once. An idle connection has no buffer.
func (r *records) release() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	err := r.send()
	heldBuffers.Put(r.buffer)
	r.gathering, r.buffer = false, nil
	return err
}
