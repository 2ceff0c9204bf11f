package journal

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"

	"tollgate/audit/logfile"
	"tollgate/internal/durable"
	"tollgate/internal/private"
	"tollgate/ratelimit"
	"tollgate/spend"
)

// FileName is that of the file in the folder of the log.
const FileName = "spend.state"

// Purpose is what the key of the file's hash is derived for.
const Purpose = "what was spent"

const (
	title = "tollgate spend state 1\n"
	// maxFile is more than a ledger that is full takes.
	maxFile = 2 << 30
)

// state is what the file holds: what the records say up to one of them.
type state struct {
	Seq     uint64 `json:"seq"` // of that record
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`  // of its line
	Line    string `json:"line"`    // the hash of its leaf
	MACKey  string `json:"mac_key"` // the id of the hash key

	From    uint64                         `json:"from"` // unknown calls that were last stated before it are to be stated again
	Ledger  spend.State                    `json:"ledger"`
	Open    []*statement                   `json:"open,omitempty"`
	Foreign map[string]string              `json:"foreign,omitempty"` // acts of calls with keys of another hash key
	Partial map[string][]logfile.CapCharge `json:"partial,omitempty"` // what caps have counted of which not all is read
	Limits  []ratelimit.CalendarCount      `json:"limits,omitempty"`
}

// sealed is a state as the file has it.
func sealed(s *state, mac hash.Hash) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return append(append([]byte(title), sum(mac, text)+"\n"...), text...), nil
}

func sum(mac hash.Hash, text []byte) string {
	mac.Reset()
	_, _ = mac.Write(text) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// unsealed reads what sealed has written. Nothing is parsed that was not signed.
func unsealed(data []byte, mac hash.Hash) (*state, error) {
	rest, ok := bytes.CutPrefix(data, []byte(title))
	signature, text, found := bytes.Cut(rest, []byte{'\n'})
	if !ok || !found {
		return nil, errors.New("it is no such file, or of another version")
	}
	if !hmac.Equal(signature, []byte(sum(mac, text))) {
		return nil, errors.New("it is not signed by the key of this log, or was changed")
	}
	s := new(state)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	return s, nil
}

// state returns what is folded, as plain data, but for the hash of its last line and the counts of limits.
func (f *fold) state() *state {
	s := &state{
		Seq: f.seq, Segment: f.at.Segment, Offset: f.at.Offset, MACKey: f.macKey, From: f.from, Ledger: f.ledger.Snapshot(), Foreign: f.foreign,
		Partial: f.partial,
	}
	s.Open = f.statements(func(*statement) bool { return true })
	return s
}

// restore makes a fold of a state.
func (s *state) restore(macKey string) (*fold, error) {
	f := newFold(macKey)
	f.seq, f.at, f.from = s.Seq, logfile.Position{Segment: s.Segment, Offset: s.Offset}, s.From
	if s.Foreign != nil {
		f.foreign = s.Foreign
	}
	if s.Partial != nil {
		f.partial = s.Partial
	}
	for _, stated := range s.Open {
		if stated == nil || stated.Record.Spending == nil || stated.Record.Call == "" {
			return nil, errors.New("it does not say what a call holds")
		}
		f.open[stated.Record.Call] = stated
	}
	return f, f.ledger.Restore(s.Ledger)
}

// stored reads the file, and looks whether the log still has the record that it ends with.
func (j *Journal) stored() (*state, error) {
	data, err := private.ReadOwn(j.file(), maxFile, j.o.Report)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file")
	}
	if err != nil {
		return nil, err
	}
	s, err := unsealed(data, j.o.MAC)
	switch {
	case err != nil:
		return nil, err
	case s.MACKey != j.o.MACKey:
		return nil, errors.New("it is of another hash key")
	case s.Seq > j.o.Log.Status().DurableSeq:
		return nil, fmt.Errorf("the log has no record %d, with which it ends", s.Seq)
	}
	line, err := j.lineHash(s.Seq, logfile.Position{Segment: s.Segment, Offset: s.Offset})
	if err == nil && line != s.Line {
		err = fmt.Errorf("record %d of the log is another one than that with which it ends", s.Seq)
	}
	return s, err
}

// stateOf returns what the file holds of a fold, but for the hash of the last line.
func (j *Journal) stateOf(f *fold) *state {
	s := f.state()
	if j.o.Limits != nil {
		s.Limits = j.o.Limits.CalendarCounts()
	}
	return s
}

func (j *Journal) file() string { return filepath.Join(j.o.Dir, FileName) }

// write replaces the file.
func (j *Journal) write(s *state) (err error) {
	if s.Line, err = j.lineHash(s.Seq, logfile.Position{Segment: s.Segment, Offset: s.Offset}); err != nil {
		return err
	}
	data, err := sealed(s, j.o.MAC)
	if err == nil {
		err = durable.WriteFile(j.file(), data, 0o600)
	}
	return err
}
