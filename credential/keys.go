package credential

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/internal/secret"
	"tollgate/internal/watch"
	"tollgate/signing"
)

const (
	readEvery = time.Second // at most: how often the key source is read
	standTime = time.Second // how long changed keys must have stood to be used

	slowReading = 10 * time.Second // from then on a reading that has not ended is a fault

	// knownSets is how many sets of keys are remembered in any case. More are while they may be paused, which the pace of
	// readings bounds.
	knownSets = 8
)

// Keys are what a credential signs with.
type Keys struct {
	AccessKey     string
	SecretKey     secret.String
	SecurityToken secret.String // of temporary keys; empty otherwise
	Expires       time.Time     // as their source says; it makes no other keys. Zero: it says nothing
}

func (k Keys) equal(other Keys) bool {
	return k.AccessKey == other.AccessKey && k.SecretKey.Equal(other.SecretKey) && k.SecurityToken.Equal(other.SecurityToken)
}

// accessKeyExpr is what an access key may be: it stands in the Authorization header, where "," and "=" have a meaning.
var accessKeyExpr = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// CheckAccessKey reports a text that cannot be an access key. It does not repeat it: it may be a secret in the wrong place.
func CheckAccessKey(text string) error {
	if !accessKeyExpr.MatchString(text) {
		return errors.New("what it refers to is not an access key")
	}
	return nil
}

func (k Keys) check() error {
	if k.AccessKey == "" || k.SecretKey.IsZero() {
		return errors.New("access key and secret key must not be empty")
	}
	return nil
}

// reader reads the key source again.
type reader struct {
	wanted   atomic.Bool // a rejection or the operator asks for it
	rejected atomic.Bool // a rejection does: any other keys will do

	mutex   sync.Mutex // guards what follows, and is not held while the source is read: that may hang
	busy    bool       // a reading is under way
	at      time.Time  // of the last reading: of its end, or of its start while it is under way
	changed *Keys      // what it found, where that is not in use
	since   time.Time  // when changed was first seen
	err     error      // of the last reading
	known   []*keySet  // in use now and before, by when they were last put to use

	files  watch.Files // of the keys; who is busy has them
	looked time.Time   // when they were looked at
	part   *partialSet // that waits for the rest; nil: none does

	expires    time.Time // see Expires
	generation int       // see Generation
}

// Reread makes the next Poll read the key source.
func (c *Credential) Reread() { c.reader.wanted.Store(true) }

// reject is Reread after a rejection.
func (c *Credential) reject() {
	c.reader.rejected.Store(true)
	c.Reread()
}

// Poll looks at the files of the keys if that is due, and uses keys that have changed: see [Credential.look]. If a rejection or the
// operator asks for it, or while something is paused, it reads the source instead, at most once a second, and uses keys that have changed
// and stood: after a rejection any, for the operator those of which all have changed. It is cheap when nothing is due or a reading is
// under way. A source that fails changes nothing; its error is returned once for each cause.
func (c *Credential) Poll(now time.Time) (changed bool, err error) {
	paused := len(c.Pauses()) > 0
	due, err := c.reader.begin(paused, now)
	switch due {
	case lookDue:
		return c.look(now)
	case readDue:
		begun := time.Now()
		keys, err := c.load()
		took := time.Since(begun).Truncate(standTime / 4) // what a slow source returns did not stand since the start
		return c.read(keys, err, now.Add(took))
	}
	return false, err
}

func (c *Credential) load() (Keys, error) {
	keys, err := c.options.Load()
	if err == nil {
		err = keys.check()
	}
	return keys, err
}

// work is what a Poll has to do.
type work int

const (
	nothingDue work = iota
	lookDue
	readDue
)

