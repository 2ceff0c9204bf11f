package fleet

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Bounds on answers. The library makes room for as many elements as an answer announces, and calls itself for each level.
const (
	maxBulk     = 8 << 20  // bytes of one text
	maxArray    = 1 << 16  // elements of one list
	maxDepth    = 8        // lists in lists
	maxLine     = 16 << 10 // bytes of a line
	maxAnswer   = 64 << 20 // bytes in one round trip
	maxElements = 1 << 19  // in one round trip: each takes up to 64 bytes of memory
)

// guard is a connection whose answers are held to bounds before the library sees them. It knows RESP2: simple texts (+), errors (-),
// integers (:), texts ($) and lists (*).
type guard struct {
	net.Conn
	scan scanner
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if bad := g.scan.pass(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// Close does not say goodbye to a TLS server: that would wait for one that takes nothing any more.
func (g *guard) Close() error {
	if over, ok := g.Conn.(*tls.Conn); ok {
		return over.NetConn().Close()
	}
	return g.Conn.Close()
}

// scanner follows the form of answers through pieces of any size.
type scanner struct {
	line  []byte // the line so far, without its end
	open  []int  // for each list that is open, how many elements are to come
	skip  int    // bytes of a text and its line end that are to come
	total int    // bytes of this round trip
	count int    // elements of this round trip
}

const lineEnd = "\r\n" // of lines, and after texts

var errNoRESP = errors.New("an answer that is not in the protocol of Redis")

// begin begins a round trip.
func (s *scanner) begin() { s.total, s.count = 0, 0 }

func (s *scanner) pass(data []byte) error {
	if s.total += len(data); s.total > maxAnswer {
		return fmt.Errorf("answers of more than %d bytes", maxAnswer)
	}
	for len(data) > 0 {
		if s.skip > 0 {
			n := min(max(s.skip-len(lineEnd), 1), len(data))
			if s.skip <= len(lineEnd) && data[0] != lineEnd[len(lineEnd)-s.skip] {
				return errNoRESP
			}
			data, s.skip = data[n:], s.skip-n
			continue
		}
		c := data[0]
		data = data[1:]
		if c != '\n' {
			if s.line = append(s.line, c); len(s.line) > maxLine {
				return fmt.Errorf("a line of more than %d bytes in an answer", maxLine)
			}
			continue
		}
		if err := s.endLine(); err != nil {
			return err
		}
	}
	return nil
}

// endLine takes in a whole line.
func (s *scanner) endLine() error {
	line := s.line
	s.line = s.line[:0]
	if s.count++; s.count > maxElements {
		return fmt.Errorf("answers of more than %d elements", maxElements)
	}
	if len(line) < 2 || line[len(line)-1] != '\r' {
		return errNoRESP
	}
	kind, rest := line[0], line[1:len(line)-1]
	switch kind {
	case '+', '-', ':':
		s.element()
		return nil
	case '$', '*':
		return s.sized(kind, rest)
	}
	return errNoRESP
}

// sized takes in the head of a text or a list.
func (s *scanner) sized(kind byte, digits []byte) error {
	size, limit := 0, maxBulk
	if kind == '*' {
		limit = maxArray
	}
	if string(digits) == "-1" {
		s.element()
		return nil
	}
	if len(digits) == 0 {
		return errNoRESP
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return errNoRESP
		}
		if size = size*10 + int(c-'0'); size > limit {
			return fmt.Errorf("an answer with a part of more than %d elements or bytes", limit)
		}
	}
	if kind == '$' {
		s.skip = size + len(lineEnd)
		s.element()
		return nil
	}
	if size == 0 {
		s.element()
		return nil
	}
	if s.open = append(s.open, size); len(s.open) > maxDepth {
		return fmt.Errorf("an answer of more than %d levels", maxDepth)
	}
	return nil
}

// element counts an element of the innermost list, and closes those that are full.
func (s *scanner) element() {
	for len(s.open) > 0 {
		last := len(s.open) - 1
		if s.open[last]--; s.open[last] > 0 {
			return
		}
		s.open = s.open[:last]
	}
}
