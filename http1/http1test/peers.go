package http1test

import (
	"fmt"
	"math/bits"
	"strings"
)

// Peer is how another recipient on the way reads requests: a proxy in front, which passes on what it has read byte for byte, or a server
// behind. Its zero value reads the grammar. Each member is a repair or a fault that products had, under the name of who had it where one is
// known for it.
type Peer struct {
	Name string

	BareLF      bool // ends lines at a line feed alone (nginx, most)
	BareCR      bool // ends lines at a carriage return alone
	EmptyLines  bool // skips empty lines before a request (RFC 9112 section 2.2 allows one)
	Folds       bool // takes a line that begins with a blank for a part of the one before
	SkipsFolded bool // throws such a line away
	BlankColon  bool // ignores blanks before a colon
	NULEnds     bool // ends a value at NUL, as a text of C
	OddSpace    bool // trims vertical tabs, form feeds and no-break spaces around values
	Underscores bool // takes an underscore in a name for a hyphen, as CGI does

	EncodingWins bool // of both framings (RFC 9112 section 6.3 allows it)
	LengthWins   bool // of both framings
	AnyCoding    bool // takes any coding whose name has "chunked" in it for that
	NoCoding     bool // ignores codings that it does not know, and takes the length
	OldCoding    bool // knows chunked in HTTP/1.0
	FirstLength  bool // of several
	LastLength   bool // of several
	LaxLength    bool // reads a number as strtol does, and ignores what follows

	LaxSize   bool // reads a chunk's size as strtol does, within 64 bits, which overflow
	SizeLF    bool // ends the line of a size at a line feed alone (the TERM of TERM.EXT and EXT.TERM)
	SkipsTwo  bool // skips two bytes behind a chunk, whatever they are (the SPILL of SPILL.TERM)
	LaxEnd    bool // ends a chunk at a line feed alone
	NoTrailer bool // takes the two bytes behind the last size for the end, whatever they are
}

// Fronts are the proxies that may stand in front. Not among them is what gets grammatical messages wrong, such as one that knows no chunked
// or no body of a GET: no strictness of who stands behind helps, but to end the connection.
func Fronts() []Peer {
	return []Peer{
		{Name: "strict"},
		{Name: "haproxy", EmptyLines: true, EncodingWins: true},
		{Name: "nginx", BareLF: true, EmptyLines: true, SizeLF: true, LaxEnd: true},
		{Name: "old nginx", BareLF: true, EmptyLines: true, EncodingWins: true, SizeLF: true, FirstLength: true},
		{Name: "apache", BareLF: true, EmptyLines: true, Folds: true, EncodingWins: true, AnyCoding: true},
		{Name: "varnish", BareLF: true, Folds: true, SizeLF: true, SkipsTwo: true, LengthWins: true},
		{Name: "node", BareLF: true, EmptyLines: true, SkipsTwo: true, LaxSize: true, BareCR: true},
		{Name: "appliance", BareLF: true, Folds: true, BlankColon: true, LengthWins: true, LastLength: true, LaxLength: true, NoCoding: true},
		{Name: "C program", NULEnds: true, LaxLength: true, LaxSize: true, EncodingWins: true, OddSpace: true},
		{Name: "bare line feeds", BareLF: true},
		{Name: "bare carriage returns", BareCR: true},
		{Name: "folds", Folds: true, EncodingWins: true},
		{Name: "skips folded lines", SkipsFolded: true, LengthWins: true},
		{Name: "blanks before colons", BlankColon: true, EncodingWins: true},
		{Name: "NUL ends", NULEnds: true},
		{Name: "odd space", OddSpace: true, EncodingWins: true},
		{Name: "encoding wins", EncodingWins: true},
		{Name: "length wins", LengthWins: true},
		{Name: "any coding, encoding wins", AnyCoding: true, EncodingWins: true},
		{Name: "unknown codings ignored", NoCoding: true, LengthWins: true},
		{Name: "coding in HTTP/1.0", OldCoding: true, EncodingWins: true},
		{Name: "first length", FirstLength: true},
		{Name: "last length", LastLength: true},
		{Name: "lax length", LaxLength: true},
		{Name: "lax size", LaxSize: true},
		{Name: "sizes end at a line feed", SizeLF: true},
		{Name: "skips two bytes", SkipsTwo: true},
		{Name: "chunks end at a line feed", LaxEnd: true},
		{Name: "no trailers", NoTrailer: true},
	}
}

