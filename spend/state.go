package spend

import (
	"encoding/base64"
	"errors"
	"time"
)

// State is what a [Memory] knows, as plain data. It can be written as JSON.
type State struct {
	Calls  []CallState       `json:"calls,omitempty"` // in the order in which they reserved
	Caps   []CapState        `json:"caps,omitempty"`
	Counts []CountState      `json:"counts,omitempty"`
	Acts   map[string]string `json:"acts,omitempty"` // held as a whole, each by a call: see [Memory.HoldAct]
}

// CallState is a call that holds keys, or may return what it reserved.
type CallState struct {
	Call       string        `json:"call"`
	Caller     string        `json:"caller"`
	Act        string        `json:"act,omitempty"`
	At         time.Time     `json:"at"`
	Outcome    string        `json:"outcome,omitempty"` // empty: it is under way
	Ended      time.Time     `json:"ended,omitzero"`
	Keys       []KeyState    `json:"keys,omitempty"`
	Charges    []ChargeState `json:"charges,omitempty"` // that can be given back
	Repeats    string        `json:"repeats,omitempty"`
	RepeatedBy string        `json:"repeated_by,omitempty"`
	Allowed    bool          `json:"allowed,omitempty"` // an operator allowed to repeat it

	number uint64 // of the reservation
}

// KeyState is a key that a call holds.
type KeyState struct {
	Key    int           `json:"key"` // which of its claim's
	Digest Digest        `json:"digest"`
	Window time.Duration `json:"window"`
	Until  time.Time     `json:"until,omitzero"` // when its window ends; zero where none runs
	// Hidden is true where a later call holds the key too, and is the one that others are refused for.
	Hidden bool `json:"hidden,omitempty"`
}

// ChargeState is a charge of a call.
type ChargeState struct {
	CountID
	Amount   Money `json:"amount"`
	Unpriced bool  `json:"unpriced,omitempty"`
}

// CountID says which count of which cap it is.
type CountID struct {
	Cap        string `json:"cap"`
	Definition string `json:"definition"`
	Counted    string `json:"counted,omitempty"`
	Period     string `json:"period,omitempty"`
	Currency   string `json:"currency,omitempty"`
}

// CountState is one count of a cap.
type CountState struct {
	CountID
	Used     Money  `json:"used"`
	Calls    int64  `json:"calls"`              // that charged it
	Unpriced int64  `json:"unpriced,omitempty"` // of these, without a known price
	Last     string `json:"last,omitempty"`     // the call that charged it last
}

// CapState is a cap that counts or has counted.
type CapState struct {
	Name       string    `json:"name"`
	Definition string    `json:"definition"`
	Hard       bool      `json:"hard,omitempty"`
	Since      time.Time `json:"since"`            // from when on it counts
	Period     string    `json:"period,omitempty"` // the newest that it has counted in
}

// String returns the digest as records have it: base64url, without padding.
func (d Digest) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(text []byte) error {
	read, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(read) != len(d) {
		return errors.New("want 16 bytes in base64url, without padding")
	}
	copy(d[:], read)
	return nil
}
