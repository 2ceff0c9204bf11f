package logfile

import (
	"math/bits"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"tollgate/freeze"
	"tollgate/internal/digest"
)

// MaxLine is the longest line, in bytes, its line feed included. A record that would be longer is truncated and marked.
const MaxLine = 64 << 10

// maxHead is more than the length of the members that the log sets itself, and the line feed.
const MaxHead = 128

// MaxText bounds one text of a record that is not cut, in bytes of its encoded form, which canonical paths and queries have already.
const MaxText = 16 << 10

// limits bound how much of a record is written. All lengths of text are of the encoded form.
type limits struct {
	text   int // bytes of one text
	fields int // fields
	values int // values of all fields together
	offers int // entries of each list of a TLS offer
	counts int // lines of a refusals summary
	peaks  int // of a tree: never more than 64
	signed int // signatures: never more than fit, see [Room]
	hidden int // entries of what is withheld of a query

	entries int // of an event's data
	shadows int // limits in shadow mode
	frozen  int // freezes: never more than fit, see [freeze.Max]
	keys    int // of an act, in all its groups together, and how many of them are released
	charges int // against caps: never more than fit
}

// cuts are tried in order until the line is short enough. With the last one every record is: a test fills all members
// to their limits.
var cuts = [...]limits{
	{text: MaxText, fields: 256, values: 4096, offers: 72, counts: 1024, peaks: 64, signed: 512, hidden: MaxWithheld, entries: 32, shadows: 64, frozen: freeze.Max, keys: MaxActKeys, charges: 1024}, // package tlspolicy lists up to 65 offers
	{text: 2 << 10, fields: 64, values: 256, offers: 32, counts: 256, peaks: 64, signed: 128, hidden: MaxWithheld, entries: 32, shadows: 16, frozen: 32, keys: 64, charges: 16},
	{text: 128, fields: 16, values: 55, offers: 16, counts: 17, peaks: 64, signed: 1, hidden: 4, entries: 8, shadows: 1, frozen: 1, keys: 2, charges: 1},
}

// Append appends the record as one line of JSON, without a line feed, and returns the extended buffer. The line is
// shorter than [MaxLine]. The record is not changed.
func (r *Record) Append(dst []byte) []byte {
	dst = AppendHead(dst, r.Seq, r.Commit, r.Time)
	dst, _ = r.AppendBody(dst)
	return dst
}

