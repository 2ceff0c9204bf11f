package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"tollgate/audit/checkpoint"
)

// State is what a checkpoint states of the records before it, so that a start need not read them. It is empty in a log's first
// checkpoint, and in those of versions that stated nothing.
type State struct {
	Open       *Place      `json:"open,omitempty"`       // the oldest intent without outcome; nil if each has one
	Signatures []Signature `json:"signatures,omitempty"` // of intents to write or spend since the checkpoint before
	Previous   *Place      `json:"previous,omitempty"`   // the checkpoint before
	Frozen     *Place      `json:"frozen,omitempty"`     // the last record that states freezes in force; nil if that states none, or there is no such record
}

// OfBefore is the state in the record of a checkpoint.
type OfBefore State

// State returns what a checkpoint states.
func (h *Head) State() State { return State{h.Open, h.Signatures, h.Previous, h.Frozen} }

// State returns what a checkpoint states.
func (r *Record) State() State {
	if r.OfBefore == nil {
		return State{}
	}
	return State(*r.OfBefore)
}

// Empty reports whether a checkpoint states nothing, as those of old logs do.
func (s State) Empty() bool {
	return s.Open == nil && len(s.Signatures) == 0 && s.Previous == nil && s.Frozen == nil
}

const (
	// MaxOpen bounds the calls without outcome that are followed at once: far more than a gateway can have in flight.
	MaxOpen = 1 << 17
	// maxSignature bounds the text of a signature's hash, in bytes. Those of the gateway have 64.
	maxSignature = 128
	// signatureFrame is the length of a signature in a line without its text.
	signatureFrame = 64
	// signatureRoom bounds the length of the signatures in a checkpoint's line: less than note, key and peaks leave.
	signatureRoom = 48 << 10
)

// SignatureOf returns the signature that an intent of this effect has: that of a call that may change something.
func SignatureOf(r *Record) (Signature, bool) {
	return Signature{r.SignatureHash, r.SignatureDate}, r.Kind == KindIntent && counts(r.SignatureHash, r.Effect)
}

// Signature returns the same for the record that h is of.
func (h *Head) Signature() (Signature, bool) {
	return Signature{h.SignatureHash, h.SignatureDate}, h.Kind == KindIntent && counts(h.SignatureHash, h.Effect)
}

func counts(hash, effect string) bool {
	return hash != "" && len(hash) <= maxSignature && effect != "read"
}

// room returns the greatest length of a signature in a line.
func (s *Signature) room() int {
	if plainPrefix(s.Hash) == len(s.Hash) {
		return signatureFrame + len(s.Hash)
	}
	return signatureFrame + 6*len(s.Hash) // \u00ff for one byte
}

// Room is the length of the signatures that the next checkpoint will state.
type Room int

// Add adds a signature, and reports whether the checkpoint has to come before the next one, which might not fit.
func (r *Room) Add(s Signature) (full bool) {
	*r += Room(s.room())
	return *r > signatureRoom-signatureFrame-6*maxSignature
}

// Entry is what a [Ledger] needs of a record of kind start, intent, outcome or checkpoint, or that states freezes.
type Entry struct {
	Kind      Kind
	Seq       uint64
	Call      string
	Signature Signature // its Hash is empty if the intent has none that counts
	States    bool      // it states the freezes in force: see [Record.StatesFreezes]
	Freezes   int       // how many these are
	Offset    int       // of its line in the added lines
}

// Ledger follows what a checkpoint has to state. The zero value is for a log's beginning.
type Ledger struct {
	end        int64 // bytes of lines so far
	begun      uint64
	open       map[string]spot
	signatures []Signature
	room       Room
	full       bool // more signatures came than a checkpoint can state
	previous   spot // the last checkpoint; its seq is 0 before the first
	hash       string
	frozen     spot // the last record that states freezes; its seq is 0 when none is in force
	frozenHash string
	stating    bool // a checkpoint has stated something: from then on each has to
	unread     bool // intents without outcome may stand before what was added
	read, next uint64
}

// spot is where a line begins.
type spot struct {
	seq uint64
	at  int64
}

// LedgerFrom returns a ledger that begins with record seq of a log. Of the records before that only is known whether a checkpoint there has
// stated something.
func LedgerFrom(seq uint64, stating bool) *Ledger {
	return &Ledger{begun: seq, unread: seq > 1, stating: stating}
}

// Add adds lines, with the entries in them.
func (l *Ledger) Add(entries []Entry, lines []byte) {
	for i := range entries {
		l.add(&entries[i], lines[entries[i].Offset:])
	}
	l.end += int64(len(lines))
}

// AddHead adds one line of n bytes, its line feed included. It returns an error for a checkpoint that states something else.
func (l *Ledger) AddHead(h *Head, line []byte) error {
	if h.Kind == KindCheckpoint {
		if err := l.check(h); err != nil {
			return err
		}
		l.stating = l.stating || !h.State().Empty()
		l.adopt(h)
		l.Checkpoint(h.Seq, checkpoint.LeafHash(line))
		if h.Open != nil {
			l.next = min(l.next, h.Open.Seq)
		}
	}
	e := Entry{Kind: h.Kind, Seq: h.Seq, Call: h.Call, States: h.StatesFreezes(), Freezes: len(h.Freezes)}
	if s, ok := h.Signature(); ok {
		e.Signature = s
	}
	l.add(&e, line)
	l.end += int64(len(line)) + 1
	return nil
}

