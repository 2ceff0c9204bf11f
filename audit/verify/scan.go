package verify

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf8"

	"tollgate/audit/logfile"
)

// scanner reads what verifying needs of a line much faster than a decoder does. It accepts only lines that the decoder certainly
// accepts as well, with the same members: known members once each, values of their types, nothing escaped in names. These are nearly all
// lines that a gateway writes; the others are left to the decoder, whose errors are the ones that are reported. A fuzz test compares the two.
type scanner struct {
	b     []byte
	at    int
	plain bool // b has no backslash
	found [wanteds][]byte
}

// wanted identifies a value of a record, as it is in the line.
type wanted uint8

const (
	unwanted wanted = iota
	wantedCall
	wantedEffect
	wantedHash
	wantedDate
	wantedPlan
	wanteds
)

// wantedMembers are the members that the verifier needs of scanned records, besides the head.
var wantedMembers = map[string]wanted{
	"call": wantedCall, "effect": wantedEffect, "signature_hash": wantedHash, "signature_date": wantedDate, "plan": wantedPlan,
}

// scan reads a record of a call, or of refusals, and reports whether it succeeded.
func (s *scanner) scan(text []byte, l *line) bool {
	*s = scanner{b: text}
	if len(text) < 2 || len(text) >= logfile.MaxLine || !readable(text) || !s.head(l) {
		return false
	}
	s.plain = bytes.IndexByte(text, '\\') < 0
	if !s.members(recordShape(), headMembers) || s.at != len(text) {
		return false
	}
	l.call, l.plans[0] = s.foundText(wantedCall), s.foundText(wantedPlan)
	return (l.call != nil || s.found[wantedCall] == nil) && (l.plans[0] != nil || s.found[wantedPlan] == nil) && s.signature(l)
}

// signature reads the signature of an intent, and reports whether it succeeded.
func (s *scanner) signature(l *line) bool {
	if l.kind != logfile.KindIntent || s.found[wantedHash] == nil {
		return true
	}
	hash, effect := s.foundText(wantedHash), s.foundText(wantedEffect)
	if hash == nil || effect == nil && s.found[wantedEffect] != nil {
		return false
	}
	r := logfile.Record{Kind: l.kind, Effect: string(effect), SignatureHash: string(hash)}
	if date := s.foundText(wantedDate); date != nil && r.SignatureDate.UnmarshalText(date) != nil || date == nil && s.found[wantedDate] != nil {
		return false
	}
	if signature, ok := logfile.SignatureOf(&r); ok {
		l.signature = signature
	}
	return true
}

// foundText returns a text that was found, or nil if something in it is escaped.
func (s *scanner) foundText(w wanted) []byte {
	quoted := s.found[w]
	if quoted == nil || bytes.IndexByte(quoted, '\\') >= 0 {
		return nil
	}
	return quoted[1 : len(quoted)-1]
}

// readable reports whether the line is UTF-8 without control characters.
func readable(b []byte) bool {
	const ones = ^uint64(0) / 255
	high, rest := uint64(0), b
	for ; len(rest) >= 8; rest = rest[8:] {
		x := binary.LittleEndian.Uint64(rest)
		if (x-ones*' ')&^x&(ones<<7) != 0 { // a byte is below ' '
			return false
		}
		high |= x
	}
	for _, c := range rest {
		if c < ' ' {
			return false
		}
		high |= uint64(c)
	}
	return high&(ones<<7) == 0 || utf8.Valid(b)
}

// head reads the four members with which each line begins.
func (s *scanner) head(l *line) (ok bool) {
	if l.seq, ok = s.numbered(`{"seq":`); !ok {
		return false
	}
	if l.commit, ok = s.numbered(`,"commit":`); !ok || l.commit > l.seq || l.commit == 0 {
		return false
	}
	if !s.skip(`,"time":`) {
		return false
	}
	if l.time, ok = s.time(); !ok || !s.skip(`,"kind":"`) {
		return false
	}
	end := bytes.IndexByte(s.b[s.at:], '"')
	if end < 0 {
		return false
	}
	l.kind = plainKind(s.b[s.at : s.at+end])
	s.at += end + 1
	return l.kind != ""
}

// plainKind returns a kind of records of which only the head and the call are needed.
func plainKind(b []byte) logfile.Kind {
	for _, kind := range [...]logfile.Kind{logfile.KindIntent, logfile.KindOutcome, logfile.KindRefusal, logfile.KindRefusals} {
		if string(b) == string(kind) {
			return kind
		}
	}
	return ""
}

func (s *scanner) numbered(before string) (uint64, bool) {
	if !s.skip(before) {
		return 0, false
	}
	return s.number()
}