// appendHead writes the members that are known only when the record gets its place.
func AppendHead(dst []byte, seq, commit uint64, at time.Time) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"commit":`...)
	dst = strconv.AppendUint(dst, commit, 10)
	dst = append(dst, `,"time":`...)
	return appendTime(dst, at)
}

// appendBody writes all other members and the closing brace. cut reports whether it had to cut.
func (r *Record) AppendBody(dst []byte) (_ []byte, cut bool) {
	start := len(dst)
	for i, l := range cuts {
		e := encoder{b: dst[:start], limits: l, first: i == 0, end: start + MaxLine - MaxHead, cut: r.Cut}
		e.record(r)
		dst, cut = e.b, e.cut
		if len(dst) <= e.end {
			break
		}
	}
	return dst, cut
}

// encoder appends members to b. Past end it writes no more text, since the attempt has failed.
type encoder struct {
	b []byte
	limits
	first bool // with the first limits, by which parts are encoded
	end   int
	cut   bool
}

func (e *encoder) record(r *Record) {
	e.b = append(e.b, `,"kind":`...)
	e.text(string(r.Kind))
	e.str(`,"call":`, r.Call)
	if p := r.parts; p != nil && e.first {
		e.b = append(append(e.b, p.caller...), p.operation...)
		e.target(r)
		e.b = append(e.b, p.credential...)
	} else {
		e.caller(r)
		e.operation(r)
		e.target(r)
		e.credential(r)
	}
	e.decision(r)
	e.hashes(r)
	e.fieldList(r.Fields)
	e.tls(`,"tls_in":{`, r.TLSIn)
	e.tls(`,"tls_out":{`, r.TLSOut)
	e.str(`,"signature_hash":`, r.SignatureHash)
	e.time(`,"signature_date":`, r.SignatureDate)
	e.result(r)
	e.spending(r.Spending)
	e.countList(r.Counts)
	e.time(`,"since":`, r.Since)
	e.log(r)
	e.str(`,"version":`, r.Version)
	e.str(`,"note":`, r.Note)
	e.flag(`,"cut":true`, e.cut) // last, when all cutting is done
	e.b = append(e.b, '}')
}

func (e *encoder) caller(r *Record) {
	e.str(`,"listener":`, r.Listener)
	e.str(`,"caller":`, r.Caller)
	e.str(`,"claimed_caller":`, r.ClaimedCaller)
	e.str(`,"identified_by":`, r.IdentifiedBy)
	e.str(`,"identity":`, r.Identity)
	e.str(`,"source":`, r.Source)
	e.num(`,"source_port":`, int64(r.SourcePort))
}

func (e *encoder) operation(r *Record) {
	e.str(`,"upstream":`, r.Upstream)
	e.str(`,"site":`, r.Site)
	e.str(`,"currency":`, r.Currency)
	e.str(`,"operation":`, r.Operation)
	e.str(`,"effect":`, r.Effect)
	e.flag(`,"deprecated":true`, r.Deprecated)
	e.str(`,"method":`, r.Method)
}

func (e *encoder) target(r *Record) {
	declared := r.Operation != "" && r.Site == ""
	e.asked("path", r.Path, r.PathBytes, r.PathHash, !declared)
	e.asked("query", r.Query, r.QueryBytes, r.QueryHash, !declared)
	e.withheldList(r.QueryWithheld)
}

func (e *encoder) credential(r *Record) {
	e.str(`,"credential":`, r.Credential)
	e.str(`,"class":`, r.Class)
	e.str(`,"access_key":`, r.AccessKey)
	e.str(`,"account":`, r.Account)
	e.str(`,"plan":`, r.Plan)
}

func (e *encoder) decision(r *Record) {
	e.str(`,"decision":`, r.Decision)
	e.str(`,"reason":`, r.Reason)
	e.str(`,"detail":`, r.Detail)
	e.str(`,"stage":`, r.Stage)
	e.str(`,"tls_failure":`, r.TLSFailure)
	e.str(`,"event":`, string(r.Event))
	e.str(`,"subject":`, r.Subject)
	e.data(r.Data)
	e.freezeList(r.Freezes)
}

func (e *encoder) hashes(r *Record) {
	e.str(`,"mac_key":`, r.MACKey)
	e.str(`,"path_mac":`, r.PathMAC)
	e.str(`,"query_mac":`, r.QueryMAC)
	e.str(`,"body_mac":`, r.BodyMAC)
	e.str(`,"answer_mac":`, r.AnswerMAC)
	e.str(`,"body_hash":`, r.BodyHash)
	e.num(`,"body_bytes":`, r.BodyBytes)
}

func (e *encoder) result(r *Record) {
	e.str(`,"outcome":`, r.Outcome)
	e.num(`,"status":`, int64(r.Status))
	e.str(`,"request_id":`, r.RequestID)
	e.str(`,"result":`, r.Result)
	e.str(`,"result_from":`, r.ResultFrom)
	e.str(`,"error_code":`, r.ErrorCode)
	e.str(`,"error_message":`, r.ErrorMessage)
	e.str(`,"answer_hash":`, r.AnswerHash)
	e.num(`,"answer_bytes":`, r.AnswerBytes)
	e.num(`,"waited_us":`, r.WaitedMicros)
	e.num(`,"upstream_us":`, r.UpstreamMicros)
	e.num(`,"total_us":`, r.TotalMicros)
	e.steps(r.Steps)
	if l := r.Limited; l != nil {
		e.str(`,"limit":`, l.Limit)
		e.str(`,"limit_from":`, l.LimitFrom)
		e.list(`,"would_refuse":[`, l.WouldRefuse, e.shadows)
	}
}

func (e *encoder) steps(s *Steps) {
	if s == nil {
		return
	}
	e.b = append(e.b, `,"steps_us":{`...)
	start := len(e.b)
	e.num(`,"decided":`, s.Decided)
	e.num(`,"limited":`, s.Limited)
	e.num(`,"durable":`, s.Durable)
	e.num(`,"sent":`, s.Sent)
	e.num(`,"first_byte":`, s.FirstByte)
	e.num(`,"answered":`, s.Answered)
	e.closeObject(start)
}

// log writes the members of records that are of the log itself.
func (e *encoder) log(r *Record) {
	e.str(`,"key":`, r.Key)
	e.str(`,"previous_key":`, r.PreviousKey)
	e.flag(`,"key_lost":true`, r.KeyLost)
	e.str(`,"checkpoint":`, r.Checkpoint)
	e.list(`,"peaks":[`, r.Peaks, e.peaks)
	state := r.State()
	e.place(`,"open":{"seq":`, state.Open)
	e.signatureList(state.Signatures)
	e.place(`,"previous":{"seq":`, state.Previous)
	e.place(`,"frozen":{"seq":`, state.Frozen)
	e.uint(`,"first":`, r.First)
	e.uint(`,"last":`, r.Last)
	e.uint(`,"unsigned":`, r.Unsigned)
}

// place writes a place; key ends in front of its seq.
func (e *encoder) place(key string, p *Place) {
	if p == nil {
		return
	}
	e.b = append(e.b, key...)
	e.b = strconv.AppendUint(e.b, p.Seq, 10)
	e.b = append(e.b, `,"back":`...)
	e.b = strconv.AppendInt(e.b, p.Back, 10)
	e.str(`,"hash":`, p.Hash)
	e.b = append(e.b, '}')
}

func (e *encoder) signatureList(signatures []Signature) {
	listOf(e, `,"signatures":[`, signatures, e.signed, func(s *Signature) {
		e.b = append(e.b, `{"hash":`...)
		e.text(s.Hash)
		e.time(`,"date":`, s.Date)
		e.b = append(e.b, '}')
	})
}

func (e *encoder) freezeList(freezes []freeze.Freeze) {
	listOf(e, `,"freezes":[`, freezes, e.frozen, func(f *freeze.Freeze) {
		e.b = append(e.b, `{"id":`...)
		e.text(f.ID)
		e.b = append(e.b, `,"kind":`...)
		e.text(string(f.Kind))
		e.str(`,"name":`, f.Name)
		e.str(`,"reason":`, f.Reason)
		e.time(`,"since":`, f.Since)
		e.time(`,"until":`, f.Until)
		e.str(`,"by":`, f.By)
		e.b = append(e.b, '}')
	})
}

func (e *encoder) fieldList(fields []Field) {
	left := e.values
	listOf(e, `,"fields":[`, fields, e.fields, func(f *Field) { left -= e.field(f, left) })
}

// field writes a field with at most so many values, and returns how many it wrote.
func (e *encoder) field(f *Field, most int) (n int) {
	e.b = append(e.b, `{"name":`...)
	e.text(f.Name)
	e.str(`,"kind":`, f.Kind)
	before := e.cut
	e.cut = false
	n = e.bound(len(f.Values), most)
	e.list(`,"values":[`, f.Values[:n], n)
	e.num(`,"omitted":`, int64(f.Omitted+len(f.Values)-n))
	e.num(`,"unsummed":`, int64(f.Unsummed))
	bytes, hash := f.AllBytes, f.AllHash
	if e.cut && f.Omitted == 0 && hash == "" && len(e.b) <= e.end {
		bytes, hash = digest.Of(f.Values)
	}
	e.num(`,"all_bytes":`, bytes)
	e.str(`,"all_hash":`, hash)
	e.b = append(e.b, '}')
	e.cut = e.cut || before
	return n
}

// asked writes a text that a caller chose; where it is truncated, with its length and, if it may have one, its hash. From a hash, what is
// left out can be searched.
func (e *encoder) asked(name, text string, bytes int64, hash string, hashed bool) {
	before := e.cut
	e.cut = false
	if text != "" {
		e.b = append(append(append(e.b, `,"`...), name...), `":`...)
		e.text(text)
	}
	if e.cut && hash == "" {
		bytes = max(bytes, int64(len(text)))
		if hashed {
			hash = digest.OfText(text)
		}
	}
	if bytes != 0 {
		e.b = append(append(append(e.b, `,"`...), name...), `_bytes":`...)
		e.b = strconv.AppendInt(e.b, bytes, 10)
	}
	if hash != "" {
		e.b = append(append(append(e.b, `,"`...), name...), `_hash":`...)
		e.text(hash)
	}
	e.cut = e.cut || before
}

func (e *encoder) withheldList(withheld []Withheld) {
	listOf(e, `,"query_withheld":[`, withheld, e.hidden, func(w *Withheld) {
		e.b = append(e.b, '{')
		start := len(e.b)
		e.str(`,"name":`, w.Name)
		e.num(`,"bytes":`, w.Bytes)
		e.num(`,"pairs":`, int64(w.Pairs))
		e.closeObject(start)
	})
}

func (e *encoder) countList(counts []Count) {
	listOf(e, `,"counts":[`, counts, e.counts, func(c *Count) {
		e.b = append(e.b, `{"reason":`...)
		e.text(c.Reason)
		e.str(`,"stage":`, c.Stage)
		e.str(`,"tls_failure":`, c.TLSFailure)
		e.str(`,"source":`, c.Source)
		e.str(`,"caller":`, c.Caller)
		e.b = append(e.b, `,"count":`...)
		e.b = strconv.AppendUint(e.b, c.Count, 10)
		e.b = append(e.b, '}')
	})
}

func (e *encoder) tls(key string, t *TLS) {
	if t == nil {
		return
	}
	e.b = append(e.b, key...)
	if t.encoded != "" && e.first {
		e.b = append(e.b, t.encoded...)
		return
	}
	start := len(e.b)
	e.str(`,"version":`, t.Version)
	e.str(`,"suite":`, t.Suite)
	e.str(`,"group":`, t.Group)
	e.str(`,"alpn":`, t.ALPN)
	e.flag(`,"resumed":true`, t.Resumed)
	e.str(`,"server_name":`, t.ServerName)
	e.str(`,"peer":`, t.Peer)
	e.str(`,"peer_fingerprint":`, t.PeerFingerprint)
	e.time(`,"peer_not_after":`, t.PeerNotAfter)
	e.offer(t.Offer)
	e.closeObject(start)
}

func (e *encoder) offer(o *Offer) {
	if o == nil {
		return
	}
	e.b = append(e.b, `,"offer":{`...)
	start := len(e.b)
	e.list(`,"versions":[`, o.Versions, e.offers)
	e.list(`,"suites":[`, o.Suites, e.offers)
	e.list(`,"groups":[`, o.Groups, e.offers)
	e.str(`,"server_name":`, o.ServerName)
	e.closeObject(start)
}

// closeObject ends an object whose members, each with a comma in front, begin at start.
func (e *encoder) closeObject(start int) {
	if len(e.b) > start {
		e.b = append(e.b[:start], e.b[start+1:]...)
	}
	e.b = append(e.b, '}')
}

// bound returns how many of n entries are written if at most limit may be.
func (e *encoder) bound(n, limit int) int {
	if n <= limit {
		return n
	}
	e.cut = true
	return limit
}

func (e *encoder) list(key string, values []string, most int) {
	listOf(e, key, values, most, func(v *string) { e.text(*v) })
}

// listOf writes a member that is a list, with at most so many of its elements, each by write. A list without elements is left out.
func listOf[T any](e *encoder, key string, elements []T, most int, write func(*T)) {
	if len(elements) == 0 {
		return
	}
	e.b = append(e.b, key...)
	for i := range elements[:e.bound(len(elements), most)] {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		write(&elements[i])
	}
	e.b = append(e.b, ']')
}

func (e *encoder) str(key, value string) {
	if value == "" {
		return
	}
	e.b = append(e.b, key...)
	e.text(value)
}

// flag appends a member whose value is true, if it is.
func (e *encoder) flag(member string, is bool) {
	if is {
		e.b = append(e.b, member...)
	}
}

func (e *encoder) num(key string, value int64) {
	if value == 0 {
		return
	}
	e.b = append(e.b, key...)
	e.b = strconv.AppendInt(e.b, value, 10)
}

func (e *encoder) uint(key string, value uint64) {
	if value == 0 {
		return
	}
	e.b = append(e.b, key...)
	e.b = strconv.AppendUint(e.b, value, 10)
}

func (e *encoder) time(key string, value time.Time) {
	if value.IsZero() {
		return
	}
	e.b = append(e.b, key...)
	e.b = appendTime(e.b, value)
}

func (e *encoder) text(s string) {
	if len(e.b) > e.end {
		s = ""
	}
	var cut bool
	e.b, cut = appendString(e.b, s, e.limits.text)
	e.cut = e.cut || cut
}

// appendString appends s as a JSON string of at most max bytes between the quotes, and reports whether it was cut. What a
// terminal would not print is escaped, so that no record can hide or forge text on a reviewer's screen.
func appendString(dst []byte, s string, max int) ([]byte, bool) {
	dst = append(dst, '"')
	end := len(dst) + max
	for s != "" {
		room := end - len(dst)
		n := plainPrefix(s[:min(len(s), room+1)]) // a text may be far longer than what is written of it
		if n > room {
			return append(append(dst, s[:room]...), '"'), true
		}
		dst = append(dst, s[:n]...)
		if s = s[n:]; s == "" {
			break
		}
		c, size := utf8.DecodeRuneInString(s)
		mark := len(dst)
		if dst = appendRune(dst, c); len(dst) > end {
			return append(dst[:mark], '"'), true
		}
		s = s[size:]
	}
	return append(dst, '"'), false
}

// plainPrefix returns the length of the longest prefix of printable ASCII that needs no escape.
func plainPrefix(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		if odd := special(word(s[i:])); odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// Eight bytes are one number, the first of them lowest.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// special sets the highest bit of the first byte that is no printable ASCII or needs an escape, and perhaps of some behind it.
func special(w uint64) uint64 {
	quote, backslash, deleted := w^ones*'"', w^ones*'\\', w^ones*0x7f
	return (w | (w-ones*' ')&^w | (quote-ones)&^quote | (backslash-ones)&^backslash | (deleted-ones)&^deleted) & highs
}

func appendRune(dst []byte, c rune) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', byte(c))
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case unicode.IsPrint(c):
		return utf8.AppendRune(dst, c)
	case c > 0xFFFF: // RFC 8259 section 7: a surrogate pair
		c -= 0x10000
		return appendEscape(appendEscape(dst, 0xD800+c>>10), 0xDC00+c&0x3FF)
	}
	return appendEscape(dst, c)
}

func appendEscape(dst []byte, c rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}

// appendTime appends t, quoted, as RFC 3339 in UTC with nine digits of a second, so that times of one width sort as
// text. A year that RFC 3339 cannot write becomes the nearest that it can.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(dst, '"')
	dst = appendDigits(dst, min(max(year, 0), 9999), 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond(), 9)
	return append(dst, 'Z', '"')
}

func appendDigits(dst []byte, value, width int) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := start + width - 1; i >= start; i-- {
		dst[i] = byte('0' + value%10)
		value /= 10
	}
	return dst
}
