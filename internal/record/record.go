// Package record follows where records of TLS begin and end in a stream of bytes.
package record

import "encoding/binary"

// Track is how far a stream of records was passed. The zero Track stands before the first one.
type Track struct {
	header  [5]byte // of the record that has begun: its kind, a version, its length
	got     int     // bytes of the header; 0: between two records
	content int     // bytes that are still to come after the header
}

// Pass goes on by what comes next, and returns how many records have ended with it.
func (t *Track) Pass(b []byte) (ended int) {
	for len(b) > 0 {
		n := min(t.Rest(), len(b))
		if t.InHeader() {
			t.got += copy(t.header[t.got:], b[:n])
			if !t.InHeader() {
				t.content = int(binary.BigEndian.Uint16(t.header[3:]))
			}
		} else {
			t.content -= n
		}
		if !t.InHeader() && t.content == 0 {
			t.got = 0
			ended++
		}
		b = b[n:]
	}
	return ended
}

// Rest returns how many bytes of the header, or of the content behind it, are still to come.
func (t *Track) Rest() int {
	if t.InHeader() {
		return len(t.header) - t.got
	}
	return t.content
}

// InHeader reports whether the next byte is one of a header.
func (t *Track) InHeader() bool { return t.got < len(t.header) }

// Between reports whether no record has begun that has not ended.
func (t *Track) Between() bool { return t.got == 0 }
