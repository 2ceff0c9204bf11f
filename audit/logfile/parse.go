package logfile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"tollgate/freeze"
)

// ParseLine reads one line of a log, without its line feed, into r, as strictly as [Read] does: one JSON object,
// names by exact case and once each, valid UTF-8. Members that r does not know are ignored.
func ParseLine(line []byte, r *Record) error {
	*r = Record{}
	return decode(line, r)
}

// Head is what recovery needs of a record.
type Head struct {
	Seq           uint64    `json:"seq"`
	Commit        uint64    `json:"commit"`
	Time          time.Time `json:"time"`
	Kind          Kind      `json:"kind"`
	Call          string    `json:"call"`
	Caller        string    `json:"caller"`
	Upstream      string    `json:"upstream"`
	Site          string    `json:"site"`
	Operation     string    `json:"operation"`
	Effect        string    `json:"effect"`
	Deprecated    bool      `json:"deprecated"`
	Credential    string    `json:"credential"`
	Class         string    `json:"class"`
	Account       string    `json:"account"`
	Plan          string    `json:"plan"`
	SignatureHash string    `json:"signature_hash"`
	SignatureDate time.Time `json:"signature_date"`
	Key           string    `json:"key"`
	PreviousKey   string    `json:"previous_key"`
	KeyLost       bool      `json:"key_lost"`
	Checkpoint    string    `json:"checkpoint"`
	Peaks         []string  `json:"peaks"`

	Open       *Place      `json:"open"`
	Signatures []Signature `json:"signatures"`
	Previous   *Place      `json:"previous"`
	Frozen     *Place      `json:"frozen"`

	Event   EventCode       `json:"event"`
	Freezes []freeze.Freeze `json:"freezes"`
}

// decode reads a line strictly: names by exact case and once each, valid UTF-8, nothing around the object. A person,
// jq and this program then read the same in a line.
func decode(line []byte, into any) error {
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return errors.New("a record is one JSON object without anything around it")
	}
	return json.Unmarshal(line, into)
}

// ParseHead reads a line that begins at an offset of a file.
func ParseHead(name string, offset int64, line []byte) (Head, error) {
	h, err := parseHead(line)
	if err != nil {
		err = FaultAt(name, offset, "the line is no record: %w", err)
	}
	return h, err
}

func parseHead(line []byte) (h Head, err error) {
	if err = decode(line, &h); err == nil {
		err = CheckHead(h.Seq, h.Commit, h.Kind)
	}
	return h, err
}

// ErrUnknownKind is wrapped by errors about a record of a kind that is not among [Kinds].
var ErrUnknownKind = errors.New("this version of the program does not know its kind; a later version may have written it")

// CheckHead returns an error if the numbers or the kind of a record are wrong.
func CheckHead(seq, commit uint64, kind Kind) error {
	if seq == 0 || commit == 0 || commit > seq || kind == "" {
		return errors.New("seq, commit or kind is missing or wrong")
	}
	if !kind.Known() {
		return fmt.Errorf("%w: %.40q", ErrUnknownKind, kind)
	}
	return nil
}

// Known reports whether k is one of the kinds of this version.
func (k Kind) Known() bool { return slices.Contains(Kinds, string(k)) }