func (s *scanner) skip(text string) bool {
	if len(s.b)-s.at < len(text) || string(s.b[s.at:s.at+len(text)]) != text {
		return false
	}
	s.at += len(text)
	return true
}

// is reports whether c is next, and skips it.
func (s *scanner) is(c byte) bool {
	if s.at == len(s.b) || s.b[s.at] != c {
		return false
	}
	s.at++
	return true
}

// members reads the members of an object, and its end, behind those that were read.
func (s *scanner) members(o *shape, read int) bool {
	if read == 0 && s.is('}') {
		return true
	}
	seen, next := seen{}, read
	for first := read == 0; ; first = false {
		if !first {
			if s.is('}') {
				return true
			}
			if !s.is(',') {
				return false
			}
		}
		i := s.name(o, next)
		if i < read || !seen.add(i) {
			return false
		}
		from := s.at
		if !s.value(o.members[i].shape) {
			return false
		}
		if w := o.members[i].wanted; w != unwanted {
			s.found[w] = s.b[from:s.at]
		}
		next = i + 1
	}
}

// seen is a set of the numbers of members.
type seen [2]uint64

func (s *seen) add(i int) bool {
	word, bit := &s[i/64], uint64(1)<<(i%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// name reads the name of a member and the colon behind it, and returns its number, or -1. It tries the next one first, since
// records have them in order.
func (s *scanner) name(o *shape, next int) int {
	rest := s.b[s.at:]
	if len(rest) < 8 { // every member with a value has more
		return -1
	}
	begin := binary.LittleEndian.Uint64(rest)
	for range o.members {
		if next == len(o.members) {
			next = 0
		}
		m := &o.members[next]
		if (begin^m.begin)&m.mask == 0 && s.skip(m.name) {
			return next
		}
		next++
	}
	return -1
}

func (s *scanner) value(v *shape) bool {
	switch v.kind {
	case aText:
		return s.text()
	case aNumber:
		n, ok := s.number()
		return ok && n <= v.most
	case aTruth:
		return s.skip("true") || s.skip("false")
	case aTime:
		_, ok := s.time()
		return ok
	case aList:
		return s.list(v.of)
	case anObject:
		return s.is('{') && s.members(v, 0)
	}
	return false
}

func (s *scanner) list(of *shape) bool {
	if !s.is('[') {
		return false
	}
	if s.is(']') {
		return true
	}
	for s.value(of) {
		if !s.is(',') {
			return s.is(']')
		}
	}
	return false
}

// number reads a whole number.
func (s *scanner) number() (n uint64, ok bool) {
	from := s.at
	for s.at < len(s.b) && s.b[s.at]-'0' <= 9 {
		n = n*10 + uint64(s.b[s.at]-'0')
		s.at++
	}
	digits := s.at - from
	return n, digits > 0 && digits <= maxDigits && (digits == 1 || s.b[from] != '0')
}

// text reads a string. It accepts the escapes that stand for one character by themselves.
func (s *scanner) text() bool {
	if !s.is('"') {
		return false
	}
	for {
		end := bytes.IndexByte(s.b[s.at:], '"')
		if end < 0 {
			return false
		}
		escape := -1
		if !s.plain {
			escape = bytes.IndexByte(s.b[s.at:s.at+end], '\\')
		}
		if escape < 0 {
			s.at += end + 1
			return true
		}
		if s.at += escape + 1; !s.escaped() {
			return false
		}
	}
}

// escaped reads what follows a backslash.
func (s *scanner) escaped() bool {
	rest := s.b[s.at:] // not empty: it has a quote
	switch rest[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return true
	case 'u':
		if len(rest) < 5 || !hex(rest[1:5]) || rest[1]|' ' == 'd' && rest[2] >= '8' { // half of a pair
			return false
		}
		s.at += 5
		return true
	}
	return false
}

func hex(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 && (c|' ')-'a' > 5 {
			return false
		}
	}
	return true
}

// time reads a time in the form of records.
func (s *scanner) time() (time.Time, bool) {
	const form = `"2006-01-02T15:04:05.000000000Z"`
	if len(s.b)-s.at < len(form) {
		return time.Time{}, false
	}
	b := s.b[s.at : s.at+len(form)]
	for i, c := range []byte(form) {
		if digit := c-'0' <= 9; digit && b[i]-'0' > 9 || !digit && b[i] != c {
			return time.Time{}, false
		}
	}
	year, month, day := digits(b[1:5]), digits(b[6:8]), digits(b[9:11])
	hour, minute, second := digits(b[12:14]), digits(b[15:17]), digits(b[18:20])
	if year == 0 || month == 0 || month > 12 || day == 0 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, digits(b[21:30]), time.UTC)
	s.at += len(form)
	return t, day < 29 || t.Day() == day // or the month has no such day
}

func digits(b []byte) (n int) {
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}
