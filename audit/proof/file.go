package proof

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// MaxFile bounds a proof, in bytes.
const MaxFile = 4 << 20

// The types of proofs. The number rises when the meaning of a proof changes.
const (
	typeCall        = "tollgate call proof 1"
	typeConsistency = "tollgate consistency proof 1"
)

// Proof is a [Call] or a [Consistency].
type Proof interface {
	// Encode returns the proof as a file.
	Encode() ([]byte, error)
	check() error
}

// Parse reads a proof and checks it. What the proof states is true of the log whose keys signed it; whose keys they are is for the caller
// to check.
func Parse(file []byte) (Proof, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("a proof is not longer than %d bytes", MaxFile)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(file, &head); err != nil {
		return nil, fmt.Errorf("the file is no proof: %w", err)
	}
	var p Proof
	switch head.Type {
	case typeCall:
		p = new(Call)
	case typeConsistency:
		p = new(Consistency)
	default:
		return nil, fmt.Errorf("the file is no proof that this version knows: its type is %.100q, not %q or %q", head.Type, typeCall, typeConsistency)
	}
	if err := parse(file, p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// parse reads a file that is spelt as encode spells it, so that every byte of it counts.
func parse(file []byte, p Proof) error {
	if err := json.Unmarshal(file, p, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("the file is no proof: %w", err)
	}
	spelt, err := p.Encode()
	if err == nil && !bytes.Equal(spelt, file) {
		err = errors.New("the proof is not spelt as it should be: in the form of RFC 8785, with one line feed at the end")
	}
	return err
}

func encode(p any) ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing a proof: %w", err)
	}
	if err := (*jsontext.Value)(&text).Canonicalize(); err != nil {
		return nil, fmt.Errorf("writing a proof: %w", err)
	}
	return append(text, '\n'), nil
}

// Signed is a checkpoint and the public keys that signed it, in the order of the signatures.
type Signed struct {
	Note string   `json:"checkpoint"`
	Keys []string `json:"keys"`
}

func (s *Statement) signed() Signed {
	texts := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		texts[i] = k.String()
	}
	return Signed{s.Note, texts}
}

// Open verifies the signatures and returns what they state, and the keys.
func (s Signed) Open() (checkpoint.Checkpoint, []checkpoint.PublicKey, error) {
	keys := make([]checkpoint.PublicKey, len(s.Keys))
	for i, text := range s.Keys {
		var err error
		if keys[i], err = logfile.ParseKey(text); err != nil {
			return checkpoint.Checkpoint{}, nil, err
		}
	}
	c, err := checkpoint.Open(s.Note, keys...)
	return c, keys, err
}