// Backs are the servers that may stand behind, which read all the repairs of Fronts and underscores in names besides.
func Backs() []Peer { return append(Fronts(), Peer{Name: "CGI", Underscores: true, LengthWins: true}) }

// Message is a request as a peer reads it: its bytes, and the method and target of its first line.
type Message struct{ Raw, Line, Body string }

// Split cuts a stream into the requests that a peer reads. It stops at what the peer refuses, and at what is not whole.
func (p *Peer) Split(stream string) (read []Message) {
	for left := stream; left != ""; {
		raw, head, ok := p.head(left)
		if !ok {
			return read
		}
		body, text, ok := p.body(left[raw:], &head)
		if !ok {
			return read
		}
		read = append(read, Message{left[:raw+body], head.line, text})
		left = left[raw+body:]
	}
	return read
}

// peerHead is a head as a peer reads it.
type peerHead struct {
	line     string // method and target
	old      bool   // HTTP/1.0
	names    []string
	values   []string
	lengths  []string
	encoding []string
}

// cutLine returns a line and how long it is with its end.
func cutLine(s string, bareLF, bareCR bool) (line string, length int, ok bool) {
	for i := range len(s) {
		switch {
		case strings.HasPrefix(s[i:], "\r\n"):
			return s[:i], i + 2, true
		case s[i] == '\n' && bareLF, s[i] == '\r' && bareCR:
			return s[:i], i + 1, true
		}
	}
	return "", 0, false
}