// adopt sets, from a checkpoint, which record in front of the added ones states the freezes in force. The added ones were compared.
func (l *Ledger) adopt(h *Head) {
	if h.Frozen != nil {
		l.frozen, l.frozenHash = spot{h.Frozen.Seq, l.end - h.Frozen.Back}, h.Frozen.Hash
	}
}

// add adds an entry. The lines begin with its line.
func (l *Ledger) add(e *Entry, lines []byte) {
	if e.States {
		l.freezes(e, lines)
	}
	switch e.Kind {
	case KindStart:
		clear(l.open)
		l.unread = false
	case KindIntent:
		l.intent(e)
	case KindOutcome:
		delete(l.open, e.Call)
	}
}

func (l *Ledger) freezes(e *Entry, lines []byte) {
	if l.frozen, l.frozenHash = (spot{}), ""; e.Freezes > 0 {
		line, _, _ := bytes.Cut(lines, []byte{'\n'})
		l.frozen, l.frozenHash = spot{e.Seq, l.end + int64(e.Offset)}, checkpoint.LeafHash(line).String()
	}
}

func (l *Ledger) intent(e *Entry) {
	if l.open == nil {
		l.open = map[string]spot{}
	}
	if _, ok := l.open[e.Call]; !ok && e.Call != "" {
		l.open[e.Call] = spot{e.Seq, l.end + int64(e.Offset)}
	}
	if e.Signature.Hash != "" && !l.full {
		l.signatures = append(l.signatures, e.Signature)
		l.room.Add(e.Signature)
		l.full = l.room > signatureRoom
	}
}

// Checkpoint announces that the next added line is a checkpoint, with that leaf.
func (l *Ledger) Checkpoint(seq uint64, leaf checkpoint.Hash) {
	l.read, l.next = l.next, seq
	if oldest, ok := l.oldest(); ok {
		l.next = oldest.seq
	}
	if l.frozen.seq > 0 {
		l.next = min(l.next, l.frozen.seq)
	}
	l.previous, l.hash = spot{seq, l.end}, leaf.String()
	l.signatures, l.room, l.full = l.signatures[:0], 0, false
}

// Open returns how many intents have no outcome.
func (l *Ledger) Open() int { return len(l.open) }

// ReadFrom returns the first record that a start reads once the last checkpoint is durable: the checkpoint before that, the intent
// that had been open longest there, or the freezes in force there. It returns 0 if that is not known.
func (l *Ledger) ReadFrom() uint64 { return l.read }

// State returns what the next checkpoint has to state, valid until that is added. It is empty if there was no checkpoint before, and if
// more signatures came since than fit, which versions before allowed.
func (l *Ledger) State() State {
	if l.previous.seq == 0 || l.full {
		return State{}
	}
	s := State{Signatures: l.signatures, Previous: l.place(l.previous)}
	s.Previous.Hash = l.hash
	if oldest, ok := l.oldest(); ok {
		s.Open = l.place(oldest)
	}
	if l.frozen.seq > 0 {
		s.Frozen = l.place(l.frozen)
		s.Frozen.Hash = l.frozenHash
	}
	return s
}

func (l *Ledger) place(s spot) *Place { return &Place{Seq: s.seq, Back: l.end - s.at} }

func (l *Ledger) oldest() (first spot, ok bool) {
	for _, s := range l.open {
		if !ok || s.seq < first.seq {
			first, ok = s, true
		}
	}
	return first, ok
}

// check compares what a checkpoint states with the records before it, as far as they were added.
func (l *Ledger) check(h *Head) error {
	want, got := l.State(), h.State()
	switch {
	case got.Empty() && !l.stating:
		return nil
	case got.Previous == nil:
		return errors.New("the checkpoint does not state which one stands before it")
	case l.previous.seq == 0 && l.begun > 1:
		return nil
	case !same(got.Previous, want.Previous):
		return errors.New("the checkpoint states another one before it than there is")
	case !slices.EqualFunc(got.Signatures, want.Signatures, Signature.Equal):
		return fmt.Errorf("the checkpoint states %d signatures since the one before, which are not those of the %d intents there",
			len(got.Signatures), len(want.Signatures))
	case !same(got.Frozen, want.Frozen):
		return errors.New("the checkpoint states another record of the freezes in force than there is")
	case l.unread && got.Open != nil && got.Open.Seq < l.begun && got.Open.Back > l.end:
		return nil
	case !same(got.Open, want.Open):
		return errors.New("the checkpoint states another oldest call without outcome than there is")
	}
	return nil
}

func same(a, b *Place) bool { return a == b || a != nil && b != nil && *a == *b }

// Equal reports whether two signatures are the same.
func (s Signature) Equal(other Signature) bool {
	return s.Hash == other.Hash && s.Date.Equal(other.Date)
}