// begin returns what is due, which then is under way.
func (r *reader) begin(paused bool, now time.Time) (due work, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.dropOld(now)
	since := now.Sub(r.at)
	switch {
	case r.busy && since >= slowReading:
		r.changed = nil
		return nothingDue, r.report(fmt.Errorf("reading them takes longer than %v", slowReading))
	case r.busy:
		return nothingDue, nil
	case (paused || r.wanted.Load()) && (since < 0 || since >= readEvery):
		r.wanted.Store(false) // before the reading: a rejection from here on asks for another one
		due = readDue
	case r.lookIsDue(now):
		r.looked = now
		due = lookDue
	default:
		return nothingDue, nil
	}
	r.busy, r.at = true, now
	return due, nil
}

// read takes what a reading found.
func (c *Credential) read(keys Keys, err error, now time.Time) (changed bool, _ error) {
	r := &c.reader
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.busy, r.at = false, now
	if err != nil {
		return false, r.failed(err)
	}
	r.err = nil
	return c.found(keys, now), nil
}

// failed makes sure that a reading that failed is tried again.
func (r *reader) failed(err error) error {
	r.wanted.Store(true)
	r.changed = nil
	return r.report(err)
}

// report keeps the cause of a failure, and returns it if it is another than before.
func (r *reader) report(err error) error {
	known := r.err != nil && r.err.Error() == err.Error()
	r.err = err
	if known {
		return nil
	}
	return err
}

// found takes what the source holds now, and reports whether other keys are in use now. The mutex of the reader is held.
func (c *Credential) found(keys Keys, now time.Time) (used bool) {
	r := &c.reader
	if keys.equal(c.active.Load().keys) {
		r.changed, r.expires = nil, keys.Expires
		r.rejected.Store(false)
		return false
	}
	if !c.whole(keys) && !r.rejected.Load() && len(c.Pauses()) == 0 {
		r.changed = nil // the looks wait for the rest
		return false
	}
	if r.changed == nil || !r.changed.equal(keys) {
		r.changed, r.since = &keys, now
	}
	if now.Sub(r.since) < standTime {
		r.wanted.Store(true)
		return false
	}
	r.changed = nil
	c.use(keys, now)
	c.notify(false)
	return true
}

// use puts keys to use, and wakes the calls that wait for others. The mutex of the reader is held.
func (c *Credential) use(keys Keys, now time.Time) {
	r := &c.reader
	before, next := c.active.Load(), r.setOf(keys, c.options.Scheme)
	r.known = append(slices.DeleteFunc(r.known, func(s *keySet) bool { return s == next }), next)
	r.dropOld(now)
	c.active.Store(next)
	r.rejected.Store(false)
	r.part, r.expires, r.generation = nil, keys.Expires, r.generation+1
	before.leave(now)
}

// dropOld drops sets that cannot be paused any more, but for a few and the one in use, which is the last. The mutex is held.
func (r *reader) dropOld(now time.Time) {
	for len(r.known) > knownSets && now.Sub(r.known[0].leftAt()) > PauseTime {
		r.known = slices.Delete(r.known, 0, 1)
	}
}

// inherit adds the sets of keys that are not known yet.
func (r *reader) inherit(sets []*keySet) {
	for _, s := range sets {
		if !slices.ContainsFunc(r.known, func(known *keySet) bool { return known.keys.equal(s.keys) }) {
			r.known = append(r.known, s)
		}
	}
}

// setOf returns the set of keys that were in use before, with its pauses; or a new one, which shares the standing of its access key.
func (r *reader) setOf(keys Keys, scheme signing.Scheme) *keySet {
	var shared *standing
	for _, s := range r.known {
		if s.keys.equal(keys) {
			return s
		}
		if shared == nil && s.keys.AccessKey == keys.AccessKey {
			shared = s.standing
		}
	}
	if shared == nil {
		shared = newStanding()
	}
	return newKeySet(keys, shared, scheme)
}

// ReadError returns why the key source could not be read again; nil if the last reading was good.
func (c *Credential) ReadError() error {
	c.reader.mutex.Lock()
	defer c.reader.mutex.Unlock()
	return c.reader.err
}