// head reads a head and returns how long it is.
func (p *Peer) head(s string) (length int, h peerHead, ok bool) {
	var lines []string
	for {
		line, n, ok := cutLine(s[length:], p.BareLF, p.BareCR)
		if !ok {
			return 0, h, false
		}
		length += n
		if line == "" && len(lines) == 0 && p.EmptyLines {
			continue
		}
		if line == "" {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return 0, h, false
	}
	method, rest, _ := strings.Cut(lines[0], " ")
	target, version, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || method == "" || target == "" {
		return 0, h, false
	}
	h.line, h.old = method+" "+target, version == "HTTP/1.0"
	return length, h, p.fields(lines[1:], &h)
}

func (p *Peer) fields(lines []string, h *peerHead) bool {
	for _, line := range lines {
		if line[0] == ' ' || line[0] == '\t' {
			switch last := len(h.values) - 1; {
			case p.SkipsFolded:
			case p.Folds && last >= 0:
				h.values[last] = strings.Trim(h.values[last]+" "+strings.Trim(line, " \t"), " \t")
			default:
				return false
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if p.BlankColon {
			name = strings.TrimRight(name, " \t")
		}
		if !ok || name == "" || strings.ContainsAny(name, " \t\x00") {
			return false
		}
		h.names, h.values = append(h.names, name), append(h.values, p.value(value))
	}
	for i, name := range h.names {
		if name = asciiLower(name); p.Underscores {
			name = strings.ReplaceAll(name, "_", "-")
		}
		switch name {
		case "content-length":
			h.lengths = append(h.lengths, h.values[i])
		case "transfer-encoding":
			h.encoding = append(h.encoding, h.values[i])
		}
	}
	return true
}

func (p *Peer) value(s string) string {
	if p.NULEnds {
		s, _, _ = strings.Cut(s, "\x00")
	}
	if p.OddSpace {
		s = strings.Trim(s, " \t\v\f\u00a0\x00")
	}
	return strings.Trim(s, " \t")
}

// body returns how long the body is on the wire, and what it says.
func (p *Peer) body(s string, h *peerHead) (length int, text string, ok bool) {
	coded, ok := p.coded(h)
	if !ok {
		return 0, "", false
	}
	if coded {
		return p.chunks(s)
	}
	n, ok := p.length(h)
	if !ok || n > uint64(len(s)) {
		return 0, "", false
	}
	return int(n), s[:n], true
}

// coded reports whether the body is chunked.
func (p *Peer) coded(h *peerHead) (chunked, ok bool) {
	if len(h.encoding) == 0 || h.old && !p.OldCoding {
		return false, true
	}
	list := asciiLower(strings.Join(h.encoding, ", "))
	known := list == "chunked" || p.AnyCoding && strings.Contains(list, "chunked")
	switch both := len(h.lengths) > 0; {
	case !known:
		return false, p.NoCoding
	case both && p.LengthWins:
		return false, true
	case both:
		return true, p.EncodingWins
	}
	return true, true
}

func (p *Peer) length(h *peerHead) (n uint64, ok bool) {
	if len(h.lengths) == 0 {
		return 0, true
	}
	value := h.lengths[0]
	for _, other := range h.lengths[1:] {
		switch {
		case p.LastLength:
			value = other
		case other != value && !p.FirstLength:
			return 0, false
		}
	}
	if p.LaxLength {
		return lax(value, 10)
	}
	n, left := number(value, 10)
	return n, value != "" && left == "" && n < 1<<62
}

// lax reads a number as strtol does: white space and a sign in front, "0x" where it is hex, and whatever behind.
func lax(s string, base uint64) (n uint64, ok bool) {
	s = strings.TrimPrefix(strings.TrimLeft(s, " \t\v\f\r"), "+")
	if base == 16 {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	}
	n, left := number(s, base)
	return n, left != s
}

// number reads digits, which overflow, and returns what follows them.
func number(s string, base uint64) (n uint64, left string) {
	for s != "" {
		digit := strings.IndexByte("0123456789abcdef", asciiLower(s[:1])[0])
		if digit < 0 || uint64(digit) >= base {
			break
		}
		_, n = bits.Mul64(n, base)
		n += uint64(digit)
		s = s[1:]
	}
	return n, s
}

// chunks returns how long chunks are, and what is in them.
func (p *Peer) chunks(s string) (length int, text string, ok bool) {
	for {
		line, n, ok := cutLine(s[length:], p.SizeLF, false)
		if !ok {
			return 0, "", false
		}
		length += n
		size, ok := p.size(line)
		if !ok {
			return 0, "", false
		}
		if size == 0 {
			n, ok = p.trailer(s[length:])
			return length + n, text, ok
		}
		if size > uint64(len(s)-length) {
			return 0, "", false
		}
		text += s[length : length+int(size)]
		length += int(size)
		n, ok = p.chunkEnd(s[length:])
		if !ok {
			return 0, "", false
		}
		length += n
	}
}

func (p *Peer) size(line string) (n uint64, ok bool) {
	line, _, _ = strings.Cut(line, ";")
	if p.LaxSize {
		return lax(line, 16)
	}
	n, left := number(line, 16)
	return n, line != "" && left == "" && len(line) < 16
}

func (p *Peer) chunkEnd(s string) (length int, ok bool) {
	switch {
	case strings.HasPrefix(s, "\r\n"), p.SkipsTwo && len(s) >= 2:
		return 2, true
	case strings.HasPrefix(s, "\n") && p.LaxEnd:
		return 1, true
	}
	return 0, false
}

func (p *Peer) trailer(s string) (length int, ok bool) {
	if p.NoTrailer {
		return 2, len(s) >= 2
	}
	for {
		line, n, ok := cutLine(s[length:], p.BareLF, p.BareCR)
		if !ok {
			return 0, false
		}
		if length += n; line == "" {
			return length, true
		}
	}
}

// Join returns what a peer passes on.
func Join(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Raw)
	}
	return b.String()
}

// Desync returns how what was read behind a peer differs from what the peer has read; empty if it does not. It may end sooner. The requests
// that were read are those of [Request.String].
func Desync(forwarded []Message, read []string) string {
	if len(read) > len(forwarded) {
		return fmt.Sprintf("%q is read as %q", forwarded, read)
	}
	for i, r := range read {
		if !strings.HasPrefix(r+" ", forwarded[i].Line+" ") {
			return fmt.Sprintf("request %d of %q is read as %q", i, forwarded, r)
		}
	}
	return ""
}
