package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ID names an exception, in addresses and over restarts: what is found again in the same records has the same id. Members that a kind does not
// have are empty.
type ID struct {
	Kind Kind
	Log  string // all but [Expires] and [Deprecated]
	// Seq is of the record that shows it: the outcome, the intent of an open call, the refusal, the event, the start, the key; or of the first
	// record that is missing, wrong, or not covered.
	Seq    uint64
	Hour   string // of a burst: when it begins, as [hourLayout] in UTC
	Reason string // of a burst
	Who    string // of a burst: [callerMark] or [sourceMark], and the name
	Name   string // of a freeze its id; the fingerprint of a certificate, the id of a key; the operation that is deprecated
	Caller string // of [Deprecated]
	Month  string // of [Deprecated], as 2026-10 in the zone of the reader
}

const (
	hourLayout  = "2006-01-02T15:04Z"
	monthLayout = "2006-01"
	callerMark  = "caller="
	sourceMark  = "source="
)

// errID is the error of a text that is no id.
var errID = errors.New("it names no exception")

// parts returns the members that an id of its kind has behind the kind, in their order. seq stands for Seq.
func (id *ID) parts(seq *string) []*string {
	switch id.Kind {
	case Burst:
		return []*string{&id.Log, &id.Hour, &id.Reason, &id.Who}
	case Freeze:
		return []*string{&id.Log, &id.Name}
	case Expires:
		return []*string{&id.Name}
	case Deprecated:
		return []*string{&id.Name, &id.Caller, &id.Month}
	}
	return []*string{&id.Log, seq}
}

// String returns the id as the end of an address: its parts, escaped, with slashes between them.
func (id ID) String() string {
	seq := strconv.FormatUint(id.Seq, 10)
	texts := []string{string(id.Kind)}
	for _, part := range id.parts(&seq) {
		texts = append(texts, escape(*part))
	}
	return strings.Join(texts, "/")
}

// maxID bounds the text of an id in bytes: its longest parts are bounded by [short], and escaped.
const maxID = 4 << 10

// ParseID reads an id as String writes it, and nothing else.
func ParseID(text string) (id ID, err error) {
	texts := strings.Split(text, "/")
	id.Kind = Kind(texts[0])
	var seq string
	parts := id.parts(&seq)
	if len(text) > maxID || !slices.Contains(Kinds(), id.Kind) || len(texts) != 1+len(parts) {
		return ID{}, errID
	}
	for i, part := range parts {
		if *part, err = unescape(texts[1+i]); err != nil {
			return ID{}, errID
		}
	}
	if seq != "" {
		if id.Seq, err = strconv.ParseUint(seq, 10, 64); err != nil {
			return ID{}, errID
		}
	}
	if id.String() != text || !id.valid() {
		return ID{}, errID
	}
	return id, nil
}

// valid reports whether members with a form of their own have it, and none is longer than ids have them.
func (id *ID) valid() bool {
	var seq string
	for _, part := range id.parts(&seq) {
		if *part != short(*part) {
			return false
		}
	}
	switch id.Kind {
	case Burst:
		return canonical(hourLayout, id.Hour) && (strings.HasPrefix(id.Who, callerMark) || strings.HasPrefix(id.Who, sourceMark))
	case Deprecated:
		return canonical(monthLayout, id.Month)
	case Freeze, Expires:
		return id.Name != ""
	}
	return id.Seq > 0
}

// canonical reports whether a text is a time in a layout, spelled as the layout spells it.
func canonical(layout, text string) bool {
	t, err := time.Parse(layout, text)
	return err == nil && t.Format(layout) == text
}

// hour returns when the hour of a burst begins.
func (id *ID) hour() time.Time {
	t, _ := time.Parse(hourLayout, id.Hour) // valid, or the zero time
	return t
}

// dotMark begins the parts that browsers would take for steps in a path, or leave out.
const dotMark = "~"

func escape(part string) string {
	if part == "" || part == "." || part == ".." || strings.HasPrefix(part, dotMark) {
		part = dotMark + part
	}
	return url.PathEscape(part)
}

func unescape(text string) (string, error) {
	part, err := url.PathUnescape(text)
	if err == nil && !utf8.ValidString(part) {
		err = errID
	}
	return strings.TrimPrefix(part, dotMark), err
}

const (
	maxPart   = 160 // bytes of a part of an id
	partStart = 120 // of one that is longer
)

// short returns a text as parts of ids have it: a long one cut, with a hash of the whole, for texts of records can be long.
func short(text string) string {
	if len(text) <= maxPart {
		return text
	}
	hash := sha256.Sum256([]byte(text))
	start := text[:partStart]
	for !utf8.ValidString(start) {
		start = start[:len(start)-1]
	}
	return start + "…" + hex.EncodeToString(hash[:8])
}
