package credential

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/internal/secret"
)

const (
	readEvery = time.Second // at most: how often the key source is read
	standTime = time.Second // how long changed keys must have stood to be used
)

// Keys are what a credential signs with.
type Keys struct {
	AccessKey     string
	SecretKey     secret.String
	SecurityToken secret.String // of temporary keys; empty otherwise
}

func (k Keys) equal(other Keys) bool {
	return k.AccessKey == other.AccessKey && k.SecretKey.Equal(other.SecretKey) && k.SecurityToken.Equal(other.SecurityToken)
}

func (k Keys) check() error {
	if k.AccessKey == "" || k.SecretKey.IsZero() {
		return errors.New("access key and secret key must not be empty")
	}
	return nil
}

// reader reads the key source again.
type reader struct {
	wanted atomic.Bool // a rejection or the operator asks for it

	mutex   sync.Mutex // guards what follows
	at      time.Time  // of the last reading
	changed *Keys      // what it found, where that is not in use
	since   time.Time  // when changed was first seen
	err     error      // of the last reading
}

// Reread has the next Poll read the key source.
func (c *Credential) Reread() { c.reader.wanted.Store(true) }

// Poll reads the key source again if that is due, at most once a second, and uses keys that have changed and stood. It is
// cheap when nothing is due. A source that fails changes nothing; its error is returned once for each cause.
func (c *Credential) Poll(now time.Time) (changed bool, err error) {
	r := &c.reader
	r.mutex.Lock()
	defer r.mutex.Unlock()
	paused := len(c.active.Load().list()) > 0
	if since := now.Sub(r.at); !paused && !r.wanted.Load() || since >= 0 && since < readEvery {
		return false, nil
	}
	r.at = now
	r.wanted.Store(false) // before the reading: a rejection from here on asks for another one
	keys, err := c.config.Load()
	if err == nil {
		err = keys.check()
	}
	if err != nil {
		return false, r.failed(err)
	}
	r.err = nil
	return c.found(keys, now), nil
}

// failed keeps the cause of a failed reading, and returns it if it is another than before.
func (r *reader) failed(err error) error {
	r.wanted.Store(true)
	known := r.err != nil && r.err.Error() == err.Error()
	r.changed, r.err = nil, err
	if known {
		return nil
	}
	return err
}

// found takes what the source holds now. The mutex of the reader is held.
func (c *Credential) found(keys Keys, now time.Time) (used bool) {
	r := &c.reader
	if keys.equal(c.active.Load().keys) {
		r.changed = nil
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
	c.active.Store(newKeySet(keys))
	return true
}

// ReadError returns why the key source could not be read again; nil if the last reading was good.
func (c *Credential) ReadError() error {
	c.reader.mutex.Lock()
	defer c.reader.mutex.Unlock()
	return c.reader.err
}
