package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// Errors of [Client.Ask], besides those of its context.
var (
	// ErrAway is wrapped by the errors of questions that had no effect: Redis is away, slow or refuses, or this member has not joined yet.
	ErrAway = errors.New("fleet: Redis is away")
	// ErrJoining is an [ErrAway]: Redis is there, and the parts are uploading what this member knows.
	ErrJoining = fmt.Errorf("%w: this member is joining", ErrAway)
	// ErrIncomplete is an [ErrAway]: the question needs a complete epoch, and members are missing.
	ErrIncomplete = fmt.Errorf("%w: members are missing", ErrAway)
	// ErrLate is wrapped by the errors of questions that were sent and whose answer has not come: they may have had effects. Where the
	// context ended first, its error is wrapped too.
	ErrLate = errors.New("fleet: Redis has not answered in time")
)

// Options is what a [Client] is made of.
type Options struct {
	Name      string // this member's
	Settings  Settings
	Addresses []setting.Endpoint // one: that Redis; several: nodes of a cluster; with Master: sentinels
	Master    string             // what the sentinels call it; empty: there are none
	Prefix    string             // of all keys, without braces; default: DefaultPrefix
	Database  int
	// File is where the member remembers over restarts which epoch it has joined last. Empty: it does not.
	File string

	// Login and SentinelLogin return user and password. They are called at each connection. Nil: there is none.
	Login, SentinelLogin func() (username string, password secret.String, err error)
	// TLS returns the configuration of a connection, made by a policy. It is called at each. Without a ServerName it is the host that is
	// connected to. Nil: plain TCP.
	TLS func() *tls.Config
	// Describe sets what the other members read of this one with each heartbeat: Version, Plan, Freezes. Optional.
	Describe func(*Row)
	// Observe is called after each round trip with its time and the number of questions. Optional.
	Observe func(trip time.Duration, questions int)
}

// Settings are those of the [Options] that follow a reload.
type Settings struct {
	Members  []string // all that are configured, this one among them
	Patience time.Duration
}

// Question is asked by [Client.Ask]. It must not be changed afterwards.
type Question struct {
	Script *Script
	Args   []any // texts, bytes, numbers
	// Counts: the script has effects whose fate must be known.
	Counts bool
	// Complete: ask only while the epoch is complete, else the answer is ErrIncomplete.
	Complete bool
	// Patience is how long to wait for the answer, up to MaxPatience. Zero: as configured.
	Patience time.Duration
	// Check, if set, looks at the answer before Ask returns it. After an error the answer counts as none, and the connection is dropped.
	Check func(reply any) error
	// Fate is called once for a question with Counts of which Ask returns ErrLate, as soon as it is known whether the script ran; it may be
	// called before Ask returns. A question of which this cannot be known any more, since Redis lost what it knew of this member, was not
	// applied: the current data does not have it. At the end of Run the fate of what is left is false too.
	Fate func(applied bool)
}

// MaxPatience is the longest patience of one question. A round trip that takes longer ends the connection.
const MaxPatience = time.Second

// Part is what shares its state over the fleet.
type Part interface {
	// Join uploads what this member knows of its part. It is called for each connection before questions are asked on it.
	Join(ctx context.Context, s *Session) error
}

// Beater is a [Part] that sees each heartbeat. Beat is called between two heartbeats, also while parts are joining, and has to return soon.
type Beater interface{ Beat(b *Beat) }

// Beat is what a heartbeat brought.
type Beat struct {
	Epoch   Epoch
	Freezes int64 // the number under FreezesKey
	Members []Member
}

// FreezesKey names the key, as key(name) in a script makes it, whose number the heartbeats bring.
const FreezesKey = "freezes:version"

// Epoch is a life of the data in Redis.
type Epoch struct {
	Number   uint64        `json:"number"` // 0: none was joined yet
	Complete bool          `json:"complete"`
	Age      time.Duration `json:"age"`
	Missing  []string      `json:"missing,omitempty"` // configured members that have not joined
}

// Row is what the other members know of one.
type Row struct {
	Version string        `json:"version,omitempty"` // of the program
	Plan    string        `json:"plan,omitempty"`    // hash of the configuration in force
	Freezes int64         `json:"freezes"`           // the version of the freezes that is in force there
	Latency time.Duration `json:"latency"`           // of its last heartbeat
}

// Member is a member as this one sees it.
type Member struct {
	Name       string `json:"name"`
	Configured bool   `json:"configured"`
	// Present: its lease runs. SignedOff: it has stopped in good order. A configured member that is neither is absent.
	Present   bool          `json:"present"`
	SignedOff bool          `json:"signed_off"`
	Joined    bool          `json:"joined"` // in the current epoch
	Seen      time.Duration `json:"seen"`   // since its last heartbeat, by the clock of Redis; negative: never
	Instance  string        `json:"instance,omitempty"`
	Row
}

// Absent reports whether the member may be at work without Redis.
func (m *Member) Absent() bool { return m.Configured && !m.Present && !m.SignedOff }

// State is how a [Client] stands.
type State struct {
	Up           bool          `json:"up"`
	Why          string        `json:"why,omitempty"` // it is not up
	Since        time.Time     `json:"since"`         // of Up, or of its end
	Slow         bool          `json:"slow"`          // a round trip takes longer than the patience, or the last one did
	Server       string        `json:"server,omitempty"`
	Latency      time.Duration `json:"latency"` // of the last round trip
	Trips        uint64        `json:"round_trips"`
	Questions    uint64        `json:"questions"`
	CallsPerTrip float64       `json:"questions_per_trip"`
	Warnings     []string      `json:"warnings,omitempty"`
	Epoch        Epoch         `json:"epoch"`
	Members      []Member      `json:"members"`
}
